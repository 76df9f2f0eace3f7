//! What clusters are asked to run.
//!
//! | file | holds |
//! |---|---|
//! | `image_pattern` | [`ReferencePattern`](crate::ReferencePattern): which images a text means |
//! | `object_name` | [`ObjectName`](crate::ObjectName): a ConfigMap or Secret |
//! | `resource`, `request` | [`Resource`](crate::Resource): objects and their images; [`Request`](crate::Request): what is done with one, by whom |
//! | `label_selector` | [`LabelSelector`](crate::LabelSelector) |

pub(crate) mod image_pattern;
pub(crate) mod object_name;

pub(crate) mod resource;

pub(crate) mod request;

pub(crate) mod label_selector;
