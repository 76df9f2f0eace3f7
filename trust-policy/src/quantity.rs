//! [`Quantity`]: amounts as Kubernetes writes them, such as `1Gi` or `500m`
//! ([format](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)).

/// An amount, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// The amount that a text says; `None` if it says none, or one that is out of range. What is smaller than a
    /// billionth is rounded away from zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at_checked(end)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') || number.len() > 30 {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let (two, ten) = exponents(suffix)?;
        let factor = 2i128.checked_pow(two)?.checked_mul(NANO)?;
        let ten = ten - i32::try_from(fraction.len()).ok()?;
        let power = 10i128.checked_pow(ten.unsigned_abs())?;
        let scaled = digits.checked_mul(factor)?;
        let amount =
            if ten < 0 { scaled.checked_add(power - 1)? / power } else { scaled.checked_mul(power)? };
        Some(Self(if is_negative { -amount } else { amount }))
    }
}

/// The powers of two and ten that a suffix stands for.
fn exponents(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let is_number = exponent.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit());
            (0, exponent.parse().ok().filter(|ten: &i32| is_number && ten.abs() <= 30)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_is_written_in_many_ways() {
        for (one, other) in [
            ("1Gi", "1024Mi"),
            ("1", "1000m"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("+1.0", "1"),
            (".5", "0.5"),
            ("1.", "1"),
            ("-1Ki", "-1024"),
            ("0.0000000001", "1n"),
        ] {
            assert!(Quantity::parse(one).is_some(), "{one}");
            assert_eq!(Quantity::parse(one), Quantity::parse(other), "{one}");
        }
        assert!(Quantity::parse("1023") < Quantity::parse("1Ki"));
        assert!(Quantity::parse("-1") < Quantity::parse("0"));
    }

    #[test]
    fn what_is_no_amount_has_none() {
        for text in [
            "",
            ".",
            "-",
            "1 ",
            "a",
            "1h",
            "1.5.2",
            "1KiB",
            "--1",
            "1e",
            "1e+",
            "1ee",
            "1e99",
            "Ki",
            "9999999999999999999999999999999",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
