//! Every answer that was given, to be found again.
