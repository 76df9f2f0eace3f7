//! Gates a Kubernetes cluster: the admission webhook, the watch that finds drift, and where both leave what they found.
//!
//! [`webhook`] makes the routes that an API server asks, of a [`Gate`](trust_gate::Gate); [`serve`] serves them with certificates that
//! are read again when they change. A [`Recorder`] keeps what was admitted and tells of what was denied. A [`Watch`] drives an
//! [`Inventory`](trust_policy::Inventory): it judges what runs again, and stores and delivers what comes of it. Where Pods are seen, the
//! embedder says.
//!
//! Each file is about one noun, and imports only from those before it in this list:
//!
//! | file | holds |
//! |---|---|
//! | `record_store` | [`RecordStore`]: where records outlive a restart; [`MemoryRecords`], [`FolderRecords`] |
//! | `event_sink` | [`EventSink`]: where events go; [`JsonLines`], [`CloudEvents`] |
//! | `observer` | [`Observer`]: is told of each review |
//! | `recorder` | [`Recorder`]: what was admitted, on record; what was denied, told |
//! | `certificate` | [`ServerCertificate`]: read again when it changes |
//! | `policy_files` | [`PolicyFiles`]: policies in a folder, read again when they change |
//! | `metrics` | what a gate did, for Prometheus |
//! | `connections` | clients over TLS, bounded in number and in silence |
//! | `webhook` | the routes, and the server |
//! | `watch` | [`Watch`]: judges what runs again |

mod record_store;

mod event_sink;

mod observer;

mod recorder;

mod certificate;

mod policy_files;

mod metrics;

mod connections;

mod webhook;

mod watch;

pub use certificate::{CertificateError, ServerCertificate};
pub use event_sink::{CloudEvents, EventSink, JsonLines, SinkError};
pub use metrics::to_prometheus;
pub use observer::Observer;
pub use policy_files::{PolicyFiles, PolicyFilesError};
pub use record_store::{FolderRecords, MemoryRecords, RecordError, RecordStore, StoredAdmission};
pub use recorder::Recorder;
pub use watch::{Watch, WatchError};
pub use webhook::{asked_to_end, serve, webhook};
