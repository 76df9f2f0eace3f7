//! What runs, and what is wrong with it.
//!
//! | file | holds |
//! |---|---|
//! | `running_image` | [`RunningImage`]: what a node says that a container runs |
//! | `image_family` | [`ImageFamily`]: the digests by which one image may run |
//! | `workload` | [`Workload`]: what a Pod says of itself; [`owner_of`](workload::owner_of) |
//! | `finding` | [`Finding`](finding::Finding), its kind, and what helps against it |
//! | `record` | [`WorkloadRecord`](record::WorkloadRecord): what is kept of a workload |
//! | `event` | [`Event`](event::Event): what a person or a program has to act on |
//! | `guard` | what guards a cluster, field by field |
//! | `inventory` | [`Inventory`](inventory::Inventory): the state machine |

pub(crate) mod running_image;

pub(crate) mod image_family;

pub(crate) mod workload;

pub(crate) mod finding;

pub(crate) mod record;

pub(crate) mod event;

pub(crate) mod guard;

pub(crate) mod inventory;
