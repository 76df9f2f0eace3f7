//! [`Moment`]: a time and its place on the globe, as Go reads and writes it by RFC 3339: to the second, in the offset in which
//! it was written.

use core::fmt;
use core::str::FromStr;

use trust_core::UnixTime;

/// A time with the offset from UTC, in minutes, in which it is written.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) time: UnixTime,
    offset: i64,
}

/// Milliseconds from the first of January of the year 1 to that of 1970: where Go begins to count.
const YEAR_ONE: i64 = 62_135_596_800_000;
const MINUTE: i64 = 60_000;

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Go takes no `t` and `z`.
        if text.contains(['t', 'z', ' ']) {
            return Err(());
        }
        let time = text.parse().map_err(|_| ())?;
        let offset = match text.strip_suffix('Z') {
            Some(_) => 0,
            None => {
                let at = text.len().checked_sub(6).ok_or(())?;
                let (sign, rest) = text.get(at..).and_then(|rest| rest.split_at_checked(1)).ok_or(())?;
                let (hours, minutes) = rest.split_once(':').ok_or(())?;
                let part = |text: &str| text.parse::<i64>().map_err(|_| ());
                (part(hours)? * 60 + part(minutes)?) * if sign == "-" { -1 } else { 1 }
            }
        };
        Ok(Self { time, offset })
    }
}

impl Moment {
    /// The same moment in UTC.
    pub(super) fn utc(time: UnixTime) -> Self {
        Self { time, offset: 0 }
    }

    /// Some milliseconds later.
    pub(super) fn plus_millis(self, millis: i64) -> Self {
        Self { time: self.time.plus_millis(millis), ..self }
    }

    /// Rounded down to a multiple of a step, counted from the year 1.
    pub(super) fn truncated(self, step: i64) -> Self {
        let since = self.time.as_millis().saturating_add(YEAR_ONE);
        if step > 0 { self.plus_millis(-since.rem_euclid(step)) } else { self }
    }

    /// The time of day and date of a cron expression that means this minute: minute, hour, day, month, day of the week.
    pub(super) fn to_cron(self) -> Option<String> {
        let written = self.local().to_string();
        let number = |from: usize, to: usize| written.get(from..to)?.parse::<u32>().ok();
        let days = self.local().as_millis().div_euclid(24 * 60 * MINUTE);
        // The first of January 1970 was a Thursday.
        let weekday = (days + 4).rem_euclid(7);
        let (minute, hour, day, month) = (number(14, 16)?, number(11, 13)?, number(8, 10)?, number(5, 7)?);
        Some(format!("{minute} {hour} {day} {month} {weekday}"))
    }

    /// The clock's hands, as if they were in UTC.
    fn local(self) -> UnixTime {
        self.time.plus_millis(self.offset * MINUTE)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.local().as_millis();
        let seconds = UnixTime::from_millis(millis - millis.rem_euclid(1000)).to_string();
        let date = seconds.trim_end_matches('Z');
        match self.offset {
            0 => write!(f, "{date}Z"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{date}{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}
