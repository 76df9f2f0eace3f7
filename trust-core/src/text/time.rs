//! [`UnixTime`] and [`TimeWindow`]: every clock reading that a verdict depends on is one of these, passed in by the caller.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Certificates count seconds, signed certificate timestamps count milliseconds; both are exact here.
/// Nothing in this workspace's core crates reads a clock: the caller says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

/// The text is not an RFC 3339 date-time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{found}` is not a time, expected RFC 3339 such as `2026-01-31T12:00:00Z`")]
pub struct TimeError {
    /// What was found.
    pub found: String,
}

impl UnixTime {
    /// Whole seconds since the epoch; values beyond some 292 million years saturate.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Midnight UTC of a day of the proleptic Gregorian calendar, `None` if there is no such day.
    #[must_use]
    pub fn from_date(year: i64, month: u8, day: u8) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if day == 0 || day > days_in_month || !(0..=9999).contains(&year) {
            return None;
        }
        // Days since 0000-03-01, then shifted to the epoch: years start in March so that the leap day comes last.
        let (month, day) = (i64::from(month), i64::from(day));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self::from_seconds((era * 146_097 + day_of_era - 719_468) * 86_400))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis` (negative: earlier), saturating.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl FromStr for UnixTime {
    type Err = TimeError;

    /// Reads RFC 3339 with any offset; digits of the fraction beyond milliseconds are dropped.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_rfc3339(text).ok_or_else(|| TimeError { found: text.chars().take(64).collect() })
    }
}

fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let separator = |at: usize, allowed: &str| Some(allowed.contains(text.get(at..=at)?));
    let marks = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    if !marks.iter().all(|&(at, allowed)| separator(at, allowed) == Some(true)) {
        return None;
    }
    let date =
        UnixTime::from_date(number(0, 4)?, number(5, 7)?.try_into().ok()?, number(8, 10)?.try_into().ok()?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(|byte| byte.is_ascii_digit()).count();
        let shown: String = fraction.get(..digits)?.chars().take(3).collect();
        if shown.is_empty() {
            return None;
        }
        millis = format!("{shown:0<3}").parse().ok()?;
        rest = fraction.get(digits..)?;
    }
    let offset_minutes = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let start = text.len() - rest.len();
            if rest.len() != 6 || rest.get(3..4)? != ":" {
                return None;
            }
            let (hours, minutes) = (number(start + 1, start + 3)?, number(start + 4, start + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    Some(date.plus_millis(((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + millis))
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC; the fraction is shown only when there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A closed interval of time, open-ended where a bound is absent.
///
/// Both ends belong to it, as in RFC 5280 section 4.1.2.5 and in `TimeRange` of Sigstore's trust root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeWindow {
    /// The first instant inside.
    pub start: Option<UnixTime>,
    /// The last instant inside.
    pub end: Option<UnixTime>,
}

impl TimeWindow {
    /// Any time.
    pub const ALWAYS: Self = Self { start: None, end: None };

    /// Whether `time` lies inside.
    #[must_use]
    pub fn contains(&self, time: UnixTime) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start, self.end) {
            (Some(start), Some(end)) => write!(f, "{start} to {end}"),
            (Some(start), None) => write!(f, "{start} onwards"),
            (None, Some(end)) => write!(f, "until {end}"),
            (None, None) => f.write_str("any time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_to_the_millisecond() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2022-12-31T23:59:59.999Z", 1_672_531_199_999),
            ("2022-12-31T23:59:59.9999999Z", 1_672_531_199_999),
            ("2024-02-29T00:00:00+01:30", 1_709_159_400_000),
            ("1969-12-31T23:59:59.5Z", -500),
        ] {
            assert_eq!(text.parse(), Ok(UnixTime::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "2023-02-29T00:00:00Z",
            "2023-01-01",
            "2023-01-01T00:00:00",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00+0100",
            "+023-01-01T00:00:00Z",
            "2023-01-01T00:00:00Zjunk",
            "２023-01-01T00:00:00Z",
        ] {
            let expected = TimeError { found: text.to_owned() };
            assert_eq!(text.parse::<UnixTime>(), Err(expected));
        }
    }

    #[test]
    fn a_window_contains_both_its_ends() {
        let (start, end) = (UnixTime::from_seconds(10), UnixTime::from_seconds(20));
        let window = TimeWindow { start: Some(start), end: Some(end) };
        assert!(window.contains(start) && window.contains(end));
        assert!(!window.contains(start.plus_millis(-1)) && !window.contains(end.plus_millis(1)));
    }

    proptest::proptest! {
        #[test]
        fn display_and_parse_are_inverse(millis in -62_167_219_200_000_i64..253_402_300_799_999) {
            let time = UnixTime::from_millis(millis);
            proptest::prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
