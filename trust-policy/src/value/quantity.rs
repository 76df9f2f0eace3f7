//! [`Quantity`]: amounts as Kubernetes writes them, such as `1Gi` or `500m`
//! ([format](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)).

/// An amount, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

/// How an amount is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `1Ki`
    Binary,
    /// `1k`
    Decimal,
    /// `1e3`
    Exponent,
}

impl Format {
    /// The format of an amount's text.
    pub(crate) fn of(text: &str) -> Self {
        let suffix = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        match suffix {
            _ if suffix.ends_with('i') => Self::Binary,
            _ if suffix.starts_with(['e', 'E']) && suffix.len() > 1 => Self::Exponent,
            _ => Self::Decimal,
        }
    }
}

impl Quantity {
    /// An amount of so many billionths.
    pub(crate) fn of_nano(nano: i128) -> Self {
        Self(nano)
    }

    /// How many billionths it is.
    pub(crate) fn nano(self) -> i128 {
        self.0
    }

    /// How many digits it has behind the point.
    pub(crate) fn digits(self) -> u32 {
        (0..9).find(|digits| self.0 % (NANO / 10i128.pow(*digits)) == 0).unwrap_or(9)
    }

    /// The amount in its shortest form (`CanonicalizeBytes` of Kubernetes' quantity.go).
    pub(crate) fn to_text(self, format: Format) -> String {
        if self.0 == 0 {
            return "0".to_owned();
        }
        let is_small = self.0.unsigned_abs() < 1024 * NANO.unsigned_abs();
        if format == Format::Binary && !is_small && self.0 % NANO == 0 {
            let (mut mantissa, mut power) = (self.0 / NANO, 0);
            while mantissa % 1024 == 0 && power < 6 {
                (mantissa, power) = (mantissa / 1024, power + 1);
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(power).copied().unwrap_or_default();
            return format!("{mantissa}{suffix}");
        }
        let (mut mantissa, mut exponent) = (self.0, -9);
        while mantissa % 1000 == 0 && exponent < 18 {
            (mantissa, exponent) = (mantissa / 1000, exponent + 3);
        }
        let suffix = match (format, exponent) {
            (_, 0) => String::new(),
            (Format::Exponent, exponent) => format!("e{exponent}"),
            (_, exponent) => {
                let names = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
                usize::try_from((exponent + 9) / 3)
                    .ok()
                    .and_then(|at| names.get(at))
                    .copied()
                    .unwrap_or_default()
                    .to_owned()
            }
        };
        format!("{mantissa}{suffix}")
    }

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
    fn amounts_are_written_in_their_shortest_form() {
        for (text, expected) in [
            ("12Ki", "12Ki"),
            ("2048Ki", "2Mi"),
            ("1023Ki", "1023Ki"),
            ("0.5Ki", "512"),
            ("1500m", "1500m"),
            ("1000m", "1"),
            ("20000", "20k"),
            ("1e3", "1e3"),
            ("0Ki", "0"),
            ("-1Ki", "-1Ki"),
            ("0.0005", "500u"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_text(Format::of(text)), expected, "{text}");
        }
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
