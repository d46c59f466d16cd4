//! Documents, vectors, BM25 and dials in one searchable store.
