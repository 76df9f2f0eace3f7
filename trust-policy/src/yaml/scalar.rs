//! What a plain scalar of YAML 1.1 is, as Go's YAML library and so kubectl and the API server read it
//! ([types](https://yaml.org/type/)): `yes` and `on` are booleans, `010` is eight, `1_000` a thousand.

use super::Value;

/// The value of a plain scalar; `None` if it is a number that JSON does not have.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => None,
        _ => Some(finite(text)),
    }
}

fn finite(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let text_value = || Value::Text(text.to_owned());
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return text_value();
    }
    // A number that begins with a point is a float, in which nothing is separated.
    if text.starts_with('.') {
        return if is_float(text) { float(text).unwrap_or_else(text_value) } else { text_value() };
    }
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return integer;
    }
    if is_float(&plain) { float(&plain).unwrap_or_else(text_value) } else { text_value() }
}

/// An integer in base 2, 8, 10 or 16, by its prefix; one with a leading zero is in base 8.
fn integer(text: &str) -> Option<Value> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = |letters: [char; 2]| digits.strip_prefix('0').and_then(|rest| rest.strip_prefix(letters));
    let (radix, digits) = match digits {
        _ if prefixed(['x', 'X']).is_some() => (16, prefixed(['x', 'X'])?),
        _ if prefixed(['o', 'O']).is_some() => (8, prefixed(['o', 'O'])?),
        _ if prefixed(['b', 'B']).is_some() => (2, prefixed(['b', 'B'])?),
        digits if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        digits => (10, digits),
    };
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if is_negative { -magnitude } else { magnitude }).ok().map(Value::Int)
}

/// Whether a text has the form of a decimal number: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    is_number && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// `None` if it is out of range.
fn float(text: &str) -> Option<Value> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_kubectl_reads() {
        for (text, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("nUll", Value::Text("nUll".to_owned())),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("yEs", Value::Text("yEs".to_owned())),
            ("010", Value::Int(8)),
            ("-0o10", Value::Int(-8)),
            ("0x1F", Value::Int(31)),
            ("0b101", Value::Int(5)),
            ("08", Value::Float(8.0)),
            ("0_0", Value::Int(0)),
            ("1__0", Value::Int(10)),
            ("_0", Value::Text("_0".to_owned())),
            ("1e3", Value::Float(1000.0)),
            ("+.5", Value::Float(0.5)),
            ("1.", Value::Float(1.0)),
            ("1e1000", Value::Text("1e1000".to_owned())),
            ("12:30:45", Value::Text("12:30:45".to_owned())),
            ("2001-01-01", Value::Text("2001-01-01".to_owned())),
            ("0x", Value::Text("0x".to_owned())),
            ("1h", Value::Text("1h".to_owned())),
            ("-", Value::Text("-".to_owned())),
            ("9223372036854775808", Value::Float(9_223_372_036_854_775_808.0)),
        ] {
            assert_eq!(resolve(text), Some(expected), "{text}");
        }
        assert_eq!(resolve("-.inf"), None);
    }
}
