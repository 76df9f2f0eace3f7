//! [`PolicySet::requirements`]: what must be fetched to judge a request, given what was fetched already.

use std::collections::{BTreeMap, BTreeSet};

use trust_core::UnixTime;
use trust_core::revocation::RevocationQuery;
use trust_sbom::Answer;

use crate::evaluate::image_extractor;
use crate::evaluate::notation_signature::revocation_queries;
use crate::evaluate::proof::Answers;
use crate::evaluate::resource_rule::{self, Subject};
use crate::evaluate::scope::{self, Scopes};
use crate::evaluate::validation_rule;
use crate::evidence::Evidence;
use crate::expression::Missing;
use crate::kubernetes::object_name::ObjectName;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::image_rule::{ImageConfigRequirement, ImageRule};
use crate::policy::policy_set::{FormRequirement, Policy, PolicySet, Requirement, Rule};
use crate::policy::signer::{AttestorSet, Signer};

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
    /// Those of them of whose [platforms](crate::Evidence::platforms_of) the signatures and attestations are needed as well, and of their
    /// bases, where those are needed.
    pub platforms: Vec<String>,
    /// Repositories in which signatures of an image are kept beside its own.
    pub repositories: BTreeMap<String, BTreeSet<String>>,
    /// Objects of the cluster that rules refer to and that are not in the evidence yet.
    pub objects: BTreeSet<ObjectName>,
    /// What to ask about the revocation of certificates, so far as policies trust them, of the signatures in the evidence.
    pub revocations: BTreeSet<RevocationQuery>,
    /// What the evidence answers by a response or CRL that does not count: a cache should drop it.
    pub refused_revocations: BTreeSet<RevocationQuery>,
}

/// What is known while requirements are found.
#[derive(Clone, Copy)]
struct Known<'a> {
    policies: &'a PolicySet,
    evidence: &'a Evidence,
    answers: &'a Answers<'a>,
    now: UnixTime,
}

impl Requirements {
    /// What expressions ask for.
    fn add_missing(&mut self, missing: Missing) {
        self.objects.extend(missing.objects);
        let images: Vec<String> = missing.images.into_iter().collect();
        add(&mut self.images, &images);
        add(&mut self.documents, &images);
    }

    /// Images, and what their signers need.
    fn add<'a>(
        &mut self,
        images: Vec<String>,
        sets: impl Iterator<Item = &'a AttestorSet>,
        known: Known<'_>,
    ) {
        let evidence = known.evidence;
        if images.is_empty() {
            return;
        }
        add(&mut self.images, &images);
        for set in sets {
            self.add_revocations(&images, set, known);
            set.each(&mut |attestor| {
                if let Signer::KeyInSecret(object) = &attestor.signer
                    && !evidence.objects.contains_key(&object.to_string())
                {
                    self.objects.insert(object.clone());
                }
                // A signature of notation describes the image's manifest.
                if let Signer::Notation(_) = &attestor.signer {
                    add(&mut self.documents, &images);
                }
                for image in attestor.repository.iter().flat_map(|_| &images) {
                    self.repositories.entry(image.clone()).or_default().extend(attestor.repository.clone());
                }
            });
        }
    }

    /// What to ask about the certificates of a set's signatures, on images in the evidence and on their platforms.
    fn add_revocations(&mut self, images: &[String], set: &AttestorSet, known: Known<'_>) {
        let Known { policies, evidence, answers, now } = known;
        set.each(&mut |attestor| {
            let Signer::Notation(trust) = &attestor.signer else { return };
            let platforms = images.iter().flat_map(|image| evidence.platforms_of(image));
            let signed = images.iter().cloned().chain(platforms);
            for image in signed.filter_map(|image| evidence.images.get(&image)) {
                let (unasked, refused) = revocation_queries(image, trust, policies, answers, now);
                self.revocations.extend(unasked);
                self.refused_revocations.extend(refused);
            }
        });
    }
}

impl PolicySet {
    /// What must be fetched to judge a request, given what was fetched already. It is more than is needed in the end where
    /// a rule's preconditions depend on what is fetched.
    ///
    /// The name of an object can stand in another object, so objects are asked for in rounds: fetch the
    /// [objects](Requirements::objects), put each into the evidence, found or not, and ask again, until none is asked for.
    /// Then fetch the images; and then ask what is asked about [revocation](Requirements::revocations), in rounds as well: a list is asked for
    /// where a responder does not tell.
    #[must_use]
    pub fn requirements(&self, request: &Request, evidence: &Evidence, now: UnixTime) -> Requirements {
        let answers = Answers::of(evidence);
        let known = Known { policies: self, evidence, answers: &answers, now };
        let mut needed = Requirements::default();
        let mut scopes = Scopes::new(request, now);
        for (_, rule, _) in self.rules_for(request) {
            let mut scope = scopes.of_rule(rule, false);
            scope::set_context(&mut scope, &rule.context, evidence);
            let missing = scope.missing();
            // What depends on an object that is not there yet may hold once it is.
            let is_known = missing.objects.is_empty() && missing.images.is_empty();
            needed.add_missing(missing);
            let images = image_extractor::images(rule, request, &mut scope).unwrap_or_default();
            if let Some(preconditions) = &rule.preconditions
                && is_known
                && preconditions.judge(&scope).holds == Ok(false)
            {
                continue;
            }
            match &rule.requirement {
                Requirement::Images { rules, .. } => {
                    for one in rules.iter().filter(|one| !one.needs_names_alone()) {
                        let names = names(&images, |image| one.applies_to(image));
                        if one.needs_documents() {
                            add(&mut needed.documents, &names);
                        }
                        if one.image.as_ref().is_some_and(ImageConfigRequirement::needs_base) {
                            add(&mut needed.bases, &names);
                        }
                        let of_base = one.image.as_ref().and_then(|config| config.base_policy.as_ref());
                        let base_needs =
                            |policy: &String| self.image_rules_of(policy).any(ImageRule::needs_platforms);
                        if let Some(policy) = of_base {
                            let digests = names
                                .iter()
                                .filter_map(|name| evidence.images.get(name)?.digest.as_ref().ok());
                            let bases: Vec<String> =
                                digests.flat_map(|digest| evidence.bases_of(digest)).collect();
                            let sets = self.image_rules_of(policy).flat_map(ImageRule::attestor_sets);
                            sets.for_each(|set| needed.add_revocations(&bases, set, known));
                        }
                        if one.needs_platforms() || of_base.is_some_and(base_needs) {
                            add(&mut needed.platforms, &names);
                        }
                        needed.add(names, one.attestor_sets(), known);
                    }
                }
                Requirement::Validations(validations) => {
                    let asked = validation_rule::requirements(
                        validations,
                        request,
                        rule.of_pod,
                        &images,
                        evidence,
                        scopes.budget(),
                        now,
                    );
                    needed.objects.extend(asked.objects);
                    add(&mut needed.documents, &asked.documents.into_iter().collect::<Vec<_>>());
                    let sets = validations.images.attestors.iter().map(|one| &one.signers);
                    needed.add(asked.images.into_iter().collect(), sets, known);
                }
                Requirement::Check(own) => {
                    let names = names(&images, |image| own.applies_to(image));
                    if own.check.needs_image_configs() {
                        add(&mut needed.documents, &names);
                    }
                    needed.add(names, core::iter::empty(), known);
                }
                // What a loop asks for depends on its elements: it is found by going through it.
                Requirement::Form { requirement: requirement @ FormRequirement::ForEach(_), .. } => {
                    let _ = resource_rule::judge(
                        requirement,
                        Subject { value: None, pointer: "" },
                        &scope,
                        evidence,
                    );
                    needed.add_missing(scope.missing());
                }
                Requirement::Form { .. } => {}
            }
        }
        needed
    }

    /// The rules about images of the policies of a name.
    fn image_rules_of(&self, name: &str) -> impl Iterator<Item = &ImageRule> {
        let named = self.policies().iter().filter(move |policy| policy.name == name);
        named.flat_map(|policy| &policy.rules).flat_map(|rule| match &rule.requirement {
            Requirement::Images { rules, .. } => &rules[..],
            _ => &[],
        })
    }

    /// The rules that are about a request, or may be, with their policies and whether they are.
    pub(crate) fn rules_for<'a>(
        &'a self,
        request: &'a Request,
    ) -> impl Iterator<Item = (&'a Policy, &'a Rule, Answer)> {
        let namespace = &request.resource.id().namespace;
        let is_here = move |policy: &&Policy| policy.namespace.as_ref().is_none_or(|own| own == namespace);
        self.policies().iter().filter(is_here).flat_map(move |policy| {
            let about = policy.rules.iter().map(move |rule| (policy, rule, rule.matches.applies_to(request)));
            about.filter(|(.., answer)| *answer != Answer::No)
        })
    }
}

/// The images that are meant, as written.
fn names(images: &[ContainerImage], is_meant: impl Fn(&ContainerImage) -> bool) -> Vec<String> {
    images.iter().filter(|image| is_meant(image)).map(|image| image.image.clone()).collect()
}

/// Adds what is not there yet.
fn add(list: &mut Vec<String>, names: &[String]) {
    for name in names {
        if !list.contains(name) {
            list.push(name.clone());
        }
    }
}
