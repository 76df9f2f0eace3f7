//! Fetches the evidence that image policies need, and is the only crate here that touches the world.
//!
//! An [`EvidenceStore`] keeps images and the signatures beside them; [`collect_for`] fetches what a request needs,
//! bounded, with every blob hashed against its descriptor. What it returns is plain data for
//! [`trust_policy::evaluate`].
//!
//! ```no_run
//! use trust_core::{TrustRoot, UnixTime};
//! use trust_gate::{Limits, Objects, OciLayout, Repositories, collect_for};
//! use trust_policy::{PolicySet, Request, Resource, evaluate};
//!
//! let policies = PolicySet::from_yaml(&std::fs::read_to_string("policy.yaml")?)?;
//! let resources = Resource::from_yaml(&std::fs::read_to_string("pod.yaml")?)?;
//! let mut repositories = Repositories::new();
//! repositories.insert("ghcr.io/org/app".parse()?, OciLayout::open("layout")?);
//!
//! let now: UnixTime = "2026-11-22T00:00:00Z".parse()?;
//! for resource in resources {
//!     let request = Request::from(resource);
//!     let objects = Objects::default();
//!     let evidence = collect_for(&policies, &request, &repositories, &objects, &Limits::default(), now);
//!     println!("{}", evaluate(&policies, &request, &evidence, &TrustRoot::public_good().into(), now));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`guide::embedding`] shows how a controller uses the crates; [`guide::extending`], how to add a check, a policy language, a document
//! format or a store.
//!
//! Two features: `registry` adds registries over a [`Transport`], trust roots that stay fresh, caches and the [`Gate`], with tokio;
//! `http` adds the transport over reqwest and rustls, [`Http`].
//!
//! Each file is about one noun, and imports only from files above it in this list:
//!
//! | file | holds |
//! |---|---|
//! | `deadline` | [`Deadline`], until when an answer is of use |
//! | `clock` | the clock, and chance |
//! | `store` | [`EvidenceStore`], where images are kept: what is [wanted](Want) of it, what is [`Found`] |
//! | `manifest` | OCI manifests and indexes |
//! | `folder` | files that others may have written |
//! | `notation_folder` | [`notation_policies`]: trust policies and trust stores where notation has them |
//! | `transport` | [`Transport`], the one joint to the network |
//! | `paced` | [`Paced`]: a transport with a rate limit |
//! | `push` | [`Pusher`]: images and signatures to a [`PushTarget`] |
//! | `address` | which addresses may be reached |
//! | `http` | [`Http`]: the transport over reqwest |
//! | `registry` | [`Registry`]: the OCI distribution API, its [`Credentials`] |
//! | `tuf_source` | [`TufSource`]: files that a TUF repository vouches for |
//! | `root_source` | [`RootSource`]: trust roots that stay fresh |
//! | `oci_layout` | [`OciLayout`]: images in a folder |
//! | `repositories` | [`Repositories`]: which store answers for which image |
//! | `discovery` | [`Discovery`]: signatures and attestations, in all the ways they are stored |
//! | `objects` | [`ObjectStore`], where cluster objects are looked up, and [`Objects`] at hand |
//! | `surroundings` | [`Surroundings`]: what a review does not say about its request |
//! | `collect` | [`collect_for`]: everything that a request needs |
//! | `revocation` | [`RevocationSource`], where OCSP responses and CRLs come from; [`collect_revocations`] |
//! | `revocation_services` | [`RevocationServices`]: OCSP responders and CRLs over HTTP |
//! | `oci_layout_writer` | [`OciLayoutWriter`]: images in a folder, for a judge without network |
//! | `content` | [`Content`]: manifests and blobs by digest, in memory and in a folder |
//! | `cached` | [`Cached`]: a store that is asked once for what many want |
//! | `metrics` | [`Metrics`]: what a gate did, as plain numbers |
//! | `gate` | [`Gate`]: answers admission reviews |

mod deadline;

#[cfg(feature = "registry")]
mod clock;

mod store;

mod manifest;

mod folder;

mod notation_folder;

#[cfg(feature = "registry")]
mod transport;

#[cfg(feature = "registry")]
mod paced;

#[cfg(feature = "registry")]
mod push;

#[cfg(feature = "registry")]
mod address;

#[cfg(feature = "http")]
mod http;

#[cfg(feature = "registry")]
mod registry;

#[cfg(feature = "registry")]
mod tuf_source;

#[cfg(feature = "registry")]
mod root_source;

mod oci_layout;

mod repositories;

mod discovery;

mod objects;

#[cfg(feature = "registry")]
mod surroundings;

mod collect;

mod revocation;

#[cfg(feature = "registry")]
mod revocation_services;

mod oci_layout_writer;

#[cfg(feature = "registry")]
mod content;

#[cfg(feature = "registry")]
mod cached;

#[cfg(feature = "registry")]
mod metrics;

#[cfg(feature = "registry")]
mod gate;

/// What the crates above share. It is no part of the interface, and changes without notice.
#[doc(hidden)]
pub mod internal {
    #[cfg(feature = "registry")]
    pub use crate::clock::{now, random};
    pub use crate::folder::write_whole;
}

/// Guides, for reading.
pub mod guide {
    #[doc = include_str!("../guide/embedding.md")]
    pub mod embedding {}

    #[doc = include_str!("../guide/extending.md")]
    pub mod extending {}
}

#[cfg(feature = "http")]
pub use crate::http::{Http, HttpError};
#[cfg(feature = "registry")]
pub use crate::{
    cached::Cached,
    content::Content,
    gate::{Gate, GateBuilder, GateError, Reviewed},
    metrics::{BUCKETS, Metrics, ReviewOutcome},
    paced::Paced,
    push::{Change, Condition, PushManifest, PushTarget, Pushed, Pusher, Tagged},
    registry::credentials::{
        Anonymous, Credential, CredentialError, Credentials, DockerConfig, ForRegistry, PullSecrets,
    },
    registry::host::RegistryHost,
    registry::{Registry, RegistryBuilder},
    revocation_services::RevocationServices,
    root_source::{CurrentRoot, RootSource, RootSourceError, Roots},
    surroundings::Surroundings,
    transport::{HttpRequest, HttpResponse, Method, Reach, Transport, TransportError},
    tuf_source::{TufRefreshed, TufSource, TufSourceError},
};
pub use collect::{collect, collect_async, collect_family, collect_for, collect_for_async};
pub use deadline::{Boxed, Deadline};
pub use discovery::{Discovered, Discovery, Limits};
pub use notation_folder::notation_policies;
pub use objects::{ObjectStore, Objects};
pub use oci_layout::OciLayout;
pub use oci_layout_writer::{CopyError, OciLayoutWriter};
pub use repositories::Repositories;
pub use revocation::{RevocationSource, collect_revocations};
pub use store::{EvidenceStore, Found, Item, StoreError, Want};
