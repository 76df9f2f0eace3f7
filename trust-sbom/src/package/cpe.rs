//! [`Cpe`]: a name of the [Common Platform Enumeration](https://csrc.nist.gov/projects/security-content-automation-protocol/specifications/cpe), 2.2 or 2.3.

use core::str::FromStr;

use thiserror::Error;

use crate::package::percent;

/// A CPE name, as far as parts are found by it: the rest of its eleven attributes is not compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cpe {
    part: String,
    vendor: String,
    product: String,
    version: Option<String>,
}

/// The text is not a CPE name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{found}` is not a CPE name, expected `cpe:2.3:part:vendor:product:version…` or `cpe:/part:vendor:product`"
)]
pub struct CpeError {
    /// What was found.
    pub found: String,
}

impl FromStr for Cpe {
    type Err = CpeError;

    fn from_str(text: &str) -> Result<Self, CpeError> {
        let error = || CpeError { found: text.chars().take(200).collect() };
        let attributes: Vec<String> = match (text.strip_prefix("cpe:2.3:"), text.strip_prefix("cpe:/")) {
            (Some(rest), _) => unescaped(rest),
            (None, Some(rest)) => {
                rest.split(':').map(percent::decode).collect::<Option<_>>().ok_or_else(error)?
            }
            (None, None) => return Err(error()),
        };
        let attribute = |index: usize| attributes.get(index).map(|value| value.to_lowercase());
        let (Some(part), Some(vendor), Some(product)) = (attribute(0), attribute(1), attribute(2)) else {
            return Err(error());
        };
        if !["a", "h", "o", "*", "-"].contains(&part.as_str()) || vendor.is_empty() || product.is_empty() {
            return Err(error());
        }
        let version = attribute(3).filter(|version| !["", "*", "-"].contains(&version.as_str()));
        Ok(Self { part, vendor, product, version })
    }
}

/// The attributes of a formatted string, with `\` taken from before what it escapes.
fn unescaped(text: &str) -> Vec<String> {
    let mut attributes = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => attributes.push(String::new()),
            '\\' => attributes.last_mut().into_iter().for_each(|last| last.extend(chars.next())),
            c => attributes.last_mut().into_iter().for_each(|last| last.push(c)),
        }
    }
    attributes
}

impl Cpe {
    /// Whether this name, as a pattern, means the other one: part, vendor and product are equal or `*`, and the version
    /// is equal, or not given by the pattern.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        fits(&self.part, &other.part)
            && fits(&self.vendor, &other.vendor)
            && fits(&self.product, &other.product)
            && (self.version.is_none() || self.version == other.version)
    }

    /// The product.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The version; `None` for any.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpe(text: &str) -> Cpe {
        text.parse().unwrap()
    }

    #[test]
    fn both_forms_mean_the_same() {
        let new = cpe(r"cpe:2.3:a:gnu:libstdc\+\+:12.2.0:*:*:*:*:*:*:*");
        assert_eq!(new, cpe("cpe:/a:gnu:libstdc%2B%2B:12.2.0"));
        assert!(cpe("cpe:2.3:a:gnu:libstdc\\+\\+").matches(&new));
        assert!(cpe("cpe:2.3:a:*:libstdc\\+\\+:12.2.0").matches(&new));
        assert!(!cpe("cpe:2.3:a:gnu:libstdc\\+\\+:12").matches(&new));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "cpe:", "cpe:2.3:x:a:b", "cpe:2.3:a:b", "cpe:/a::b", "pkg:npm/a", "cpe:/a:b:%zz"] {
            assert_eq!(text.parse::<Cpe>(), Err(CpeError { found: text.to_owned() }), "{text}");
        }
    }
}
