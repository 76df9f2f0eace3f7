//! What values amount to, and which values a text means.
//!
//! | file | holds |
//! |---|---|
//! | `pointer` | JSON pointers |
//! | `duration`, `quantity` | Go's durations, Kubernetes' quantities |
//! | `value_pattern` | [`ValuePattern`](crate::ValuePattern): which values a text means |

pub(crate) mod pointer;

pub(crate) mod duration;
pub(crate) mod quantity;

pub(crate) mod value_pattern;
