//! How messages that were missed are found and fetched.
