//! A policy that is read means something, an image of which nothing is known is never allowed by it, and what it is converted into is read.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::UnixTime;
use trust_fuzz::within;
use trust_policy::{
    Decision, Evidence, Explanation, Mode, Outcome, PolicySet, Request, Requirement, Resource, Trust,
    evaluate,
};

static POD: LazyLock<Request> = LazyLock::new(|| {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, \
                spec: {containers: [{name: c, image: 'ghcr.io/myorg/app:v1'}]}}";
    Resource::from_yaml(text).unwrap().remove(0).into()
});

fuzz_target!(|text: &str| {
    let Ok(policies) = within(128, text.as_bytes(), |_| PolicySet::from_yaml(text)) else { return };
    let image = &POD.resource.images()[0];
    for rule in policies.policies().iter().flat_map(|policy| &policy.rules) {
        let Requirement::Images { rules, .. } = &rule.requirement else { continue };
        for one in rules {
            assert!(!one.references.is_empty());
            for set in &one.signatures {
                assert!(set.count().is_none_or(|count| (1..=set.attestors().len()).contains(&count)));
            }
        }
    }
    let verdict =
        evaluate(&policies, &POD, &Evidence::default(), &Trust::keys_only(), UnixTime::from_seconds(0));
    let required =
        !policies.requirements(&POD, &Evidence::default(), UnixTime::from_seconds(0)).images.is_empty();
    let enforced = verdict.rules.iter().any(|rule| {
        let is_judged = |one: &Explanation| one.outcome != Outcome::Skip && one.check.contains(&image.image);
        rule.mode == Mode::Enforce && rule.explanations.iter().any(is_judged)
    });
    assert!(!(required && enforced) || verdict.decision == Decision::Deny, "{verdict}");
    assert_eq!(verdict.to_string(), {
        evaluate(&policies, &POD, &Evidence::default(), &Trust::keys_only(), UnixTime::from_seconds(0))
            .to_string()
    });
    for conversion in [policies.to_image_trust_policies(), policies.to_image_validating_policies()] {
        for document in &conversion.documents {
            let text = document.to_string();
            assert!(PolicySet::from_yaml(&text).is_ok(), "{:?}: {text}", PolicySet::from_yaml(&text).err());
        }
    }
});
