//! Verdicts as verification summaries
//! ([SLSA 1.1, verification summary attestation](https://slsa.dev/spec/v1.1/verification_summary)).

use serde_json::{Value, json};
use trust_core::{Digest, ImageRef, UnixTime};

use crate::verdict::reason::ReasonCode;
use crate::verdict::{Outcome, Verdict};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/verification_summary/v1";

impl Verdict {
    /// What was found of each image whose digest is known, as an in-toto statement with a verification summary. It is not signed, so it
    /// proves nothing yet: let the verifier sign it, and a reader who trusts that verifier need not judge again.
    ///
    /// `verifier` is a URI that names who judged, `policies` a digest of what it was judged by. An image passed if every rule that
    /// judged it holds, one did, and of none it is unknown whether it applies, whatever becomes of the resource. No SLSA level is claimed.
    #[must_use]
    pub fn to_summaries(&self, verifier: &str, policies: &Digest, now: UnixTime) -> Vec<Value> {
        let judged = self.rules.iter().flat_map(|rule| &rule.explanations);
        let judged = judged.filter_map(|one| Some((one.image.as_deref()?, one.outcome)));
        let mut images: Vec<(&str, &Digest, bool)> = Vec::new();
        for (image, outcome) in judged.filter(|(_, outcome)| *outcome != Outcome::Skip) {
            let Some(digest) = &image.digest else { continue };
            let holds = outcome == Outcome::Pass;
            match images.iter_mut().find(|(name, other, _)| (*name, *other) == (image.image.as_str(), digest))
            {
                Some((_, _, all_hold)) => *all_hold &= holds,
                None => images.push((&image.image, digest, holds)),
            }
        }
        let is_unknown = |image: &str| {
            let mut failing = self.rules.iter().flat_map(|rule| &rule.explanations).filter(|one| one.fails());
            failing.any(|one| match one.image.as_deref() {
                Some(at) => at.image == image && at.digest.is_none(),
                // A rule of which it is not known whether it applies may be about the image.
                None => matches!(one.code, Some(ReasonCode::Unresolved | ReasonCode::NotFetched)),
            })
        };
        let statement = |(image, digest, holds): (&str, &Digest, bool)| {
            let has_passed = holds && !is_unknown(image);
            let name = image.parse::<ImageRef>().map_or_else(|_| image.to_owned(), |image| image.name());
            json!({
                "_type": STATEMENT,
                "subject": [{"name": name, "digest": {digest.algorithm().name(): digest.to_hex()}}],
                "predicateType": PREDICATE,
                "predicate": {
                    "verifier": {"id": verifier, "version": {"trust-policy": env!("CARGO_PKG_VERSION")}},
                    "timeVerified": now.to_string(),
                    "resourceUri": format!("oci://{name}@{digest}"),
                    "policy": {"digest": {policies.algorithm().name(): policies.to_hex()}},
                    "verificationResult": if has_passed { "PASSED" } else { "FAILED" },
                    "verifiedLevels": if has_passed { json!([]) } else { json!(["FAILED"]) },
                },
            })
        };
        images.into_iter().map(statement).collect()
    }
}
