//! Expressions in CEL, made at random, evaluated by this project and by the crate `cel`: the same value, or none here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use trust_benches::random::Random;
use trust_core::UnixTime;
use trust_policy::{Evidence, PolicySet, ReasonCode, Request, Resource, Trust, evaluate};

/// How many expressions are compared.
const EXPRESSIONS: usize = 20_000;

/// What an expression is, of those that are true or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    True,
    False,
    Nothing,
}

fn object() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "labels": {"app": "web", "tier": "front"}},
        "spec": {"replicas": 3, "ratio": 0.5, "names": ["a", "b", "web"], "numbers": [1, 2, 3],
            "containers": [{"name": "c", "image": "ghcr.io/acme/app:v1"}]},
    })
}

/// Makes expressions of each type, of bounded depth.
struct Maker<'r> {
    random: &'r mut Random,
    depth: usize,
    /// Names of strings that macros around it give.
    names: usize,
}

impl Maker<'_> {
    fn pick(&mut self, simple: usize, all: usize) -> usize {
        let bound = if self.depth == 0 { simple } else { all };
        self.random.below(bound)
    }

    fn inner(&mut self, make: fn(&mut Self) -> String) -> String {
        self.depth = self.depth.saturating_sub(1);
        let made = make(self);
        self.depth += 1;
        made
    }

    fn bool(&mut self) -> String {
        match self.pick(4, 17) {
            0 => "true".to_owned(),
            1 => "false".to_owned(),
            2 => "has(object.metadata.labels.tier)".to_owned(),
            3 => "has(object.metadata.labels.none)".to_owned(),
            4 => format!("({} && {})", self.inner(Self::bool), self.inner(Self::bool)),
            5 => format!("({} || {})", self.inner(Self::bool), self.inner(Self::bool)),
            6 => format!("!{}", self.inner(Self::bool)),
            7 | 8 => {
                let operator = ["==", "!=", "<", "<=", ">", ">="][self.random.below(6)];
                format!("({} {operator} {})", self.inner(Self::int), self.inner(Self::int))
            }
            9 => {
                let operator = ["==", "!=", "<", ">"][self.random.below(4)];
                format!("({} {operator} {})", self.inner(Self::text), self.inner(Self::text))
            }
            10 => format!("({} in {})", self.inner(Self::text), self.inner(Self::list)),
            11 => {
                let function = ["contains", "startsWith", "endsWith"][self.random.below(3)];
                format!("{}.{function}({})", self.inner(Self::text), self.inner(Self::text))
            }
            12 => format!("{}.matches('^[a-c]+$')", self.inner(Self::text)),
            13 | 14 => {
                let kind = ["all", "exists", "exists_one"][self.random.below(3)];
                let list = self.inner(Self::list);
                self.names += 1;
                let body = self.inner(Self::bool);
                self.names -= 1;
                format!("{list}.{kind}(n{}, {body})", self.names)
            }
            15 => format!("({} == {})", self.inner(Self::list), self.inner(Self::list)),
            _ => format!(
                "({} ? {} : {})",
                self.inner(Self::bool),
                self.inner(Self::bool),
                self.inner(Self::bool)
            ),
        }
    }

    fn int(&mut self) -> String {
        match self.pick(4, 11) {
            0 => self.random.below(5).to_string(),
            1 => "object.spec.replicas".to_owned(),
            2 => "-1".to_owned(),
            3 => "9223372036854775807".to_owned(),
            4 | 5 => {
                let operator = ["+", "-", "*", "/", "%"][self.random.below(5)];
                format!("({} {operator} {})", self.inner(Self::int), self.inner(Self::int))
            }
            6 => format!("size({})", self.inner(Self::text)),
            7 => format!("{}.size()", self.inner(Self::list)),
            8 => format!("{}.indexOf({})", self.inner(Self::text), self.inner(Self::text)),
            9 => format!("object.spec.numbers[{}]", self.inner(Self::int)),
            _ => format!(
                "({} ? {} : {})",
                self.inner(Self::bool),
                self.inner(Self::int),
                self.inner(Self::int)
            ),
        }
    }

    fn text(&mut self) -> String {
        match self.pick(5, 15) {
            0 => "'a'".to_owned(),
            1 => "'web'".to_owned(),
            2 => "object.metadata.name".to_owned(),
            3 => "''".to_owned(),
            4 if self.names > 0 => format!("n{}", self.random.below(self.names)),
            4 => "'äb'".to_owned(),
            5 | 6 => format!("({} + {})", self.inner(Self::text), self.inner(Self::text)),
            7 => format!("string({})", self.inner(Self::int)),
            8 => format!("{}.substring({})", self.inner(Self::text), self.inner(Self::int)),
            9 => format!("{}.replace({}, 'x')", self.inner(Self::text), self.inner(Self::text)),
            10 => format!("{}.charAt({})", self.inner(Self::text), self.inner(Self::int)),
            11 => format!("{}.join('-')", self.inner(Self::list)),
            12 => format!("{}.upperAscii()", self.inner(Self::text)),
            13 => format!("{}[{}]", self.inner(Self::list), self.inner(Self::int)),
            _ => format!("object.metadata.?labels[?{}].orValue('none')", self.inner(Self::text)),
        }
    }

    fn list(&mut self) -> String {
        match self.pick(3, 9) {
            0 => "['a', 'b']".to_owned(),
            1 => "[]".to_owned(),
            2 => "object.spec.names".to_owned(),
            3 => format!("[{}, {}]", self.inner(Self::text), self.inner(Self::text)),
            4 => format!("({} + {})", self.inner(Self::list), self.inner(Self::list)),
            5 => format!("{}.split({})", self.inner(Self::text), self.inner(Self::text)),
            6 => format!("[?optional.of({}), ?optional.none()]", self.inner(Self::text)),
            kind => {
                let list = self.inner(Self::list);
                self.names += 1;
                let body = if kind == 7 { self.inner(Self::text) } else { self.inner(Self::bool) };
                self.names -= 1;
                let macro_name = if kind == 7 { "map" } else { "filter" };
                format!("{list}.{macro_name}(n{}, {body})", self.names)
            }
        }
    }
}

fn here(request: &Request, expression: &str) -> Found {
    let policy = json!({
        "apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "validationConfigurations": {"required": false, "mutateDigest": false, "verifyDigest": false},
            "validations": [{"expression": expression}],
        },
    });
    let policies =
        PolicySet::from_yaml(&policy.to_string()).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let verdict =
        evaluate(&policies, request, &Evidence::default(), &Trust::keys_only(), UnixTime::from_seconds(0));
    match verdict.rules[0].explanations[0].code {
        None => Found::True,
        Some(ReasonCode::Condition) => Found::False,
        Some(_) => Found::Nothing,
    }
}

/// A value as the peer has it: whole numbers of JSON are of the type `int`.
fn peer_value(json: &Value) -> cel::Value {
    match json {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(peer_value).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), peer_value(value)));
            fields.collect::<HashMap<_, _>>().into()
        }
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Null => cel::Value::Null,
    }
}

struct Peer {
    env: Arc<cel::Env>,
    object: cel::Value,
}

impl Peer {
    fn new() -> Self {
        let mut env = cel::Env::stdlib();
        env.add_extension(cel::extensions::strings).unwrap();
        env.add_extension(cel::extensions::lists).unwrap();
        Self { env: env.into(), object: peer_value(&object()) }
    }

    fn found(&self, expression: &str) -> Found {
        let program = self.env.compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let mut context = cel::Context::with_env(self.env.clone());
        context.add_variable_from_value("object", self.object.clone());
        match program.execute(&context) {
            Ok(cel::Value::Bool(true)) => Found::True,
            Ok(cel::Value::Bool(false)) => Found::False,
            _ => Found::Nothing,
        }
    }
}

#[test]
fn expressions_have_the_same_value_as_in_the_crate_cel() {
    let (request, peer) = (Request::from(Resource::from_json(object()).unwrap()), Peer::new());
    let mut random = Random::new(1);
    let (mut found, mut wrong) = (BTreeMap::<_, usize>::new(), Vec::new());
    for _ in 0..EXPRESSIONS {
        let depth = 1 + random.below(4);
        let expression = Maker { random: &mut random, depth, names: 0 }.bool();
        if expression.len() > 4096 {
            continue;
        }
        let (ours, theirs) = (here(&request, &expression), peer.found(&expression));
        *found.entry((ours, theirs)).or_default() += 1;
        if ours != theirs {
            wrong.push(format!("{expression}: {ours:?}, there {theirs:?}"));
        }
    }
    wrong.sort_by_key(String::len);
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{found:?}\n{}", wrong.join("\n"));
    println!("{found:?}");
}
