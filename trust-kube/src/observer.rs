//! [`Observer`]: is told of each review.

use trust_gate::Reviewed;

/// Is told of each review, after it was judged and before it is answered: it must not wait.
pub trait Observer: core::fmt::Debug + Send + Sync {
    /// A review was judged, or denied without.
    fn reviewed(&self, reviewed: &Reviewed);
}
