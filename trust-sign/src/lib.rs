//! Signs and attests images.

mod key;

pub use key::{KeyError, PrivateKey, SigningKey};
