//! Writing to a registry
//! ([push](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#push)).

use trust_core::{Digest, ImageRef};

use crate::deadline::{Boxed, Deadline};
use crate::push::{Condition, PushManifest, PushTarget, Pushed, Tagged};
use crate::registry::host::Endpoint;
use crate::registry::{Inner, MANIFESTS, PUSH, Question, Registry, in_time};
use crate::store::{MAX_MANIFEST_LEN, StoreError};
use crate::transport::{HttpRequest, Method};

/// What is read of an answer to what was written.
const MAX_ANSWER_LEN: u64 = 64 << 10;

impl PushTarget for Registry {
    fn push_blob<'a>(
        &'a self,
        image: &'a ImageRef,
        blob: &'a [u8],
        until: Deadline,
    ) -> Boxed<'a, Result<(), StoreError>> {
        let digest = Digest::sha256(blob);
        let what = format!("blob {digest} of {}", image.name());
        Box::pin(in_time(what.clone(), until, self.0.push_blob(image, blob, digest, what, until)))
    }

    fn push_manifest<'a>(
        &'a self,
        image: &'a ImageRef,
        manifest: &'a PushManifest,
        until: Deadline,
    ) -> Boxed<'a, Result<Pushed, StoreError>> {
        let what = format!("manifest {} of {}", manifest.digest(), image.name());
        Box::pin(in_time(what.clone(), until, self.0.push_manifest(image, manifest, what, until)))
    }

    fn read_tag<'a>(
        &'a self,
        image: &'a ImageRef,
        tag: &'a str,
        until: Deadline,
    ) -> Boxed<'a, Result<Option<Tagged>, StoreError>> {
        let what = format!("tag `{tag}` of {}", image.name());
        Box::pin(in_time(what.clone(), until, self.0.read_tag(image, tag, what, until)))
    }
}

impl Inner {
    /// The registry itself; mirrors are not written to.
    fn endpoint(&self, image: &ImageRef, what: &str) -> Result<Endpoint, StoreError> {
        let malformed = |problem| StoreError::Malformed { what: what.to_owned(), problem };
        let endpoints = Endpoint::all(image, self.hosts.get(image.registry())).map_err(malformed)?;
        endpoints.into_iter().next_back().ok_or_else(|| malformed("there is no registry".to_owned()))
    }

    async fn push_blob(
        &self,
        image: &ImageRef,
        blob: &[u8],
        digest: Digest,
        what: String,
        until: Deadline,
    ) -> Result<(), StoreError> {
        let endpoint = self.endpoint(image, &what)?;
        let question = Question { endpoint: &endpoint, what, actions: PUSH, until };
        let mut exists = HttpRequest::get(endpoint.url(&format!("blobs/{digest}")), 0, endpoint.reach);
        exists.method = Method::Head;
        if self.ask(&question, exists.clone()).await?.status == 200 {
            return Ok(());
        }
        let mut begin = HttpRequest::get(endpoint.url("blobs/uploads/"), MAX_ANSWER_LEN, endpoint.reach);
        begin.method = Method::Post;
        let begun = self.ask(&question, begin.clone()).await?;
        if begun.status != 202 {
            return Err(question.refused(&begun));
        }
        let unavailable = |problem: &str| StoreError::Unavailable {
            what: question.what.clone(),
            problem: problem.to_owned(),
        };
        let location = begun.header("location").and_then(|location| begin.url.join(location).ok());
        let mut location = location.ok_or_else(|| unavailable("it does not say where to upload"))?;
        // The credentials are this host's.
        if location.origin() != begin.url.origin() {
            return Err(unavailable("it is to be uploaded to another host"));
        }
        location.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut upload = HttpRequest::get(location, MAX_ANSWER_LEN, endpoint.reach);
        upload.method = Method::Put;
        upload.body = blob.to_vec();
        upload.headers.push(("content-type", "application/octet-stream".to_owned()));
        let uploaded = self.ask(&question, upload).await;
        let problem = match uploaded {
            Ok(uploaded) if uploaded.status == 201 => return Ok(()),
            Ok(uploaded) => question.refused(&uploaded),
            Err(error) => error,
        };
        // It is sent once; the answer may have been lost.
        match self.ask(&question, exists).await {
            Ok(found) if found.status == 200 => Ok(()),
            _ => Err(problem),
        }
    }

    async fn push_manifest(
        &self,
        image: &ImageRef,
        manifest: &PushManifest,
        what: String,
        until: Deadline,
    ) -> Result<Pushed, StoreError> {
        let endpoint = self.endpoint(image, &what)?;
        let question = Question { endpoint: &endpoint, what, actions: PUSH, until };
        let reference = manifest.tag.clone().unwrap_or_else(|| manifest.digest().to_string());
        let url = endpoint.url(&format!("manifests/{reference}"));
        let mut request = HttpRequest::get(url, MAX_ANSWER_LEN, endpoint.reach);
        request.method = Method::Put;
        request.body.clone_from(&manifest.bytes);
        request.headers.push(("content-type", manifest.media_type.clone()));
        match &manifest.condition {
            Condition::None => {}
            Condition::IsAbsent => request.headers.push(("if-none-match", "*".to_owned())),
            Condition::Is(version) => request.headers.push(("if-match", version.clone())),
        }
        let response = self.ask(&question, request).await?;
        match response.status {
            // OCI 1.1: who processes a subject says so.
            201 => Ok(Pushed::Stored { is_listed: response.header("oci-subject").is_some() }),
            412 => Ok(Pushed::Changed),
            _ => Err(question.refused(&response)),
        }
    }

    async fn read_tag(
        &self,
        image: &ImageRef,
        tag: &str,
        what: String,
        until: Deadline,
    ) -> Result<Option<Tagged>, StoreError> {
        let endpoint = self.endpoint(image, &what)?;
        let question = Question { endpoint: &endpoint, what, actions: PUSH, until };
        let url = endpoint.url(&format!("manifests/{tag}"));
        let mut request = HttpRequest::get(url, MAX_MANIFEST_LEN, endpoint.reach);
        request.headers.push(("accept", MANIFESTS.to_owned()));
        let response = self.ask(&question, request).await?;
        match response.status {
            200 => {
                // A weak one is no condition (RFC 9110 section 13.1.1).
                let version = response.header("etag").filter(|tag| !tag.starts_with("W/")).map(str::to_owned);
                Ok(Some(Tagged::new(response.body, version)))
            }
            404 => Ok(None),
            _ => Err(question.refused(&response)),
        }
    }
}
