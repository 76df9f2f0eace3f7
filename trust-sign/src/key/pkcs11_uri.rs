//! [`Pkcs11Uri`]: the name of a key in a token ([RFC 7512](https://www.rfc-editor.org/rfc/rfc7512)).

use core::str::FromStr;
use std::path::PathBuf;

use super::KeyError;

/// Which key of which token: a URI of RFC 7512 with `module-path`, and `object` or `id` (both, where one is not enough), such as
/// `pkcs11:token=build;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so`.
///
/// `token`, `serial` and `slot-id` say which token it is; without them there must be only one. A PIN in the URI is refused: what
/// stands in arguments and configurations is read by others.
///
/// ```
/// use trust_sign::Pkcs11Uri;
/// assert!("pkcs11:object=release?module-path=/usr/lib/p11.so".parse::<Pkcs11Uri>().is_ok());
/// let error = "pkcs11:object=release?module-path=/usr/lib/p11.so&pin-value=1234".parse::<Pkcs11Uri>();
/// assert!(!error.unwrap_err().to_string().contains("1234"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkcs11Uri {
    pub(super) module: PathBuf,
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) slot: Option<u64>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
}

impl FromStr for Pkcs11Uri {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix("pkcs11:").ok_or(wrong("expected `pkcs11:` at its beginning"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.split(';').filter(|one| !one.is_empty());
        let query = query.split('&').filter(|one| !one.is_empty());
        let mut attributes: Vec<(&str, Vec<u8>)> = Vec::new();
        for one in path.chain(query) {
            let (name, value) = one.split_once('=').ok_or(wrong("an attribute has no `=`"))?;
            if attributes.iter().any(|(known, _)| *known == name) {
                return Err(wrong(format!("`{name}` stands twice")));
            }
            let value = from_percent(value).ok_or(wrong(format!("`{name}` is not percent-encoded")))?;
            attributes.push((name, value));
        }
        let mut take = |name: &str| {
            let at = attributes.iter().position(|(known, _)| *known == name)?;
            Some(attributes.swap_remove(at).1)
        };
        let text = |name: &str, value: Option<Vec<u8>>| {
            value
                .map(|value| String::from_utf8(value).map_err(|_| wrong(format!("`{name}` is not UTF-8"))))
                .transpose()
        };
        let module = text("module-path", take("module-path"))?.ok_or(wrong("`module-path` is absent"))?;
        let slot = text("slot-id", take("slot-id"))?
            .map(|slot| slot.parse().map_err(|_| wrong("`slot-id` is not a number")))
            .transpose()?;
        let kind = text("type", take("type"))?.unwrap_or_else(|| "private".to_owned());
        if kind != "private" {
            return Err(wrong(format!("found `type={kind}`, expected `private`")));
        }
        let uri = Self {
            module: module.into(),
            token: text("token", take("token"))?,
            serial: text("serial", take("serial"))?,
            slot,
            object: text("object", take("object"))?,
            id: take("id"),
        };
        match attributes.first() {
            Some((name @ ("pin-value" | "pin-source"), _)) => {
                Err(wrong(format!("`{name}` is refused: the PIN is given apart from the URI")))
            }
            Some((name, _)) => Err(wrong(format!("`{name}` is not known here"))),
            None if uri.object.is_none() && uri.id.is_none() => {
                Err(wrong("it has neither `object` nor `id`"))
            }
            None => Ok(uri),
        }
    }
}

fn wrong(problem: impl Into<String>) -> KeyError {
    KeyError::Uri { problem: problem.into() }
}

fn from_percent(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'%' => {
                let ([high, low], after) = after.split_first_chunk::<2>()?;
                rest = after;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}
