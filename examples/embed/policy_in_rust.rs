//! Write a policy in Rust, with a check of your own: containers do not ask for the host's network.

use std::error::Error;
use std::sync::Arc;

use trust_core::{TrustRoot, UnixTime};
use trust_policy::{
    Check, CheckAnswer, CheckRequirement, CheckSubject, Evidence, Policy, PolicySet, Request, Resource,
    Trust, evaluate,
};

#[derive(Debug)]
struct OwnNetwork;

impl Check for OwnNetwork {
    fn name(&self) -> &str {
        "network"
    }
    fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
        match subject.request.resource.object().pointer("/spec/hostNetwork") {
            Some(value) if value != false => {
                CheckAnswer::Violated { found: format!("hostNetwork: {value}"), expected: "false".to_owned() }
            }
            _ => CheckAnswer::Holds { message: "a network of its own".to_owned() },
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let requirement = CheckRequirement::on_request(Arc::new(OwnNetwork));
    let policies = PolicySet::new(vec![Policy::checking("own-network", requirement)]);
    let (trust, now) = (Trust::new(TrustRoot::public_good()), UnixTime::from_seconds(1_796_083_200));
    for network in ["false", "true"] {
        let pod =
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{hostNetwork: {network}}}}}");
        let request = Request::from(Resource::from_yaml(&pod)?.remove(0));
        println!("{}", evaluate(&policies, &request, &Evidence::default(), &trust, now));
    }
    Ok(())
}
