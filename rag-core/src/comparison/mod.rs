//! What several answers have in common, and where they disagree.
