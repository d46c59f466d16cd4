//! What is known about a user: facts with a schema, kept in a store.
