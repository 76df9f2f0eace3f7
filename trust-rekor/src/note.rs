//! [`SignedNote`]: a text and signatures over it
//! ([C2SP signed-note](https://github.com/C2SP/C2SP/blob/main/signed-note.md)).

use core::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use trust_core::internal::encoding;
use trust_core::{KeyAlgorithm, PublicKey, Signed};

/// As in Go's implementation.
const MAX_LEN: usize = 1_000_000;
/// Likewise; the specification wants at least 16.
const MAX_SIGNATURES: usize = 100;

/// A note, parsed. It proves nothing until a signature on it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote<'a> {
    text: &'a str,
    signatures: Vec<NoteSignature<'a>>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature<'a> {
    name: &'a str,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

/// A key that signs notes, by its name.
#[derive(Clone, Debug)]
pub struct NoteKey<'a> {
    name: &'a str,
    key_id: [u8; 4],
    key: &'a PublicKey,
}

/// The text is not a note, or not signed by the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is too long.
    #[error("note has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It holds a control character other than a line feed.
    #[error("note holds the control character {found:#04x}")]
    Control {
        /// The character.
        found: u8,
    },
    /// There is no empty line between text and signatures.
    #[error("note has no empty line before its signatures")]
    NoSeparator,
    /// A signature line is malformed.
    #[error("signature line {line} is malformed, expected `\u{2014} name base64`")]
    SignatureLine {
        /// Which, counted from 1.
        line: usize,
    },
    /// There are too many signatures.
    #[error("note has {found} signatures, expected at most {MAX_SIGNATURES}")]
    TooManySignatures {
        /// How many.
        found: usize,
    },
    /// The key did not sign it.
    #[error("note has no signature of `{name}` with key id {}", encoding::to_hex(key_id))]
    NoSignature {
        /// Name of the key.
        name: String,
        /// Its identifier.
        key_id: [u8; 4],
    },
    /// The key's signature does not verify.
    #[error("the note's signature of `{name}` does not verify")]
    Signature {
        /// Name of the key.
        name: String,
    },
}

impl<'a> NoteKey<'a> {
    /// A key of Rekor v1: its identifier is the beginning of the SHA-256 of its SubjectPublicKeyInfo, whatever its kind.
    #[must_use]
    pub fn rekor_v1(name: &'a str, key: &'a PublicKey) -> Self {
        Self::with_id(name, key, &Sha256::digest(key.spki_der()))
    }

    /// A key as C2SP and Rekor v2 name it.
    ///
    /// Ed25519: SHA-256 of name, line feed, 0x01 and the key; ECDSA: of the SubjectPublicKeyInfo;
    /// RSA: of name, line feed, 0xff, `PKIX-RSA-PKCS#1v1.5` and the SubjectPublicKeyInfo.
    #[must_use]
    pub fn c2sp(name: &'a str, key: &'a PublicKey) -> Self {
        Self::with_id(name, key, &c2sp_key_id(name, key))
    }

    fn with_id(name: &'a str, key: &'a PublicKey, hash: &[u8]) -> Self {
        let key_id = hash.first_chunk().copied().unwrap_or_default();
        Self { name, key_id, key }
    }
}

/// The whole hash of which a key identifier is the beginning; Rekor v2 identifies logs by it.
#[must_use]
pub fn c2sp_key_id(name: &str, key: &PublicKey) -> [u8; 32] {
    const ED25519: &[u8] = &[1];
    const RSA: &[u8] = b"\xffPKIX-RSA-PKCS#1v1.5";
    let spki = key.spki_der();
    let (kind, value) = match key.algorithm() {
        // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410 section 4).
        KeyAlgorithm::Ed25519 => (ED25519, spki.last_chunk::<32>().map_or(spki, |raw| raw)),
        KeyAlgorithm::Rsa { .. } => (RSA, spki),
        _ => return Sha256::digest(spki).into(),
    };
    Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update(kind)
        .chain_update(value)
        .finalize()
        .into()
}

impl<'a> SignedNote<'a> {
    /// Reads a note.
    ///
    /// # Errors
    /// If it does not follow the grammar, or is too long.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > MAX_LEN {
            return Err(NoteError::TooLong { found: note.len() });
        }
        let is_control = |byte: &u8| *byte < 0x20 && *byte != b'\n';
        if let Some(found) = note.bytes().find(is_control) {
            return Err(NoteError::Control { found });
        }
        // The text ends with a line feed; signatures follow the last empty line.
        let separator = note.rfind("\n\n").ok_or(NoteError::NoSeparator)?;
        let (text, rest) = note.split_at_checked(separator + 1).unwrap_or((note, ""));
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::SignatureLine { line: 1 })?;
        let count = lines.split('\n').count();
        if count > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures { found: count });
        }
        let signatures = lines
            .split('\n')
            .enumerate()
            .map(|(index, line)| {
                NoteSignature::parse(line).ok_or(NoteError::SignatureLine { line: index + 1 })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The text, with its final line feed: what is signed.
    #[must_use]
    pub fn unverified_text(&self) -> &'a str {
        self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn unverified_signatures(&self) -> &[NoteSignature<'a>] {
        &self.signatures
    }

    /// Proves that `key` signed the text. Lines of other keys are passed over.
    ///
    /// # Errors
    /// If there is no line of the key, or its line does not verify.
    pub fn verify(&self, key: &NoteKey<'_>) -> Result<(), NoteError> {
        let mut found = false;
        for line in &self.signatures {
            if line.name != key.name || line.key_id != key.key_id {
                continue;
            }
            found = true;
            key.key
                .verify(key.key.log_scheme(), Signed::Message(self.text.as_bytes()), &line.signature)
                .map_err(|_| NoteError::Signature { name: key.name.to_owned() })?;
        }
        if found {
            Ok(())
        } else {
            Err(NoteError::NoSignature { name: key.name.to_owned(), key_id: key.key_id })
        }
    }
}

impl fmt::Display for SignedNote<'_> {
    /// The note as it was read, byte for byte: its grammar has one spelling for everything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| {
            let bytes = [&line.key_id[..], &line.signature].concat();
            writeln!(f, "\u{2014} {} {}", line.name, encoding::to_base64(&bytes))
        })
    }
}

impl<'a> NoteSignature<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        if name.is_empty() || name.contains(char::is_whitespace) || name.contains('+') {
            return None;
        }
        let bytes = encoding::from_base64(signature)?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self { name, key_id: *key_id, signature: signature.to_vec() })
    }

    /// The name of the key that it claims to be by.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The identifier of that key.
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// The signature; what its bytes mean depends on the kind of key.
    #[must_use]
    pub fn unverified_signature(&self) -> &[u8] {
        &self.signature
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn peter_neumann() -> PublicKey {
        // PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW, from the documentation of Go's note package.
        let raw = encoding::from_base64("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let mut spki = encoding::from_hex("302a300506032b6570032100").unwrap();
        spki.extend_from_slice(&raw[1..]);
        PublicKey::from_der(&spki).unwrap()
    }

    #[test]
    fn the_example_of_the_note_package_verifies() {
        let (note, key) = (SignedNote::parse(NOTE).unwrap(), peter_neumann());
        assert_eq!(note.verify(&NoteKey::c2sp("PeterNeumann", &key)), Ok(()));
        let other = NoteKey::c2sp("Other", &key);
        let expected = NoteError::NoSignature { name: "Other".to_owned(), key_id: other.key_id };
        assert_eq!(note.verify(&other), Err(expected));
    }

    #[test]
    fn changed_text_does_not_verify() {
        let (text, key) = (NOTE.replace("answer", "Answer"), peter_neumann());
        let name = "PeterNeumann".to_owned();
        assert_eq!(
            SignedNote::parse(&text).unwrap().verify(&NoteKey::c2sp("PeterNeumann", &key)),
            Err(NoteError::Signature { name })
        );
    }

    #[test]
    fn lines_of_unknown_keys_change_nothing() {
        let text = format!("{NOTE}\u{2014} stranger AAAAAAA=\n");
        let key = peter_neumann();
        assert_eq!(SignedNote::parse(&text).unwrap().verify(&NoteKey::c2sp("PeterNeumann", &key)), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_it_was(
            lines in vec("[^\\x00-\\x1f]{0,20}", 1..5),
            signatures in vec(("[a-z./]{1,10}", any::<[u8; 4]>(), vec(any::<u8>(), 1..40)), 1..4),
        ) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let signatures = signatures
                .iter()
                .map(|(name, key_id, signature)| NoteSignature { name, key_id: *key_id, signature: signature.clone() })
                .collect();
            let note = SignedNote { text: &text, signatures };
            let printed = note.to_string();
            let read = SignedNote::parse(&printed).unwrap();
            prop_assert_eq!(&read, &note);
            prop_assert_eq!(read.to_string(), printed);
        }
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        for (text, expected) in [
            ("", NoteError::NoSeparator),
            ("text\n", NoteError::NoSeparator),
            ("text\n\n", NoteError::SignatureLine { line: 1 }),
            ("text\r\n\n\u{2014} a AAAAAAA=\n", NoteError::Control { found: 13 }),
            ("text\n\n\u{2014} a AAAAAAA=", NoteError::SignatureLine { line: 1 }),
            ("text\n\n\u{2014} a AAAAAA==\n", NoteError::SignatureLine { line: 1 }),
            ("text\n\n\u{2014} a AAAAAAA= x\n", NoteError::SignatureLine { line: 1 }),
            ("text\n\n\u{2014} a+b AAAAAAA=\n", NoteError::SignatureLine { line: 1 }),
            ("text\n\n- a AAAAAAA=\n", NoteError::SignatureLine { line: 1 }),
        ] {
            assert_eq!(SignedNote::parse(text), Err(expected), "{text:?}");
        }
    }
}
