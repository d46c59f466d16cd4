//! From a question to an answer: everything below, put together.
