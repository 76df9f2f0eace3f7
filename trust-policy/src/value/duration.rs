//! Durations as Go writes them, such as `1h30m` ([`time.ParseDuration`](https://pkg.go.dev/time#ParseDuration)).

/// The nanoseconds of a duration; `None` if the text is none.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Some(0);
    }
    let (mut total, mut rest) = (0i128, unsigned);
    while !rest.is_empty() || unsigned.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, others) = rest.split_at_checked(end)?;
        let end = others.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(others.len());
        let (unit, others) = others.split_at_checked(end)?;
        rest = others;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') || number.len() > 30 {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let power = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        total = total.checked_add(digits.checked_mul(nanoseconds(unit)?)? / power)?;
    }
    i64::try_from(if is_negative { -total } else { total }).ok()
}

fn nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The duration, as Go prints it.
pub(crate) fn to_text(nanoseconds: i128) -> String {
    let (sign, left) = (if nanoseconds < 0 { "-" } else { "" }, nanoseconds.unsigned_abs());
    let decimal = |value: u128, unit: u128| {
        let text = format!("{}.{:09}", value / unit, value % unit * (1_000_000_000 / unit));
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match left {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{left}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(left, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(left, 1_000_000)),
        _ => {
            let (minutes, seconds) = (left / 60_000_000_000, decimal(left % 60_000_000_000, 1_000_000_000));
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let second = 1_000_000_000;
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1h", Some(3600 * second)),
            ("1h30m", Some(5400 * second)),
            ("-1.5h", Some(-5400 * second)),
            (".5s", Some(second / 2)),
            ("1.s", Some(second)),
            ("3ns", Some(3)),
            ("2µs", Some(2000)),
            ("", None),
            ("1", None),
            ("h", None),
            ("1d", None),
            ("1h ", None),
            ("..5s", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for text in ["0s", "1ns", "1.5µs", "2ms", "1.000000001s", "1m0s", "1h0m0.5s", "-26h1m2s"] {
            assert_eq!(to_text(parse(text).unwrap().into()), text);
        }
    }
}
