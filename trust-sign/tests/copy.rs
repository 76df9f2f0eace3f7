//! A copy is whole or fails: nothing that is attached is hidden or dropped, and the tag comes last.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use trust_core::{Digest, ImageRef};
use trust_gate::{
    Boxed, Deadline, EvidenceStore, Found, Item, PushManifest, PushTarget, Pushed, Pusher, StoreError,
    Tagged, Want,
};
use trust_sign::{Copied, copy};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// One repository.
#[derive(Clone, Debug, Default)]
struct Repository(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    bytes: HashMap<Digest, Vec<u8>>,
    tags: HashMap<String, Digest>,
    referrers: HashMap<Digest, Vec<Digest>>,
    /// What was written, in order.
    written: Vec<String>,
}

impl Repository {
    fn blob(&self, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes);
        self.0.lock().unwrap().bytes.insert(digest.clone(), bytes.to_vec());
        json!({"mediaType": "application/octet-stream", "digest": digest.to_string(), "size": bytes.len()})
    }

    fn manifest(&self, layers: &[Value], subject: Option<&Digest>) -> Digest {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(b"{}"), "layers": layers,
        });
        if let Some(subject) = subject {
            manifest["subject"] = json!({"mediaType": MANIFEST, "digest": subject.to_string(), "size": 1});
        }
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::sha256(&bytes);
        let mut content = self.0.lock().unwrap();
        content.bytes.insert(digest.clone(), bytes);
        if let Some(subject) = subject {
            content.referrers.entry(subject.clone()).or_default().push(digest.clone());
        }
        digest
    }

    fn tag(&self, tag: &str, digest: &Digest) {
        self.0.lock().unwrap().tags.insert(tag.to_owned(), digest.clone());
    }

    fn image(&self) -> Digest {
        let layer = self.blob(b"layer");
        let image = self.manifest(&[layer], None);
        self.tag("v1", &image);
        image
    }

    fn has(&self, digest: &Digest) -> bool {
        self.0.lock().unwrap().bytes.contains_key(digest)
    }
}

impl EvidenceStore for Repository {
    fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        let content = self.0.lock().unwrap();
        let bytes = |digest: Option<&Digest>| {
            digest
                .and_then(|one| content.bytes.get(one))
                .map_or(Found::Absent, |bytes| Found::Bytes(bytes.clone()))
        };
        let found = match &want.item {
            Item::Image => {
                let named = want.image.digest().or_else(|| content.tags.get(want.image.tag()?));
                named.map_or(Found::Absent, |digest| Found::Digest(digest.clone()))
            }
            Item::Tag(tag) => bytes(content.tags.get(tag)),
            Item::Manifest(digest) | Item::Blob { digest, .. } => bytes(Some(digest)),
            Item::Referrers(digest) => {
                Found::Referrers(content.referrers.get(digest).cloned().unwrap_or_default())
            }
        };
        Box::pin(async { Ok(found) })
    }
}

impl PushTarget for Repository {
    fn push_blob<'a>(
        &'a self,
        _: &'a ImageRef,
        blob: &'a [u8],
        _: Deadline,
    ) -> Boxed<'a, Result<(), StoreError>> {
        self.blob(blob);
        self.0.lock().unwrap().written.push(format!("blob {}", Digest::sha256(blob)));
        Box::pin(async { Ok(()) })
    }

    fn push_manifest<'a>(
        &'a self,
        _: &'a ImageRef,
        manifest: &'a PushManifest,
        _: Deadline,
    ) -> Boxed<'a, Result<Pushed, StoreError>> {
        let mut content = self.0.lock().unwrap();
        content.bytes.insert(manifest.digest(), manifest.bytes.clone());
        if let Some(tag) = &manifest.tag {
            content.tags.insert(tag.clone(), manifest.digest());
        }
        let wire: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        if let (Some(subject), None) = (wire["subject"]["digest"].as_str(), &manifest.tag) {
            content.referrers.entry(subject.parse().unwrap()).or_default().push(manifest.digest());
        }
        content.written.push(format!(
            "{} {}",
            manifest.tag.as_deref().unwrap_or("manifest"),
            manifest.digest()
        ));
        Box::pin(async { Ok(Pushed::Stored { is_listed: true }) })
    }

    fn read_tag<'a>(
        &'a self,
        _: &'a ImageRef,
        _: &'a str,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Tagged>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

async fn copied(from: &Repository, to: &str) -> (Result<(Digest, Copied), StoreError>, Repository) {
    let target = Repository::default();
    let image = "ghcr.io/acme/app:v1".parse().unwrap();
    let result =
        copy(from, &image, &Pusher::new(target.clone()), &to.parse().unwrap(), Deadline::never()).await;
    (result, target)
}

#[tokio::test]
async fn the_tag_comes_when_all_that_is_attached_is_there() {
    let from = Repository::default();
    let image = from.image();
    let signature = from.manifest(&[from.blob(b"bundle")], Some(&image));
    let of_signature = from.manifest(&[from.blob(b"another")], Some(&signature));
    let legacy = from.manifest(&[from.blob(b"payload")], None);
    let legacy_tag = format!("{}.sig", image.to_string().replace(':', "-"));
    from.tag(&legacy_tag, &legacy);

    let (result, to) = copied(&from, "mirror.example/app:v2").await;
    assert_eq!(result.unwrap().0, image);
    let content = to.0.lock().unwrap();
    assert_eq!(content.tags, HashMap::from([("v2".to_owned(), image.clone()), (legacy_tag, legacy)]));
    assert_eq!(
        (&content.referrers[&image], &content.referrers[&signature]),
        (&vec![signature.clone()], &vec![of_signature])
    );
    assert_eq!(content.written.last().unwrap(), &format!("v2 {image}"));
}

#[tokio::test]
async fn nothing_hides_a_signature() {
    let from = Repository::default();
    let image = from.image();
    let signature = from.manifest(&[from.blob(b"bundle")], Some(&image));
    // A stranger's, listed first, whose layer is the signature's manifest.
    let layer =
        json!({"digest": signature.to_string(), "size": from.0.lock().unwrap().bytes[&signature].len()});
    let stranger = from.manifest(&[layer], Some(&image));
    from.0.lock().unwrap().referrers.get_mut(&image).unwrap().reverse();
    let (result, to) = copied(&from, "mirror.example/app:v1").await;
    result.unwrap();
    assert_eq!(to.0.lock().unwrap().referrers[&image], [stranger, signature]);
}

#[tokio::test]
async fn what_cannot_be_copied_whole_fails() {
    let image_of = |change: &dyn Fn(&Repository, &Digest)| {
        let from = Repository::default();
        let image = from.image();
        change(&from, &image);
        from
    };
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let tag = |image: &Digest| image.to_string().replace(':', "-");
    for (change, expected) in [
        (
            &(|from: &Repository, image: &Digest| {
                let broken = from.blob(b"no index");
                from.tag(&tag(image), &broken["digest"].as_str().unwrap().parse().unwrap());
            }) as &dyn Fn(&Repository, &Digest),
            "tag `sha256-",
        ),
        (
            &|from, image| {
                from.manifest(&[json!({"digest": sha512, "size": 1})], Some(image));
            },
            "expected sha256",
        ),
        (
            &|from, image| {
                let absent = Digest::sha256(b"absent");
                from.manifest(&[json!({"digest": absent.to_string(), "size": 1})], Some(image));
            },
            "is not there",
        ),
        (
            &|from, image| {
                let changed = from.manifest(&[from.blob(b"bundle")], Some(image));
                from.0.lock().unwrap().bytes.insert(changed, b"{}".to_vec());
            },
            "not what its digest says",
        ),
        (
            &|from, image| {
                let mut subject = image.clone();
                (0..10).for_each(|_| subject = from.manifest(&[], Some(&subject)));
            },
            "in one another",
        ),
    ] {
        let (result, to) = copied(&image_of(change), "mirror.example/app:v1").await;
        let error = result.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(to.0.lock().unwrap().tags.is_empty(), "{expected}: the tag stands for what is not whole");
    }
}

#[tokio::test]
async fn a_destination_with_another_digest_is_refused_before_anything_is_written() {
    let from = Repository::default();
    let image = from.image();
    let (refused, to) = copied(&from, &format!("mirror.example/app@{}", Digest::sha256(b"other"))).await;
    assert!(refused.is_err() && to.0.lock().unwrap().written.is_empty());
    let (by_digest, to) = copied(&from, &format!("mirror.example/app@{image}")).await;
    assert!(by_digest.is_ok() && to.has(&image) && to.0.lock().unwrap().tags.is_empty());
}

#[tokio::test]
async fn an_index_is_copied_with_its_platforms_and_layers_that_may_not_travel_stay() {
    let from = Repository::default();
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": Digest::sha256(b"far").to_string(), "size": 3,
    });
    let platform = from.manifest(&[from.blob(b"layer"), foreign], None);
    let signature = from.manifest(&[from.blob(b"bundle")], Some(&platform));
    let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": platform.to_string(), "size": 1}]});
    let index = from.blob(index.to_string().as_bytes())["digest"].as_str().unwrap().parse().unwrap();
    from.tag("v1", &index);
    let (result, to) = copied(&from, "mirror.example/app:v1").await;
    let (_, copied) = result.unwrap();
    assert_eq!((copied.manifests, copied.blobs, copied.left), (3, 3, 1));
    assert_eq!(to.0.lock().unwrap().referrers[&platform], [signature]);
}
