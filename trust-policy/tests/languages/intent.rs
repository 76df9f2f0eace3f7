//! What is required, in each language, and what is found.

use proptest::prelude::*;
use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{Artifact, Evidence, FailureKind, FetchFailure, ImageEvidence};
use trust_testkit::artifacts::{attestation, digest, pem, signature};

use crate::SCAN;

/// What is required of the images of `ghcr.io/acme`.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// Signed by so many of the holders of these keys, if any.
    signed: Option<(usize, Vec<u8>)>,
    /// With a scan that the holder of this key attests.
    scanned: Option<u8>,
}

/// What is found of an image.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) image: &'static str,
    /// Keys, and whether they signed this image or another one.
    signatures: Vec<(u8, bool)>,
    scans: Vec<(u8, bool)>,
    /// Whether something there could not be fetched.
    pub(crate) fails: bool,
}

fn key(seed: u8) -> String {
    format!("\"{}\"", pem(seed))
}

/// What each key is written as, between commas.
fn each(keys: &[u8], write: impl Fn(u8) -> String) -> String {
    keys.iter().map(|seed| write(*seed)).collect::<Vec<_>>().join(", ")
}

impl Intent {
    pub(crate) fn in_kyverno(&self) -> String {
        let entry = |seed| format!("{{keys: {{publicKeys: {}, rekor: {{ignoreTlog: true}}}}}}", key(seed));
        let signed = self.signed.as_ref().map_or_else(String::new, |(count, keys)| {
            format!("attestors: [{{count: {count}, entries: [{}]}}]", each(keys, entry))
        });
        let scanned = self.scanned.map_or_else(String::new, |seed| {
            format!("attestations: [{{type: '{SCAN}', attestors: [{{entries: [{}]}}]}}]", entry(seed))
        });
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
             - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages:\n    - imageReferences: ['ghcr.io/acme/*']\n      \
             {signed}\n      {scanned}\n"
        )
    }

    pub(crate) fn in_expressions(&self) -> String {
        let attestor = |seed| {
            format!(
                "{{name: k{seed}, cosign: {{key: {{data: {}}}, ctlog: {{insecureIgnoreTlog: true}}}}}}",
                key(seed)
            )
        };
        let mut validations = Vec::new();
        if let Some((count, keys)) = &self.signed {
            let names = each(keys, |seed| format!("attestors.k{seed}"));
            validations
                .push(format!("images.containers.all(i, verifyImageSignatures(i, [{names}]) >= {count})"));
        }
        validations.extend(self.scanned.map(|seed| {
            format!("images.containers.map(i, verifyAttestationSignatures(i, attestations.scan, [attestors.k{seed}])).all(n, n > 0)")
        }));
        let validations: Vec<_> =
            validations.iter().map(|one| format!("{{expression: \"{one}\"}}")).collect();
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  \
             matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}]}}\n  \
             matchImageReferences: [{{glob: 'ghcr.io/acme/*'}}]\n  attestors: [{}]\n  attestations: [{{name: scan, intoto: {{type: '{SCAN}'}}}}]\n  \
             validations: [{}]\n",
            each(&[1, 2, 3], attestor),
            validations.join(", ")
        )
    }

    /// Of authorities one must vouch, so what all must do stands in policies of their own.
    pub(crate) fn in_sigstore(&self) -> String {
        let policy = |name: &str, authorities: String| {
            format!(
                "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: {name}}}\nspec: {{images: \
                 [{{glob: 'ghcr.io/acme/**'}}], authorities: [{authorities}]}}\n---\n"
            )
        };
        let authority = |seed| format!("{{key: {{data: {}}}, ctlog: {{}}}}", key(seed));
        let mut text = String::new();
        if let Some((count, keys)) = &self.signed {
            match *count {
                1 => text.push_str(&policy("any", each(keys, authority))),
                _ => {
                    keys.iter().for_each(|seed| text.push_str(&policy(&format!("k{seed}"), authority(*seed))))
                }
            }
        }
        if let Some(seed) = self.scanned {
            let scanned = format!("attestations: [{{name: scan, predicateType: '{SCAN}'}}]");
            text.push_str(&policy(
                "scanned",
                format!("{{key: {{data: {}}}, ctlog: {{}}, {scanned}}}", key(seed)),
            ));
        }
        text.trim_end_matches("---\n").to_owned()
    }

    pub(crate) fn in_our_own(&self) -> String {
        let signer = |seed| format!("k{seed}: {{publicKey: {}, transparencyLog: false}}", key(seed));
        let mut require = Vec::new();
        if let Some((count, keys)) = &self.signed {
            let names = each(keys, |seed| format!("k{seed}"));
            require.push(format!("signatures: {{from: [{names}], atLeast: {count}}}"));
        }
        require
            .extend(self.scanned.map(|seed| format!("attestations: [{{type: '{SCAN}', from: [k{seed}]}}]")));
        format!(
            "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec: {{images: ['ghcr.io/acme/**'], signers: {{{}}}, \
             require: {{{}}}}}\n",
            each(&[1, 2, 3], signer),
            require.join(", ")
        )
    }

    /// What the intent itself says.
    pub(crate) fn is_satisfied_by(&self, found: &Found) -> bool {
        // A registry has the same name in either case.
        let is_ours = found.image.to_lowercase().starts_with("ghcr.io/acme/");
        let by = |list: &[(u8, bool)], seed: u8| list.contains(&(seed, true));
        let signed = self.signed.as_ref().is_none_or(|(count, keys)| {
            keys.iter().filter(|seed| by(&found.signatures, **seed)).count() >= *count
        });
        is_ours && signed && self.scanned.is_none_or(|seed| by(&found.scans, seed))
    }
}

impl Found {
    pub(crate) fn evidence(&self) -> Evidence {
        let of = |is_this: bool| if is_this { digest() } else { Digest::sha256(b"another") };
        let signatures =
            self.signatures.iter().map(|(seed, is_this)| signature(*seed, &of(*is_this), &Value::Null));
        let scans = self.scans.iter().map(|(seed, is_this)| {
            let predicate = json!({"scanner": "trivy"});
            // Every statement is about this image; a wrong one is signed by a stranger.
            attestation(if *is_this { *seed } else { 9 }, SCAN, &predicate)
        });
        let artifacts: Vec<Artifact> = signatures.chain(scans).collect();
        let mut image = ImageEvidence { artifacts, ..ImageEvidence::of(digest()) };
        image.failures.extend(self.fails.then(|| FetchFailure {
            location: "referrers".to_owned(),
            kind: FailureKind::Unavailable,
            problem: "503".to_owned(),
        }));
        let images = [(self.image.to_owned(), image)].into();
        Evidence { images, ..Evidence::default() }
    }
}

pub(crate) fn intents() -> impl Strategy<Value = Intent> {
    let keys = proptest::sample::subsequence(vec![1u8, 2, 3], 1..=3);
    // One of some, or all of them: what every language can say.
    let signed = (keys, any::<bool>()).prop_map(|(keys, all)| (if all { keys.len() } else { 1 }, keys));
    (proptest::option::of(signed), proptest::option::of(1u8..=3))
        .prop_map(|(signed, scanned)| Intent { signed, scanned })
        .prop_filter("something is required", |intent| intent.signed.is_some() || intent.scanned.is_some())
}

pub(crate) fn found() -> impl Strategy<Value = Found> {
    let image = proptest::sample::select(vec![
        "ghcr.io/acme/app:v1",
        "ghcr.io/acme/app@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d",
        "ghcr.io/acme/app",
        "GHCR.io/acme/app:v1",
        "ghcr.io/other/app:v1",
        "docker.io/acme/app:v1",
    ]);
    let marks = || proptest::collection::vec((1u8..=4, proptest::bool::weighted(0.8)), 0..4);
    (image, marks(), marks(), proptest::bool::weighted(0.1))
        .prop_map(|(image, signatures, scans, fails)| Found { image, signatures, scans, fails })
}
