//! [`PolicySet::requirements`]: what must be fetched to judge a request, before anything is.

use std::collections::{BTreeMap, BTreeSet};

use trust_core::UnixTime;
use trust_sbom::Answer;

use crate::evidence::Evidence;
use crate::expression::Scope;
use crate::image_extractor;
use crate::model::{Check, Policy, PolicySet, Rule};
use crate::request::Request;
use crate::scope;
use crate::signer::{ObjectName, Signer};

/// What must be fetched to judge a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirements {
    /// Images whose signatures and attestations are needed: each once, as written.
    pub images: Vec<String>,
    /// Those of them whose own manifests and configurations are needed, too.
    pub documents: Vec<String>,
    /// Those of them whose [bases](crate::Evidence::bases_of) are needed as well, and the bases of those.
    pub bases: Vec<String>,
    /// Repositories in which signatures of an image are kept beside its own.
    pub repositories: BTreeMap<String, BTreeSet<String>>,
    /// Objects of the cluster that rules refer to.
    pub objects: BTreeSet<ObjectName>,
}

impl PolicySet {
    /// What must be fetched to judge a request. It is more than is needed in the end where a rule's preconditions depend
    /// on what is fetched.
    #[must_use]
    pub fn requirements(&self, request: &Request, now: UnixTime) -> Requirements {
        let mut needed = Requirements::default();
        for (_, rule, _) in self.rules_for(request) {
            let mut scope = Scope::new(now);
            if rule.has_expressions() {
                scope = scope::of_request(request, rule.of_pod, now);
                scope::set_images(&mut scope, request.resource.images());
            }
            for entry in &rule.context {
                needed.objects.extend(scope::object_of(&entry.source, &scope));
                scope::set_context(&mut scope, core::slice::from_ref(entry), &Evidence::default());
            }
            if let Some(preconditions) = &rule.preconditions
                && preconditions.judge(&scope).holds == Ok(false)
            {
                continue;
            }
            let (extractors, requirements) = match &rule.check {
                Check::Images { extractors, requirements } => {
                    (extractors.as_slice(), requirements.as_slice())
                }
                Check::Trust(trust) => {
                    let images = request.resource.images();
                    let about = images.iter().filter(|image| trust.is_about(image));
                    let names: Vec<_> = about.map(|image| image.image.clone()).collect();
                    if trust.image.is_some() {
                        add(&mut needed.documents, names.clone());
                    }
                    if trust.image.as_ref().is_some_and(|image| image.base_policy.is_some()) {
                        add(&mut needed.bases, names.clone());
                    }
                    add(&mut needed.images, names);
                    continue;
                }
                Check::Form { .. } => continue,
            };
            let images = image_extractor::images(extractors, request, &scope).unwrap_or_default();
            for requirement in requirements {
                let about = images.iter().filter(|image| requirement.is_about(image));
                let names: Vec<_> = about.map(|image| image.image.clone()).collect();
                let of_attestations = requirement.attestations.iter().flat_map(|one| &one.attestors);
                let sets: Vec<_> = requirement.attestors.iter().chain(of_attestations).collect();
                for name in &names {
                    let mut repositories = BTreeSet::new();
                    for set in &sets {
                        set.each(&mut |attestor| {
                            repositories.extend(attestor.repository.clone());
                            if let Signer::KeyInSecret(object) = &attestor.signer {
                                needed.objects.insert(object.clone());
                            }
                        });
                    }
                    if !repositories.is_empty() {
                        needed.repositories.entry(name.clone()).or_default().extend(repositories);
                    }
                }
                add(&mut needed.images, names);
            }
        }
        needed
    }

    /// The rules that are about a request, or may be, with their policies and whether they are.
    pub(crate) fn rules_for<'a>(
        &'a self,
        request: &'a Request,
    ) -> impl Iterator<Item = (&'a Policy, &'a Rule, Answer)> {
        let namespace = &request.resource.id().namespace;
        let is_here = move |policy: &&Policy| policy.namespace.as_ref().is_none_or(|own| own == namespace);
        self.policies().iter().filter(is_here).flat_map(move |policy| {
            let about = policy.rules.iter().map(move |rule| (policy, rule, rule.matches.is_about(request)));
            let about = about.filter(|(.., answer)| *answer != Answer::No);
            about.take(if policy.first_rule_only { 1 } else { usize::MAX })
        })
    }
}

/// Adds what is not there yet.
fn add(list: &mut Vec<String>, names: Vec<String>) {
    for name in names {
        if !list.contains(&name) {
            list.push(name);
        }
    }
}
