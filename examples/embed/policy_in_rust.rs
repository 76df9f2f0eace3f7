//! Write a policy in Rust, with a check of your own: no pod asks for the host's network.

use std::error::Error;
use std::sync::Arc;

use trust_core::UnixTime;
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
        let resource = &subject.request.resource;
        let place = resource.pod_pointer().unwrap_or_default().to_owned() + "/spec/hostNetwork";
        match resource.object().pointer(&place).filter(|found| **found != false).map(ToString::to_string) {
            Some(found) => CheckAnswer::Violated { found, expected: format!("false at {place}") },
            None => CheckAnswer::Holds { message: "a network of its own".to_owned() },
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let check = CheckRequirement::on_request(Arc::new(OwnNetwork));
    let policies = PolicySet::new(vec![Policy::checking("network", check)]);
    let now: UnixTime = "2026-12-01T00:00:00Z".parse()?;
    for spec in ["{hostNetwork: false}", "{hostNetwork: true}"] {
        let pod = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {spec}}}");
        let request = Request::from(Resource::from_yaml(&pod)?.remove(0));
        println!("{}", evaluate(&policies, &request, &Evidence::default(), &Trust::keys_only(), now));
    }
    Ok(())
}
