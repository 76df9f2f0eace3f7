//! What Gatekeeper asks is answered key by key: an image that is not allowed is an error, never a value.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::UnixTime;
use trust_fuzz::within;
use trust_policy::{Decision, Evidence, PolicySet, ProviderAnswer, ProviderRequest, Trust, evaluate};

static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
    let text = "{apiVersion: trust.dev/v1beta1, kind: ImageTrustPolicy, metadata: {name: p}, spec: {images: ['**'], pinDigest: false, \
                namespaces: ['shop*', ''], require: {registries: ['ghcr.io/acme/**']}}}";
    PolicySet::from_yaml(text).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = within(32, bytes, ProviderRequest::from_json) else { return };
    let mut items = Vec::new();
    for key in &request.keys {
        let Ok(asked) = ProviderRequest::request(key) else { continue };
        let images = asked.resource.images();
        assert_eq!(images.len(), 1, "{key}");
        assert!(key.ends_with(&images[0].image), "{key}");
        let now = UnixTime::from_seconds(0);
        let verdict = evaluate(&POLICIES, &asked, &Evidence::default(), &Trust::keys_only(), now);
        for answer in [ProviderAnswer::Validation, ProviderAnswer::Mutation] {
            let item = answer.item(key, &asked, Some(&verdict));
            assert_eq!(item["value"].is_null(), verdict.decision == Decision::Deny, "{item}");
            assert_eq!(item["error"] == "", verdict.decision == Decision::Allow, "{item}");
            assert!(images[0].image.contains("ghcr.io/acme/") || item["value"].is_null(), "{item}");
            items.push(item);
        }
    }
    assert_eq!(ProviderAnswer::response(&items)["response"]["items"].as_array().unwrap().len(), items.len());
});
