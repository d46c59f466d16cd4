//! Which of two ways of doing something is better, found out on those who use it.
