//! [`DistinguishedName`]: whose certificate it is, as trust policies name it
//! ([trusted identities](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trusted-identities-constraints)).

use core::fmt;
use std::collections::BTreeMap;

use der::Tag;
use der::asn1::ObjectIdentifier;
use thiserror::Error;

use crate::asn1::{Element, Malformed};
use crate::x509::certificate::Certificate;

/// The attribute types that have a name ([RFC 4514 section 3](https://www.rfc-editor.org/rfc/rfc4514#section-3)), and those that Go names as well.
const TYPES: [(&str, ObjectIdentifier); 11] = [
    ("C", ObjectIdentifier::new_unwrap("2.5.4.6")),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("STREET", ObjectIdentifier::new_unwrap("2.5.4.9")),
    ("POSTALCODE", ObjectIdentifier::new_unwrap("2.5.4.17")),
    ("O", ObjectIdentifier::new_unwrap("2.5.4.10")),
    ("OU", ObjectIdentifier::new_unwrap("2.5.4.11")),
    ("CN", ObjectIdentifier::new_unwrap("2.5.4.3")),
    ("SERIALNUMBER", ObjectIdentifier::new_unwrap("2.5.4.5")),
    ("DC", ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25")),
    ("UID", ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1")),
];
/// What every name must have.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];
const MAX_LEN: usize = 4096;

/// A name with one value for each attribute type. Order means nothing; case does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DistinguishedName(BTreeMap<&'static str, String>);

/// A text or a certificate does not have a name that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is too long.
    #[error("name has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A part is not written as [RFC 4514](https://www.rfc-editor.org/rfc/rfc4514#section-3) says.
    #[error("`{found}` {problem}")]
    Syntax {
        /// The part.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An attribute type has no name here.
    #[error(
        "attribute type `{found}` is not known, expected one of C, ST, L, STREET, POSTALCODE, O, OU, CN, SERIALNUMBER, DC and UID"
    )]
    Type {
        /// The type.
        found: String,
    },
    /// An attribute type stands twice, or two stand together.
    #[error("attribute type `{found}` occurs twice, or together with another one in one part of the name")]
    Several {
        /// The type.
        found: String,
    },
    /// A value is empty, or not of characters.
    #[error("attribute `{found}` has no text")]
    Value {
        /// The type.
        found: &'static str,
    },
    /// A type that every name must have is absent.
    #[error("name has no `{expected}`, expected C, ST and O")]
    Absent {
        /// The type.
        expected: &'static str,
    },
    /// The certificate's name is malformed.
    #[error("the certificate's subject is malformed")]
    Malformed,
}

impl DistinguishedName {
    /// Reads a name such as `C=US, ST=WA, O=wabbit-networks.io`. Hexadecimal values (`=#`) are refused, for they would be compared as text.
    ///
    /// # Errors
    /// If it is not written so, names several values for one part, or has no country, state or organization.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_LEN {
            return Err(NameError::TooLong { found: text.len() });
        }
        let mut name = BTreeMap::new();
        for part in parts(text)? {
            let (written, value) = part;
            let wanted = written.to_ascii_uppercase();
            let wanted = if wanted == "S" { "ST" } else { wanted.as_str() };
            let known = TYPES.iter().find(|(known, _)| *known == wanted);
            let (known, _) = known.ok_or(NameError::Type { found: written })?;
            insert(&mut name, known, value)?;
        }
        Self::with(name)
    }

    /// The subject of a certificate.
    ///
    /// # Errors
    /// If it cannot be compared with names in policies, under the same rules.
    pub fn of_subject(certificate: &Certificate) -> Result<Self, NameError> {
        Self::from_der(certificate.subject_der())
    }

    fn from_der(der: &[u8]) -> Result<Self, NameError> {
        let mut name = BTreeMap::new();
        let malformed = |_: Malformed| NameError::Malformed;
        let mut parts = Element::only(der).and_then(|whole| whole.open(Tag::Sequence)).map_err(malformed)?;
        while !parts.is_empty() {
            let mut part = parts.next().and_then(|part| part.open(Tag::Set)).map_err(malformed)?;
            let mut pair = part.next().and_then(|pair| pair.open(Tag::Sequence)).map_err(malformed)?;
            let (oid, value) = (pair.next().map_err(malformed)?, pair.next().map_err(malformed)?);
            pair.end().map_err(malformed)?;
            let oid: ObjectIdentifier = oid.decode().map_err(malformed)?;
            let known = TYPES.iter().find(|(_, known)| *known == oid);
            let (known, _) = known.ok_or_else(|| NameError::Type { found: oid.to_string() })?;
            if !part.is_empty() {
                return Err(NameError::Several { found: (*known).to_owned() });
            }
            insert(&mut name, known, text(&value).ok_or(NameError::Value { found: known })?)?;
        }
        Self::with(name)
    }

    fn with(name: BTreeMap<&'static str, String>) -> Result<Self, NameError> {
        match MANDATORY.into_iter().find(|one| !name.contains_key(one)) {
            Some(expected) => Err(NameError::Absent { expected }),
            None => Ok(Self(name)),
        }
    }

    /// Whether another name has everything that this one has, and maybe more.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, value)| other.0.get(name) == Some(value))
    }
}

/// The characters of a value. T.61 has no one meaning, so it is not read.
fn text(value: &Element<'_>) -> Option<String> {
    if [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String].iter().any(|tag| value.is(*tag)) {
        return core::str::from_utf8(value.content).ok().map(str::to_owned);
    }
    let (units, rest) = value.content.as_chunks::<2>();
    let is_bmp = value.is(Tag::BmpString) && rest.is_empty();
    let units = units.iter().map(|pair| u16::from_be_bytes(*pair));
    is_bmp.then(|| char::decode_utf16(units).collect::<Result<String, _>>().ok()).flatten()
}

fn insert(
    name: &mut BTreeMap<&'static str, String>,
    of: &'static str,
    value: String,
) -> Result<(), NameError> {
    if value.is_empty() {
        return Err(NameError::Value { found: of });
    }
    match name.insert(of, value) {
        None => Ok(()),
        Some(_) => Err(NameError::Several { found: of.to_owned() }),
    }
}

/// Types and values, without what escapes them.
fn parts(text: &str) -> Result<Vec<(String, String)>, NameError> {
    let syntax = |found: &str, problem| NameError::Syntax { found: found.to_owned(), problem };
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (written, after) = rest.split_once('=').ok_or_else(|| syntax(rest, "has no `=`"))?;
        let (value, length) = value(after)?;
        parts.push((written.trim_matches(' ').to_owned(), value));
        match after.get(length..).unwrap_or_default() {
            "" => return Ok(parts),
            next if next.starts_with('+') => {
                return Err(NameError::Several { found: written.trim_matches(' ').to_owned() });
            }
            next => rest = next.strip_prefix(',').ok_or_else(|| syntax(next, "is not after `,`"))?,
        }
    }
}

/// A value, and how many bytes of the text it takes, up to the sign that ends it.
fn value(text: &str) -> Result<(String, usize), NameError> {
    let syntax = |problem| NameError::Syntax { found: text.chars().take(40).collect(), problem };
    if text.trim_start_matches(' ').starts_with('#') {
        return Err(syntax("is a value in hexadecimal, which is not compared"));
    }
    let mut bytes: Vec<u8> = Vec::new();
    // Spaces at the end belong to no value, unless they are escaped.
    let (mut letters, mut kept) = (text.char_indices(), 0);
    let mut length = text.len();
    while let Some((at, letter)) = letters.next() {
        match letter {
            ',' | '+' => {
                length = at;
                break;
            }
            '"' | ';' | '<' | '>' | '\0' => {
                return Err(syntax("has a character that must be escaped with `\\`"));
            }
            ' ' if bytes.is_empty() => {}
            '\\' => {
                let (_, escaped) = letters.next().ok_or_else(|| syntax("ends with `\\`"))?;
                if " \"#+,;<=>\\".contains(escaped) {
                    bytes.push(u8::try_from(escaped).map_err(|_| syntax("escapes another character"))?);
                } else {
                    let second = letters.next().and_then(|(_, second)| second.to_digit(16));
                    let pair = escaped
                        .to_digit(16)
                        .zip(second)
                        .and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                    bytes.push(pair.ok_or_else(|| {
                        syntax("has `\\` before neither a special character nor two hexadecimal digits")
                    })?);
                }
                kept = bytes.len();
            }
            letter => {
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                if letter != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    let value = String::from_utf8(bytes).map_err(|_| syntax("is not UTF-8 once it is unescaped"))?;
    if value.contains('\0') {
        return Err(syntax("has a NUL character in it"));
    }
    Ok((value, length))
}

/// A value as it is read again: a name that is copied into a policy means the same there.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let escape = |(index, letter): (usize, char)| match letter {
        ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => format!("\\{letter}"),
        '#' if index == 0 => format!("\\{letter}"),
        ' ' if index == 0 || index == last => format!("\\{letter}"),
        letter if letter.is_control() => {
            letter.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:02x}")).collect()
        }
        letter => letter.to_string(),
    };
    value.chars().enumerate().map(escape).collect()
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = TYPES.iter().filter_map(|(name, _)| Some((name, self.0.get(name)?)));
        for (index, (name, value)) in present.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={}", escaped(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_by_the_rules_of_policies() {
        let encode = crate::asn1::encode;
        let pair =
            |oid: &[u8], value: &[u8]| encode(0x30, &[encode(0x06, oid), encode(0x0c, value)].concat());
        let of = |last: u8, value: &[u8]| pair(&[0x55, 0x04, last], value);
        let (country, state, organization) = (of(6, b"US"), of(8, b"WA"), of(10, b"acme, inc"));
        let read = |parts: &[Vec<u8>]| {
            let parts: Vec<u8> = parts.iter().flat_map(|part| encode(0x31, part)).collect();
            DistinguishedName::from_der(&encode(0x30, &parts)).map(|name| name.to_string())
        };
        let whole = [country.clone(), state.clone(), organization.clone()];
        assert_eq!(read(&whole), Ok("C=US, ST=WA, O=acme\\, inc".to_owned()));
        let with = |more: Vec<u8>| read(&[&whole[..], &[more]].concat());
        assert_eq!(with(of(10, b"other")), Err(NameError::Several { found: "O".to_owned() }));
        let together = [country, [state, organization].concat()];
        assert_eq!(read(&together), Err(NameError::Several { found: "ST".to_owned() }));
        assert_eq!(with(of(12, b"dr")), Err(NameError::Type { found: "2.5.4.12".to_owned() }));
        assert_eq!(with(of(3, b"")), Err(NameError::Value { found: "CN" }));
        assert_eq!(read(&whole[1..]), Err(NameError::Absent { expected: "C" }));
        assert_eq!(with(vec![]), Err(NameError::Malformed));
    }

    #[test]
    fn a_value_is_of_characters() {
        let read = |tag: u8, content: &[u8]| {
            let der = crate::asn1::encode(tag, content);
            text(&Element::only(&der).unwrap())
        };
        for tag in [0x0c, 0x13, 0x16] {
            assert_eq!(read(tag, b"acme").as_deref(), Some("acme"));
        }
        assert_eq!(read(0x0c, b"\xff"), None);
        assert_eq!(read(0x1e, b"\0a\xd8\x3d\xde\x00").as_deref(), Some("a\u{1f600}"), "a BMPString");
        assert_eq!(read(0x1e, b"\0a\0"), None, "half a character");
        assert_eq!(read(0x1e, b"\xd8\x3d"), None, "half a pair");
        assert_eq!(read(0x14, b"acme"), None, "a T61String");
    }
}
