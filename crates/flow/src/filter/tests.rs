//! Reads and checks filters.
