//! Expressions in CEL that ask for too much: they are refused, or stopped, in time and with bounded memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)] // tests print, and measure time

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use trust_core::UnixTime;
use trust_policy::{Decision, Evidence, PolicySet, Trust, evaluate};
use trust_testkit::judge::{pod, request};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What code that was not optimized may take, on a busy machine; optimized code takes a tenth of it.
const COST: Duration = Duration::from_secs(5);
const MEMORY_LIMIT: usize = 64 << 20;

/// Expressions, and whether a policy with them loads.
fn hostile() -> Vec<(String, bool)> {
    let list = format!("[{}]", vec!["1"; 300].join(","));
    let doubled = |step: &str| format!("['aaaaaaaaaaaaaaaa']{}", step.repeat(60));
    vec![
        // Loops in loops.
        (format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b + c > 0)))"), true),
        ("lists.range(1000).map(a, lists.range(1000).map(b, lists.range(1000))) == []".to_owned(), true),
        ("lists.range(9223372036854775807).size() > 0".to_owned(), true),
        // Texts and lists that double.
        (format!("{}.size() > 0", doubled(".map(x, x + x)")), true),
        (format!("{}.size() > 0", doubled(".map(x, x.replace('', x))")), true),
        (format!("{} == {}", doubled(".map(x, [x, x])"), doubled(".map(x, [x, x])")), true),
        (format!("{}[0].size() > 0", doubled(".map(x, [x, x].join(x))")), true),
        (format!("'%s'.format({}) == ''", doubled(".map(x, [x, x])")), true),
        (
            format!(
                "{}.size() > 0",
                "['aaaaaaaaaaaaaaaa']".to_owned()
                    + &".map(x, x.split('') + x.split('')).flatten()".repeat(30)
            ),
            true,
        ),
        (
            format!(
                "lists.range(1000).map(i, {}).size() > 0",
                "'a'.replace('a', 'aaaaaaaaaaaaaaaa')".to_owned()
                    + &".replace('a', 'aaaaaaaaaaaaaaaa')".repeat(4)
            ),
            true,
        ),
        (format!("[duration('2000000h')]{}.size() > 0 && 1 / 0 == 1", ".map(x, x + x)".repeat(110)), true),
        // Depth.
        ("(".repeat(1000) + "true" + &")".repeat(1000), false),
        ("[".repeat(1000) + "1" + &"]".repeat(1000), false),
        ("!".repeat(4000) + "true", false),
        ("-".repeat(4000) + "object.spec.replicas", false),
        ("1".to_owned() + &"+1".repeat(1000), false),
        ("object".to_owned() + &".a".repeat(1000), false),
        ("object".to_owned() + &"[0]".repeat(1000), false),
        ("true ? 1 : ".repeat(300) + "1", false),
        ("'a' + ".repeat(600) + "'a'", false),
        // Regular expressions.
        ("'a'.matches('(a{1000}){1000}')".to_owned(), false),
        ("'a'.matches('(a{1000}){1000}' + '')".to_owned(), true),
        (format!("{list}.exists(a, 'aaaa'.matches('[b-z]{{200}}' + string(a)))"), true),
        (
            format!(
                "{}[0].findAll('.*[^a]|a').size() > 0",
                "['aaaaaaaaaaaaaaaa']".to_owned() + &".map(x, x + x)".repeat(12)
            ),
            true,
        ),
        ("a".repeat(5000), false),
        // What a stranger wrote into the object, again and again.
        ("lists.range(500000).all(i, object.spec.list[0] in object.spec.list)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.list == object.spec.list)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.map == object.spec.map)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.text + 'a' > object.spec.text)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.text <= object.spec.text)".to_owned(), true),
        ("lists.range(500000).all(i, [object.spec.text, object.spec.text].max() != 'a')".to_owned(), true),
        (
            "lists.range(500000).all(i, [object.spec.text, object.spec.text].sort().size() == 2)".to_owned(),
            true,
        ),
        ("lists.range(500000).all(i, {'a': 1}[?object.spec.text].orValue(0) == 0)".to_owned(), true),
        ("lists.range(500000).all(i, !(object.spec.text in object.spec.map))".to_owned(), true),
        ("lists.range(500000).all(i, {object.spec.text: 1}.size() == 1)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.text.split('').size() > 1)".to_owned(), true),
        ("lists.range(500000).all(i, strings.quote(object.spec.text).size() > 1)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.list.map(x, x).size() > 1)".to_owned(), true),
        ("lists.range(500000).all(i, (object.spec.list + object.spec.list).size() > 1)".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.list.exists(x, x == object.spec.list[0]))".to_owned(), true),
        ("lists.range(500000).all(i, bytes(object.spec.text) == bytes(object.spec.text))".to_owned(), true),
        ("lists.range(500000).all(i, object.spec.text.reverse().size() > 1)".to_owned(), true),
        ("lists.range(150000).all(i, verifyImageSignatures(object.spec.text, []) == 0)".to_owned(), true),
        ("lists.range(150000).all(i, verifyImageSignatures('x/' + string(i), []) == 0)".to_owned(), true),
        (
            "cel.bind(l, lists.range(150000).map(i, attestors.a), lists.range(50000).all(j, verifyImageSignatures(images.containers[0], l) >= 0))"
                .to_owned(),
            true,
        ),
        (format!("lists.range(400000).map(i, b'{}').size() > 0", "a".repeat(3900)), true),
        ("lists.range(300000).map(i, {'a': i}).size() > 0".to_owned(), true),
        (
            format!("[duration('-9223372036854775808ns')]{}.map(d, time.now() - d).size() > 0", ".map(x, x + x)".repeat(64)),
            true,
        ),
        ("lists.range(30).all(i, !object.spec.text.matches('(?:[ab]*a[ab]{200}c)'))".to_owned(), true),
        // Values that go deeper with each variable.
        ("variables.v63 == variables.v63".to_owned(), true),
    ]
}

/// A pod with a long list, a map of as many, and a long text; three megabytes.
fn stuffed() -> serde_json::Value {
    let mut object = pod("nginx");
    let texts = || (0..20_000).map(|index| format!("a{index}{}", "b".repeat(20)));
    object["spec"]["list"] = texts().collect();
    object["spec"]["map"] = texts().map(|text| (text, 1)).collect();
    object["spec"]["text"] = "a".repeat(1 << 20).into();
    object
}

/// What is known of an expression is computed when the policy is read, not for each request.
fn nothing_is_compiled_again() {
    let regex = "object.metadata.name.matches('(([a-z]{20}){20}|web){2}')";
    let (before, policies) = (MEMORY.current_usage(), PolicySet::from_yaml(&policy(regex)).unwrap());
    let compiled = MEMORY.current_usage().saturating_sub(before);
    let (now, request, evidence) = (UnixTime::from_seconds(0), request(pod("nginx")), Evidence::default());
    let judge = || evaluate(&policies, &request, &evidence, &Trust::keys_only(), now);
    // What the first search keeps for the next ones.
    judge();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    judge();
    let held = MEMORY.peak_usage().saturating_sub(before);
    assert!(compiled > 40 << 10 && held < 10 << 10, "compiled: {compiled} bytes, a judgement: {held}");
}

fn policy(expression: &str) -> String {
    // Each variable wraps the one before it a hundred times.
    let wrapped = |index: usize| {
        let inner = if index == 0 { "[1]".to_owned() } else { format!("variables.v{}", index - 1) };
        format!("{{name: v{index}, expression: \"[{inner}]{}\"}}", ".map(x, [x])".repeat(50))
    };
    let variables: Vec<String> = match expression.contains("variables.") {
        true => (0..64).map(wrapped).collect(),
        false => Vec::new(),
    };
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  matchConstraints: \
         {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]}}\n  \
         validationConfigurations: {{required: false, mutateDigest: false, verifyDigest: false}}\n  attestors: [{{name: a, notary: {{certs: {{value: x}}}}}}]\n  variables: [{}]\n  validations:\n  \
         - expression: \"{expression}\"\n",
        variables.join(", ")
    )
}

#[test]
fn hostile_expressions_are_stopped() {
    nothing_is_compiled_again();
    let (mut worst, mut most) = (Duration::ZERO, 0);
    for (expression, loads) in hostile() {
        let short = expression.get(..60).unwrap_or(&expression).to_owned();
        let policy = policy(&expression);
        let mut held = 0;
        let start = Instant::now();
        let read = PolicySet::from_yaml(&policy);
        assert_eq!(read.is_ok(), loads, "{short}: {:?}", read.err().map(|error| error.to_string()));
        if let Ok(policies) = read {
            let now = UnixTime::from_seconds(0);
            let request = request(stuffed());
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let evidence = Evidence::default();
            let _ = policies.requirements(&request, &evidence, now);
            let verdict = evaluate(&policies, &request, &evidence, &Trust::keys_only(), now);
            assert_eq!(verdict.decision, Decision::Deny, "{short}: {verdict}");
            assert!(verdict.to_string().contains("cannot determine whether it holds"), "{short}: {verdict}");
            held = MEMORY.peak_usage().saturating_sub(before);
        }
        let took = start.elapsed();
        assert!(took < COST, "{short} took {took:?}");
        assert!(held < MEMORY_LIMIT, "{short} held {held} bytes");
        println!("{took:?}, {} KiB: {short}", held >> 10);
        (worst, most) = (worst.max(took), most.max(held));
    }
    println!("at most {worst:?} and {} KiB", most >> 10);
}
