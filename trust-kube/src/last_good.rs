//! [`LastGood`]: objects that are read as they come, each as it was when it could be read last.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trust_core::Digest;
use trust_policy::ResourceId;

use crate::api::{Kind, Seen, id_of};

/// Objects that are read as they come. One that cannot be read does not replace its last readable version, so a mistake changes nothing; a new
/// one that cannot be read adds nothing. But if an object of the first list cannot be read, its last readable version is unknown: until it is
/// mended, [nothing can be used](Self::used).
#[derive(Debug)]
pub(crate) struct LastGood<T> {
    read: fn(&Value) -> Result<T, String>,
    objects: BTreeMap<ResourceId, Object<T>>,
    /// Of each kind that is being listed, what was listed so far.
    listing: BTreeMap<Kind, BTreeMap<ResourceId, Value>>,
    /// The kinds that were listed completely at least once.
    listed: Vec<Kind>,
}

#[derive(Debug)]
struct Object<T> {
    /// The last that could be read, and what it says.
    good: Option<(Digest, T)>,
    /// Why its present version cannot be read.
    problem: Option<String>,
    /// Of its present version.
    found: Digest,
    generation: i64,
    /// Whether it was in the first list of its kind.
    is_old: bool,
}

/// Objects of a first list that cannot be read, each with the reason.
pub(crate) type Missing = Vec<(ResourceId, String)>;

/// Whether the present version of an object is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) id: ResourceId,
    pub(crate) generation: i64,
    /// Why not.
    pub(crate) problem: Option<String>,
    /// Whether an earlier version is used.
    pub(crate) is_before: bool,
}

impl<T> LastGood<T> {
    pub(crate) fn new(read: fn(&Value) -> Result<T, String>) -> Self {
        Self { read, objects: BTreeMap::new(), listing: BTreeMap::new(), listed: Vec::new() }
    }

    /// Takes what is seen of a kind, and returns the states that changed.
    pub(crate) fn seen(&mut self, kind: Kind, seen: Seen) -> Vec<State> {
        match seen {
            Seen::Starts => {
                self.listing.insert(kind, BTreeMap::new());
                Vec::new()
            }
            Seen::Is(object) => match self.listing.get_mut(&kind) {
                Some(listing) => {
                    listing.insert(id_of(&object), object);
                    Vec::new()
                }
                None => self.put(id_of(&object), &object, false).into_iter().collect(),
            },
            Seen::Gone(object) => {
                self.objects.remove(&id_of(&object));
                Vec::new()
            }
            Seen::Ends => {
                // An end without a beginning does not say that there are none.
                let Some(listing) = self.listing.remove(&kind) else { return Vec::new() };
                self.objects.retain(|id, _| !kind.is_of(id) || listing.contains_key(id));
                let is_first = !self.listed.contains(&kind);
                self.is_listed(kind);
                listing.into_iter().filter_map(|(id, object)| self.put(id, &object, is_first)).collect()
            }
            // A server that does not know the kind has no objects of it. If it knew the kind before, it deleted each object and said so; so after
            // a first list a 404 means something else, and what was seen still counts.
            Seen::Failed(error) => {
                self.listing.remove(&kind);
                if error.is_not_found() {
                    self.is_listed(kind);
                }
                Vec::new()
            }
        }
    }

    fn is_listed(&mut self, kind: Kind) {
        if !self.listed.contains(&kind) {
            self.listed.push(kind);
        }
    }

    fn put(&mut self, id: ResourceId, object: &Value, is_first: bool) -> Option<State> {
        let said = what_it_says(object);
        let found = Digest::sha256(said.to_string().as_bytes());
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        let before = self.objects.remove(&id);
        let is_same = before.as_ref().is_some_and(|one| one.found == found && one.generation == generation);
        let is_old = before.as_ref().map_or(is_first, |one| one.is_old);
        let object = match before {
            Some(before) if before.found == found => Object { generation, ..before },
            before => match (self.read)(&said) {
                Ok(read) => {
                    Object { good: Some((found.clone(), read)), problem: None, found, generation, is_old }
                }
                Err(problem) => {
                    let good = before.and_then(|one| one.good);
                    Object { good, problem: Some(problem), found, generation, is_old }
                }
            },
        };
        let state = State {
            id: id.clone(),
            generation,
            problem: object.problem.clone(),
            is_before: object.problem.is_some() && object.good.is_some(),
        };
        self.objects.insert(id, object);
        (!is_same).then_some(state)
    }

    /// Whether all of these kinds were listed.
    pub(crate) fn has_listed(&self, kinds: &[Kind]) -> bool {
        kinds.iter().all(|kind| self.listed.contains(kind))
    }

    /// What is used, and what identifies it.
    ///
    /// # Errors
    /// If an object of a first list was never read.
    pub(crate) fn used(&self) -> Result<(Vec<&T>, Digest), Missing> {
        let is_missing = |object: &Object<T>| object.is_old && object.good.is_none();
        let missing: Vec<_> = self.objects.iter().filter(|(_, object)| is_missing(object)).collect();
        if !missing.is_empty() {
            let named = |(id, object): (&ResourceId, &Object<T>)| {
                (id.clone(), object.problem.clone().unwrap_or_default())
            };
            return Err(missing.into_iter().map(named).collect());
        }
        let good = || self.objects.values().filter_map(|object| object.good.as_ref());
        let all: String = good().map(|(digest, _)| digest.to_hex()).collect();
        Ok((good().map(|(_, read)| read).collect(), Digest::sha256(all.as_bytes())))
    }

    /// How many objects cannot be read.
    pub(crate) fn refused(&self) -> usize {
        self.objects.values().filter(|object| object.problem.is_some()).count()
    }
}

/// The annotations that a reader heeds.
const ANNOTATIONS: &str = "pod-policies.kyverno.io/";

/// What a person wrote and a reader heeds: without what the server and controllers add.
fn what_it_says(object: &Value) -> Value {
    let metadata = object.get("metadata").and_then(Value::as_object).into_iter().flatten();
    let mut written: Map<String, Value> = metadata
        .filter(|(name, _)| matches!(name.as_str(), "name" | "namespace" | "annotations"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(Value::Object(annotations)) = written.get_mut("annotations") {
        annotations.retain(|name, _| name.starts_with(ANNOTATIONS));
        if annotations.is_empty() {
            written.remove("annotations");
        }
    }
    let field = |name: &str| object.get(name).cloned().unwrap_or_default();
    json!({"apiVersion": field("apiVersion"), "kind": field("kind"), "metadata": written, "spec": field("spec")})
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: Kind = Kind::POD;

    fn object(name: &str, number: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "generation": 1, "resourceVersion": "7"}, "spec": number})
    }

    fn read(object: &Value) -> Result<i64, String> {
        object["spec"].as_i64().ok_or_else(|| format!("found {}", object["spec"]))
    }

    fn used(all: &LastGood<i64>) -> Option<Vec<i64>> {
        all.used().ok().map(|(all, _)| all.into_iter().copied().collect())
    }

    #[test]
    fn a_mistake_changes_nothing_and_what_never_was_right_is_missed() {
        let mut all = LastGood::new(read);
        assert!(!all.has_listed(&[N]));
        all.seen(N, Seen::Starts);
        all.seen(N, Seen::Is(object("a", &json!(1))));
        all.seen(N, Seen::Is(object("b", &json!(2))));
        assert_eq!(used(&all), Some(vec![]), "what is being listed is not used yet");
        assert_eq!(all.seen(N, Seen::Ends).len(), 2);
        assert!(all.has_listed(&[N]));
        assert_eq!(used(&all), Some(vec![1, 2]));
        let digest = all.used().unwrap().1;

        let states = all.seen(N, Seen::Is(object("a", &json!("x"))));
        assert_eq!(states[0].problem.as_deref(), Some("found \"x\""));
        assert!(states[0].is_before);
        assert_eq!((used(&all), all.refused()), (Some(vec![1, 2]), 1));
        assert_eq!(all.used().unwrap().1, digest);
        assert!(all.seen(N, Seen::Is(object("a", &json!("x")))).is_empty(), "it is said once");
        all.seen(N, Seen::Is(object("a", &json!(3))));
        let mut touched = object("a", &json!(3));
        touched["metadata"]["labels"] = json!({"seen": "yes"});
        touched["metadata"]["annotations"] = json!({"a.controller/at": "12:00"});
        let three = all.used().unwrap().1;
        all.seen(N, Seen::Is(touched));
        assert_eq!(all.used().unwrap().1, three, "what says the same is the same");
        assert_eq!((used(&all), all.refused()), (Some(vec![3, 2]), 0));
        assert_ne!(all.used().unwrap().1, digest);

        all.seen(N, Seen::Is(object("new", &json!([]))));
        assert_eq!((used(&all), all.refused()), (Some(vec![3, 2]), 1));
        all.seen(N, Seen::Gone(object("new", &json!([]))));
        assert_eq!((used(&all), all.refused()), (Some(vec![3, 2]), 0));

        all.seen(N, Seen::Ends);
        assert_eq!(used(&all), Some(vec![3, 2]), "an end without a beginning is no list of none");

        // A list replaces what was there, but does not make good what was bad.
        all.seen(N, Seen::Starts);
        all.seen(N, Seen::Is(object("a", &json!("y"))));
        all.seen(N, Seen::Ends);
        assert_eq!((used(&all), all.refused()), (Some(vec![3]), 1));
    }

    #[test]
    fn what_was_wrong_from_the_beginning_is_waited_for() {
        let mut all = LastGood::new(read);
        all.seen(N, Seen::Starts);
        all.seen(N, Seen::Is(object("a", &json!(1))));
        all.seen(N, Seen::Is(object("old", &json!("x"))));
        all.seen(N, Seen::Ends);
        let missing = all.used().unwrap_err();
        assert_eq!(
            (missing.len(), missing[0].0.name.as_str(), missing[0].1.as_str()),
            (1, "old", "found \"x\"")
        );
        all.seen(N, Seen::Is(object("old", &json!("y"))));
        assert!(all.used().is_err());
        all.seen(N, Seen::Is(object("old", &json!(2))));
        assert_eq!(used(&all), Some(vec![1, 2]));
    }

    #[test]
    fn a_server_that_never_had_the_kind_has_none_and_one_that_is_away_keeps_what_was_there() {
        let failed = |status| {
            Seen::Failed(crate::ClusterError { what: "ns".to_owned(), problem: "x".to_owned(), status })
        };
        let mut all = LastGood::new(read);
        all.seen(N, failed(Some(403)));
        all.seen(N, failed(None));
        assert!(!all.has_listed(&[N]));
        all.seen(N, Seen::Starts);
        all.seen(N, Seen::Is(object("a", &json!(1))));
        all.seen(N, Seen::Ends);
        all.seen(N, failed(Some(500)));
        assert_eq!(used(&all), Some(vec![1]));
        all.seen(N, failed(Some(404)));
        assert_eq!(used(&all), Some(vec![1]), "its deletion would have been seen");
        let mut none = LastGood::new(read);
        none.seen(N, failed(Some(404)));
        assert!(none.has_listed(&[N]));
        assert_eq!(used(&none), Some(vec![]));
    }
}
