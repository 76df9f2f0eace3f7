//! Updates: what was there before, and what is new.

use serde_json::{Value, json};
use trust_policy::{Evidence, Operation, PolicySet, Request, Trust, Verdict, evaluate};
use trust_testkit::judge::{allowed, image_with, request};

use super::{NOW, SIGNED, denied_later, deployment, policy, requiring, signed};

/// An update, judged where the first key signed the images of this name, and others are unsigned.
fn updated(text: &str, before: Value, after: Value, signed_image: &str) -> Verdict {
    let policies = PolicySet::from_yaml(text).unwrap();
    let mut update: Request = request(after);
    update.operation = Operation::Update;
    update.old = Some(before);
    let needed = policies.requirements(&update, &Evidence::default(), NOW).images;
    let found = |image: String| {
        let artifacts = if image == signed_image { vec![signed(1)] } else { vec![] };
        (image, image_with(artifacts))
    };
    let evidence = Evidence { images: needed.into_iter().map(found).collect(), ..Evidence::default() };
    evaluate(&policies, &update, &evidence, &Trust::keys_only(), NOW)
}

#[test]
fn an_image_that_is_new_does_not_pass_behind_one_that_is_not() {
    const OLD: &str = "ghcr.io/acme/old:v1";
    const NEW: &str = "ghcr.io/acme/new:v1";
    for expression in [SIGNED, "images.containers.all(i, verifyImageSignatures(i, [attestors.key1]) > 0)"] {
        let text = requiring(expression);
        denied_later(&updated(&text, deployment(&[OLD]), deployment(&[OLD, NEW]), ""), "key1");
        // The same image in another container is new there.
        denied_later(&updated(&text, deployment(&[OLD]), deployment(&[OLD, OLD]), ""), "key1");
        // What changes no image violates as much as before.
        allowed(&updated(&text, deployment(&[OLD]), deployment(&[OLD]), ""));
        let mut labelled = deployment(&[OLD]);
        labelled["metadata"]["labels"] = json!({"a": "b"});
        allowed(&updated(&text, deployment(&[OLD]), labelled, ""));
    }
    // What held before must hold still, whatever else failed.
    let both = "images.containers.all(i, verifyImageSignatures(i, [attestors.key1, attestors.key2]) > 0) && !has(object.spec.hostNetwork)";
    let mut open = deployment(&[OLD]);
    open["spec"]["template"]["spec"]["hostNetwork"] = true.into();
    denied_later(&updated(&requiring(both), deployment(&[OLD]), open.clone(), OLD), "hostNetwork");
    // One that is reported only does not keep the others from being judged.
    let two = policy(&format!(
        "validations:\n- {{expression: \"{SIGNED}\"}}\n- {{expression: '!has(object.spec.hostNetwork)', message: open}}"
    ));
    denied_later(&updated(&two, deployment(&[OLD]), open, ""), "open");
}
