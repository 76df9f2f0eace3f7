//! What is asked of the image below another one.

use trust_core::Digest;

use crate::evaluate::age::is_young;
use crate::evaluate::image_content::{Content, Unknown, platforms};
use crate::evaluate::{Evaluation, image_config};
use crate::expression::Scope;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::image_rule::{ImageConfigRequirement, ImageRule};
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::verdict::Explanation;
use crate::verdict::reason::ReasonCode;

/// Images below one another of which something is required.
const MAX_BASES: usize = 3;

impl Evaluation<'_> {
    /// What is asked of the image below another one; `depth` counts the images that stand on that.
    pub(super) fn base(
        &mut self,
        config: &ImageConfigRequirement,
        image: &Digest,
        scope: &Scope,
        depth: usize,
    ) -> Vec<Explanation> {
        let young = config.max_base_age.map(|max_age| self.young_base(max_age, image));
        let satisfied =
            config.base_policy.as_ref().map(|policy| self.satisfied_base(policy, image, scope, depth));
        young.into_iter().chain(satisfied).collect()
    }

    /// The one image that an image says it was built on, whose layers are below its own.
    fn base_of(&self, image: &Digest) -> Result<(ContainerImage, Digest), Unknown> {
        let bases = self.evidence.bases_of(image);
        let [base] = &bases[..] else {
            let problem = format!("found {} bases, expected the image to name one", bases.len());
            return Err((ReasonCode::Condition, problem));
        };
        let base =
            ContainerImage::new(ContainerKind::Custom, "base".to_owned(), String::new(), base.clone(), false);
        let (pinned, _) =
            self.pinned(&base).map_err(|(code, problem)| (code, format!("`{}`: {problem}", base.image)))?;
        let digest = pinned.digest().clone();
        if digest == *image {
            return Err((ReasonCode::OtherBase, "the image names itself as its base".to_owned()));
        }
        image_config::stands_on(image, &digest, self.evidence)?;
        Ok((base, digest))
    }

    /// Whether the image below was made not too long ago, on every platform.
    fn young_base(&self, max_age: i64, image: &Digest) -> Explanation {
        let check = "age of the base";
        let contents = self.base_of(image).and_then(|(_, digest)| platforms(&digest, self.evidence));
        let contents = match contents {
            Ok(contents) => contents,
            Err((code, problem)) => return Explanation::fail(check, code, problem),
        };
        let young = |content: &Content| {
            let unknown = "the base does not say when it was made";
            let young = is_young(content.created(), max_age, self.now, unknown, ReasonCode::TooOld);
            Explanation::all(&content.name, vec![young])
        };
        Explanation::all(check, contents.iter().map(young).collect())
    }

    /// Whether the image below satisfies a policy of the set.
    fn satisfied_base(&mut self, policy: &str, image: &Digest, scope: &Scope, depth: usize) -> Explanation {
        let check = format!("base, by policy `{policy}`");
        let fail = |code, message: String| Explanation::fail(check.clone(), code, message);
        if depth == MAX_BASES {
            return fail(
                ReasonCode::Unresolved,
                format!("there are more than {MAX_BASES} bases below one another"),
            );
        }
        let rules = match base_rules(self.policies, policy) {
            Ok(rules) => rules,
            Err(problem) => return fail(ReasonCode::Unresolved, problem),
        };
        let base = match self.base_of(image) {
            Ok((base, _)) => base,
            Err((code, problem)) => return fail(code, problem),
        };
        let about: Vec<_> = rules.into_iter().filter(|rule| rule.applies_to(&base)).collect();
        if about.is_empty() {
            return fail(
                ReasonCode::Condition,
                format!("found `{}`, which the policy does not apply to", base.image),
            );
        }
        let satisfied: Vec<_> =
            about.into_iter().map(|rule| self.image(rule, &base, scope, depth + 1)).collect();
        if let Some(excepted) = satisfied.iter().find(|one| !one.holds() && !one.fails()) {
            return fail(ReasonCode::Unresolved, format!("`{}`: {}", base.image, excepted.message));
        }
        Explanation::all(&check, satisfied)
    }
}

/// The rules of the only cluster-wide policy of this name that has image rules. Another policy of the same name cannot replace it.
fn base_rules<'p>(policies: &'p PolicySet, name: &str) -> Result<Vec<&'p ImageRule>, String> {
    let image_rules = |policy: &'p Policy| -> Vec<(&'p Rule, &'p [ImageRule])> {
        let of_images = policy.rules.iter().filter_map(|rule| match &rule.requirement {
            Requirement::Images { rules, .. } => Some((rule, &rules[..])),
            _ => None,
        });
        of_images.collect()
    };
    let named = policies.policies().iter().filter(|one| one.name == name && one.namespace.is_none());
    let named: Vec<_> =
        named.map(|policy| (policy, image_rules(policy))).filter(|(_, rules)| !rules.is_empty()).collect();
    let [(policy, rules)] = &named[..] else {
        return Err(format!("found {} such policies about images, expected one", named.len()));
    };
    let is_check = |rule: &&Rule| matches!(rule.requirement, Requirement::Check(_));
    if let Some(rule) = policy.rules.iter().find(is_check) {
        return Err(format!("its rule `{}` is a check, and checks are not asked of bases", rule.name));
    }
    if let Some((rule, _)) =
        rules.iter().find(|(rule, _)| rule.preconditions.is_some() || !rule.context.is_empty())
    {
        return Err(format!("its rule `{}` depends on the request, and a base is in none", rule.name));
    }
    Ok(rules.iter().flat_map(|(_, rules)| *rules).collect())
}
