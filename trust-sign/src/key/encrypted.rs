//! Private keys as cosign encrypts them: scrypt makes a key of the password, NaCl's secretbox holds PKCS#8
//! ([format](https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted.go)).

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::Deserialize;
use trust_core::internal::{encoding, json};
use zeroize::Zeroizing;

use super::{KeyError, random};

/// As cosign writes it now, and as it wrote it once.
pub(super) const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// The costs that are in use, as logarithms of N; r is 8 and p is 1.
const COSTS: [(u64, u8); 2] = [(65_536, 16), (32_768, 15)];
const EXPECTED: &str = "scrypt (N 65536 or 32768, r 8, p 1) and nacl/secretbox";
/// A Poly1305 tag, which stands before what is encrypted.
const TAG_LEN: usize = 16;
const NONCE_LEN: usize = 24;
const SALT_LEN: usize = 32;

#[derive(Deserialize)]
struct Wire {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

pub(super) fn decrypt(
    label: &'static str,
    content: &[u8],
    password: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let malformed = |problem| KeyError::Malformed { label, problem };
    let wire: Wire = json::from_slice(content).map_err(|_| malformed("it is not JSON of cosign's shape"))?;
    let Params { n, r, p } = wire.kdf.params;
    let cost = COSTS.iter().find(|(known, _)| *known == n && (r, p) == (8, 1)).map(|(_, log)| *log);
    let is_known = wire.kdf.name == KDF && wire.cipher.name == CIPHER;
    let Some(cost) = cost.filter(|_| is_known) else {
        let found = format!("{} (N {n}, r {r}, p {p}) and {}", wire.kdf.name, wire.cipher.name);
        return Err(KeyError::Encryption { found, expected: EXPECTED });
    };
    let base64 = |text: &str, problem| encoding::from_base64(text).ok_or(malformed(problem));
    let salt = base64(&wire.kdf.salt, "`kdf.salt` is not base64")?;
    let nonce: [u8; NONCE_LEN] = base64(&wire.cipher.nonce, "`cipher.nonce` is not base64")?
        .try_into()
        .map_err(|_| malformed("`cipher.nonce` has not 24 bytes"))?;
    let sealed = base64(&wire.ciphertext, "`ciphertext` is not base64")?;
    let (tag, text) = sealed.split_at_checked(TAG_LEN).ok_or(malformed("`ciphertext` is too short"))?;

    let mut cipher = XSalsa20::new(&(*key(password, &salt, cost)?).into(), &nonce.into());
    let expected = tag_of(&mut cipher, text);
    // In constant time.
    if tag.iter().zip(expected).fold(0, |differing, (one, other)| differing | (one ^ other)) != 0 {
        return Err(KeyError::Password);
    }
    let mut text = Zeroizing::new(text.to_vec());
    cipher.apply_keystream(&mut text);
    Ok(text)
}

pub(super) fn encrypt(pkcs8: &[u8], password: &[u8]) -> Result<String, KeyError> {
    let (salt, nonce) = (random::<SALT_LEN>()?, random::<NONCE_LEN>()?);
    let (n, cost) = COSTS[0];
    let mut cipher = XSalsa20::new(&(*key(password, &*salt, cost)?).into(), &(*nonce).into());
    // The first 32 bytes of the stream are the key of the tag, which is over what is encrypted.
    let mut first = Zeroizing::new([0; 32]);
    cipher.apply_keystream(&mut *first);
    let mut text = pkcs8.to_vec();
    cipher.apply_keystream(&mut text);
    let tag = Poly1305::new(&(*first).into()).compute_unpadded(&text);
    let sealed = [tag.as_slice(), &text].concat();
    Ok(serde_json::json!({
        "kdf": {"name": KDF, "params": {"N": n, "r": 8, "p": 1}, "salt": encoding::to_base64(&*salt)},
        "cipher": {"name": CIPHER, "nonce": encoding::to_base64(&*nonce)},
        "ciphertext": encoding::to_base64(&sealed),
    })
    .to_string())
}

/// The tag over what is encrypted; the cipher stands where the text begins then.
fn tag_of(cipher: &mut XSalsa20, text: &[u8]) -> [u8; TAG_LEN] {
    let mut first = Zeroizing::new([0; 32]);
    cipher.apply_keystream(&mut *first);
    Poly1305::new(&(*first).into()).compute_unpadded(text).into()
}

fn key(password: &[u8], salt: &[u8], cost: u8) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = || KeyError::Unavailable { problem: "scrypt does not take these costs".to_owned() };
    let params = scrypt::Params::new(cost, 8, 1).map_err(|_| failed())?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &params, &mut *key).map_err(|_| failed())?;
    Ok(key)
}
