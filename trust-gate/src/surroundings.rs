//! [`Surroundings`]: what a review does not say about its request.

use trust_policy::Request;

use crate::deadline::{Boxed, Deadline};

/// What a review does not say about its request: the labels of its namespace, and the roles of its user.
///
/// An implementor promises not to guess: what it does not know by the deadline it leaves unknown, and policies that ask for it deny.
pub trait Surroundings: core::fmt::Debug + Send + Sync {
    /// Adds what is known.
    fn complete<'a>(&'a self, request: &'a mut Request, until: Deadline) -> Boxed<'a, ()>;
}
