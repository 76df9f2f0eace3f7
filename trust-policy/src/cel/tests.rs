//! Expressions and their values: those of the language's definition, and hostile ones.

use serde_json::json;
use trust_core::UnixTime;

use super::names::Names;
use super::syntax::Question;
use super::value::{Failure, Value, failed};
use super::{Cel, Environment, Interpreter};
use crate::expression::budget::Budget;

/// `object`, and a member `variables.x`.
struct Document(serde_json::Value);

impl<'a> Environment<'a> for &'a Document {
    fn value(&self, _: &str) -> Result<Value<'a>, Failure> {
        Ok(Value::from(&self.0))
    }

    fn member(&self, _: &str, _: &str) -> Result<Value<'a>, Failure> {
        Err(Failure::Unknown("not fetched".to_owned()))
    }

    fn answer(&self, _: Question, _: &[Value<'a>]) -> Result<Value<'a>, Failure> {
        failed("no answers here")
    }
}

fn names() -> Names {
    Names { values: vec!["object"], members: vec![("variables", vec!["x".to_owned()])], may_ask: true }
}

fn evaluate(text: &str) -> Result<String, String> {
    let document = Document(json!({
        "metadata": {"name": "web", "labels": {"app": "web", "n": null}},
        "spec": {"containers": [{"image": "a:1"}, {"image": "b:2"}], "replicas": 3, "ratio": 0.5},
    }));
    let compiled = Cel::compile(text, &names()).map_err(|error| error.to_string())?;
    let (budget, environment) = (Budget::default(), &document);
    let mut interpreter = Interpreter::new(&environment, &budget, UnixTime::from_seconds(1_782_864_000));
    let value = interpreter.evaluate(&compiled).map_err(|failure| failure.to_string())?;
    Ok(format!("{}", Shown(&value)))
}

/// A value as an expression would write it.
struct Shown<'v>(&'v Value<'v>);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let list = |items: Vec<String>| items.join(", ");
        if let Some(items) = self.0.items() {
            return write!(f, "[{}]", list(items.iter().map(|item| Shown(item).to_string()).collect()));
        }
        if let Some(entries) = self.0.entries() {
            let entry = |(key, value): &(Value<'_>, Value<'_>)| format!("{}: {}", Shown(key), Shown(value));
            return write!(f, "{{{}}}", list(entries.iter().map(entry).collect()));
        }
        match self.0 {
            Value::Text(text) => write!(f, "'{}'", &**text),
            Value::Null => f.write_str("null"),
            Value::Uint(number) => write!(f, "{number}u"),
            Value::Optional(None) => f.write_str("none"),
            Value::Optional(Some(value)) => write!(f, "some({})", Shown(value)),
            other => f.write_str(
                &other.to_text().map_or_else(|| other.type_name().to_owned(), |text| text.to_string()),
            ),
        }
    }
}

#[test]
fn expressions_have_the_values_that_the_language_defines() {
    for (text, expected) in [
        // Literals.
        ("-9223372036854775808", "-9223372036854775808"),
        ("0x1F + 1", "32"),
        ("18446744073709551615u", "18446744073709551615u"),
        ("1.5e3", "1500"),
        (".5 * 2.0", "1"),
        (r#""a" 'b'"#, "line 1, column 5: found a text, expected an operator or the end"),
        (r"'\x41\u00e9\101\n'.size()", "4"),
        (r"r'\d'", r"'\d'"),
        ("'''a\nb'''", "'a\nb'"),
        (r"b'\xff' == bytes('a')", "false"),
        ("1 // one\n + 2", "3"),
        // Operators.
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("!true || !!true && 1 < 2", "true"),
        ("1 == 1.0 && 1u == 1 && 1 < 1.5 && 2.5 > 2u", "true"),
        ("[1, 2.0] == [1.0, 2u]", "true"),
        ("{'a': 1} == {'a': 1.0}", "true"),
        ("semver('1.2.3') == semver('1.2.3') && semver('1.2.3') in [semver('1.2.3')]", "true"),
        ("'٣'.matches('^\\\\d$') || 'ä'.matches('^\\\\w$')", "false"),
        (r"'a1_ b'.findAll(r'\w+').size() == 2 && 'a b'.matches(r'a\b.[\s\w]')", "true"),
        ("'a' in ['b', 'a'] && 'k' in {'k': 1}", "true"),
        ("1 == 'a'", "false"),
        ("true ? 1 : 1 / 0", "1"),
        ("-(-3)", "3"),
        ("'a' + 'b' < 'b'", "true"),
        ("[1] + [2]", "[1, 2]"),
        ("[1, 2,]", "[1, 2]"),
        ("{1: 'a', 'b': 2,}", "{1: 'a', 'b': 2}"),
        // What fails does not matter where something else decides.
        ("1 / 0 == 1 || true", "true"),
        ("false && 1 / 0 == 1", "false"),
        ("variables.x == 1 || true", "true"),
        ("[0, 1].exists(e, 1 / e == 1)", "true"),
        ("[0, 1].all(e, 1 / e == 2)", "false"),
        // Fields.
        ("object.metadata.name", "'web'"),
        ("object['metadata']['name']", "'web'"),
        ("object.spec.containers[1].image", "'b:2'"),
        ("has(object.metadata.labels.app) && !has(object.metadata.labels.env)", "true"),
        ("has(object.metadata.labels.n)", "true"),
        ("object.metadata.labels.n", "null"),
        ("object.?spec.?hostNetwork.orValue(false)", "false"),
        ("object.?spec.replicas", "some(3)"),
        ("object.?status.?phase", "none"),
        ("object.spec.?containers.orValue([]).size()", "2"),
        ("object.spec.containers[?5].?image.hasValue()", "false"),
        ("object.spec.containers.orValue([]).size()", "2"),
        ("[?optional.of(1), ?optional.none()]", "[1]"),
        ("optional.of(2).optMap(x, x * 2).value()", "4"),
        // Macros.
        ("[1, 2, 3].filter(x, x > 1).map(x, x * 2)", "[4, 6]"),
        ("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"),
        ("[1, 2, 3].exists_one(x, x > 2)", "true"),
        ("object.metadata.labels.exists(k, k == 'app')", "true"),
        ("object.metadata.labels.filter(k, k == 'app')", "['app']"),
        ("object.metadata.labels.all(k, v, k != 'app' || v == 'web')", "true"),
        ("['a', 'b'].transformList(i, e, string(i) + e)", "['0a', '1b']"),
        ("{'a': 1}.transformMap(k, v, v + 1)", "{'a': 2}"),
        ("cel.bind(n, object.spec.replicas, n * n)", "9"),
        ("[1].map(x, [2].map(y, x + y))", "[[3]]"),
        // Functions.
        ("size('äö') == 2 && 'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')", "true"),
        ("'abc'.matches('^a.c$') && matches('abc', 'b')", "true"),
        ("type(1) == int && type('') == string && type([]) == list && type(int) == type", "true"),
        (
            "string(1.0) + string(true) + string(b'x') + string(1e21) + string(duration('90s'))",
            "'1truex1e+2190s'",
        ),
        ("int('12') + int(3.9) + int(2u)", "17"),
        ("double('1.5') + 1.0", "2.5"),
        ("timestamp('2026-01-02T03:04:05Z').getFullYear()", "2026"),
        ("timestamp('2026-01-02T03:04:05Z').getMonth()", "0"),
        ("timestamp('2026-01-02T03:04:05Z').getDate()", "2"),
        ("timestamp('2026-01-02T03:04:05Z').getDayOfMonth()", "1"),
        ("timestamp('2026-01-02T03:04:05Z').getDayOfWeek()", "5"),
        ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')", "true"),
        ("time.now() - duration('1h') < time.now()", "true"),
        ("'a,b'.split(',').join('-')", "'a-b'"),
        ("'Abc'.lowerAscii() + 'Abc'.upperAscii()", "'abcABC'"),
        ("'hello'.substring(1, 3) + 'hello'.charAt(0)", "'elh'"),
        ("'hello'.indexOf('l') + 'hello'.lastIndexOf('l')", "5"),
        ("'aaa'.replace('a', 'b', 2)", "'bba'"),
        ("'%s has %d of %s'.format(['web', 3, [1, 2]])", "'web has 3 of [1, 2]'"),
        ("'v1.2.3'.find('[0-9]+')", "'1'"),
        ("'v1.2.3'.findAll('[0-9]+')", "['1', '2', '3']"),
        ("[3, 1, 2].min() + [3, 1, 2].max() + [3, 1, 2].sum()", "10"),
        ("[1, 2].isSorted() && [1, 1, 2].distinct() == [1, 2]", "true"),
        ("[[1], [2]].flatten()", "[1, 2]"),
        ("math.greatest(1, 2.5) == 2.5 && math.least([3, 1]) == 1", "true"),
        ("sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && !sets.equivalent([1], [2])", "true"),
        ("quantity('1Gi').isGreaterThan(quantity('1000Mi'))", "true"),
        ("semver('1.2.3').isLessThan(semver('1.10.0')) && !isSemver('1.2')", "true"),
        ("base64.encode(b'hi') == 'aGk=' && string(base64.decode('aGk=')) == 'hi'", "true"),
        ("image('ghcr.io/a/b:1').registry()", "'ghcr.io'"),
        (
            "image('nginx').registry() + '/' + image('nginx').repository() + ':' + image('nginx').tag()",
            "'index.docker.io/library/nginx:latest'",
        ),
        ("parseImageReference('a/b').containsDigest()", "false"),
    ] {
        let found = evaluate(text).unwrap_or_else(|problem| problem);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    for (text, expected) in [
        ("1 / 0", "divides by zero"),
        ("9223372036854775807 + 1", "result is out of range"),
        ("object.status", "no such field: `status`"),
        ("object.spec.containers[2]", "no such key or index"),
        ("object.metadata.name.first", "string has no fields, expected a map with `first`"),
        ("1 + 'a'", "cannot add int and string"),
        ("1.5 < 'a'", "cannot compare double with string"),
        ("2.5 > null", "cannot compare double with null_type"),
        ("1 < 'a'", "cannot compare int with string"),
        ("'a' && true", "found string, expected bool"),
        ("variables.x", "not fetched"),
        ("variables.x == 1 && 1 / 0 == 1", "not fetched"),
        ("{'a': 1, 'a': 2}", "map has one of its keys twice"),
        (
            "'a'.matches('(' + '')",
            "`(` is not a usable regular expression: regex parse error:\n    (\n    ^\nerror: unclosed group",
        ),
        ("optional.none().value()", "`value` is asked of an optional value that is absent"),
        ("int('a')", "`int` is out of range, or asked of what is not a number"),
        ("size(1)", "`size` is asked of int, expected string, bytes, list or map"),
    ] {
        assert_eq!(evaluate(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    for (text, expected) in [
        ("", "line 1, column 1: found the end, expected a value"),
        ("1 +\n  ", "line 2, column 3: found the end, expected a value"),
        ("a", "line 1, column 1: name `a` is not known"),
        ("[1].map(a, b)", "line 1, column 12: name `b` is not known"),
        ("object.metadata.sizes()", "line 1, column 17: function `sizes` is not known"),
        ("f(1)", "line 1, column 1: function `f` is not known"),
        ("variables.y", "line 1, column 10: `variables.y` is not known, expected one of x"),
        ("variables", "line 1, column 1: `variables` can only be asked for one of its members"),
        ("[1].map(object, 1)", "line 1, column 5: `object` would hide the name of the policy"),
        ("has(object)", "line 1, column 1: `has` expects a field such as `a.b`"),
        (
            "'a'.matches('(')",
            "line 1, column 5: `(` is not a usable regular expression: regex parse error:\n    (\n    ^\nerror: unclosed group",
        ),
        ("'a'.substring()", "line 1, column 5: `substring` has 0 arguments, expected 1 to 2"),
        (
            "verifyImageSignatures('a')",
            "line 1, column 1: `verifyImageSignatures` has 1 arguments, expected 2",
        ),
        ("'a", "line 1, column 1: text has no end"),
        (r"'\q'", r"line 1, column 1: `\q` is no escape"),
        ("9223372036854775808", "line 1, column 1: `9223372036854775808` is out of range"),
        ("if", "line 1, column 1: `if` is a reserved word"),
        ("A{b: 1}", "line 1, column 2: messages such as `A{...}` are not supported"),
        ("1 # 2", "line 1, column 3: found `#`, which no expression has"),
        ("a.b c", "line 1, column 5: found `c`, expected an operator or the end"),
    ] {
        assert_eq!(evaluate(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_was_too_much_work_has_no_value_even_where_something_else_decides() {
    let list = format!("[{}]", vec!["1"; 300].join(","));
    let loops = format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b + c > 0)))");
    for text in [loops.clone(), format!("({loops}) || true"), format!("[1].exists(x, ({loops}) || true)")] {
        assert!(evaluate(&text).unwrap_err().contains("the budget of a judgement"), "{text}");
    }
    // A hundred terms are no attack.
    assert_eq!(evaluate(&("1".to_owned() + &"+1".repeat(99))), Ok("100".to_owned()));
}
