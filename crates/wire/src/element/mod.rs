//! Information elements: to be written.
