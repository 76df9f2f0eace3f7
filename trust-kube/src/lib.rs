//! Gates a Kubernetes cluster: the admission webhook, the watch that finds drift, and where both leave what they found.
//!
//! [`webhook`] makes the routes that an API server asks, of a [`Gate`](trust_gate::Gate); [`serve`] serves them with certificates that
//! are read again when they change. A [`Recorder`] keeps what was admitted and tells of what was denied. A [`Watch`] drives an
//! [`Inventory`](trust_policy::Inventory): it judges what runs again, and stores and delivers what comes of it.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::sync::atomic::AtomicBool;
//! use trust_gate::{Gate, OciLayout, Repositories};
//! use trust_kube::{PolicyFiles, ServerCertificate, asked_to_end, serve, webhook};
//! use trust_policy::Trust;
//!
//! let files = PolicyFiles::open("/policies")?;
//! let mut images = Repositories::new();
//! images.insert("registry.example.com/app".parse()?, OciLayout::open("/images")?);
//! let gate = Gate::new(files.policies().clone(), Trust::keys_only(), images);
//! let is_ready = Arc::new(AtomicBool::new(true));
//! let routes = webhook(gate.clone(), Vec::new(), is_ready.clone());
//! tokio::spawn(files.keep_fresh(move |policies, _| gate.replace_policies(policies.clone())));
//!
//! let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
//! let certificate = ServerCertificate::open("/tls/tls.crt", "/tls/tls.key", provider.clone())?;
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
//! serve(listener, certificate, provider, routes, is_ready, asked_to_end()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `cluster`, the API server is asked, too: `Cluster` makes a gate that judges by the policies that it stores, and
//! `ClusterWatch` follows its Pods, one replica of several at a time (`Leadership`); `ClusterRecords`, `Reported` and `ClusterEvents` leave
//! there what was found.
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
//! | `health` | the routes for liveness, readiness and metrics |
//! | `stored` | reading the policies and trust roots of an API server |
//! | `webhook` | the routes, and the server |
//! | `watch` | [`Watch`]: judges what runs again |
//! | `api` | the API server: kinds of objects, requests for them, and following them |
//! | `custom_resources` | the kinds of `trust.dev` |
//! | `last_good` | objects that are read as they come, each in its last readable version |
//! | `cluster_policies` | policies and trust roots that it stores |
//! | `cluster_objects` | what rules ask of it: ConfigMaps, Secrets, labels, roles |
//! | `resource_status` | what the status of `trust.dev`'s kinds says |
//! | `cluster` | a gate that judges by all of that |
//! | `cluster_records`, `cluster_events` | records, reports and events there |
//! | `leadership` | one of several replicas is active |
//! | `cluster_watch` | a watch that is fed by it |

mod record_store;

mod event_sink;

mod observer;

mod recorder;

mod certificate;

mod policy_files;

mod metrics;

mod connections;

mod health;

mod stored;

mod webhook;

mod watch;

#[cfg(feature = "cluster")]
mod api;

#[cfg(feature = "cluster")]
mod custom_resources;

#[cfg(feature = "cluster")]
mod last_good;

#[cfg(feature = "cluster")]
mod cluster_policies;

#[cfg(feature = "cluster")]
mod cluster_objects;

#[cfg(feature = "cluster")]
mod resource_status;

#[cfg(feature = "cluster")]
mod cluster;

#[cfg(feature = "cluster")]
mod cluster_records;

#[cfg(feature = "cluster")]
mod cluster_events;

#[cfg(feature = "cluster")]
mod leadership;

#[cfg(feature = "cluster")]
mod cluster_watch;

pub use certificate::{CertificateError, ServerCertificate};
pub use event_sink::{CloudEvents, EventSink, JsonLines, SinkError};
pub use health::{health, serve_health};
pub use metrics::to_prometheus;
pub use observer::Observer;
pub use policy_files::{PolicyFiles, PolicyFilesError};
pub use record_store::{FolderRecords, MemoryRecords, RecordError, RecordStore, StoredAdmission};
pub use recorder::Recorder;
pub use watch::{Watch, WatchError};
pub use webhook::{asked_to_end, serve, webhook};
#[cfg(feature = "cluster")]
pub use {
    api::ClusterError,
    cluster::{Cluster, ClusterSettings, JudgedBy},
    cluster_events::ClusterEvents,
    cluster_records::{ClusterRecords, Reported},
    cluster_watch::{ClusterWatch, WatchNumbers},
    custom_resources::custom_resources,
    leadership::Leadership,
};
