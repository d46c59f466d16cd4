//! What is counted and timed, and how people look at it.
