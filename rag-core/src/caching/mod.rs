//! Results that are kept for a while, and when they may be used again.
