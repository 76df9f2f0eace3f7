//! Both back ends give the same answer to every signature, whichever bit of it is wrong.

#![cfg(feature = "aws-lc")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use trust_core::{AwsLc, HashAlgorithm, PublicKey, PureRust, SignatureScheme, Signed, Tables};
use trust_testkit::sigstore::Key;

const MESSAGE: &[u8] = b"a message";

/// A key and a right signature over the message for each scheme.
fn signatures() -> Vec<(PublicKey, SignatureScheme, Vec<u8>)> {
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let p384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
    let p521 = p521::ecdsa::SigningKey::from_slice(&[&[0], &[7; 65][..]].concat()).unwrap();
    let Key::Rsa(rsa) = Key::rsa(2048) else { unreachable!() };
    let key = |der: p256::pkcs8::Document| PublicKey::from_der(der.as_bytes()).unwrap();
    let (s256, s384, s521): (p256::ecdsa::Signature, p384::ecdsa::Signature, p521::ecdsa::Signature) =
        (p256.sign(MESSAGE), p384.sign(MESSAGE), p521.sign(MESSAGE));
    let keys = [
        key(p256.verifying_key().to_public_key_der().unwrap()),
        key(p384.verifying_key().to_public_key_der().unwrap()),
        key(p521.verifying_key().to_public_key_der().unwrap()),
        key(rsa.to_public_key().to_public_key_der().unwrap()),
    ];
    let [k256, k384, k521, krsa] = keys;
    let pkcs1 = rsa.sign(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(MESSAGE)).unwrap();
    use SignatureScheme::{Ecdsa, EcdsaP1363, RsaPkcs1};
    vec![
        (k256.clone(), Ecdsa(HashAlgorithm::Sha256), s256.to_der().as_bytes().to_vec()),
        (k384.clone(), Ecdsa(HashAlgorithm::Sha384), s384.to_der().as_bytes().to_vec()),
        (k521.clone(), Ecdsa(HashAlgorithm::Sha512), s521.to_der().as_bytes().to_vec()),
        (k256, EcdsaP1363(HashAlgorithm::Sha256), s256.to_bytes().to_vec()),
        (k384, EcdsaP1363(HashAlgorithm::Sha384), s384.to_bytes().to_vec()),
        (k521, EcdsaP1363(HashAlgorithm::Sha512), s521.to_bytes().to_vec()),
        (krsa, RsaPkcs1(HashAlgorithm::Sha256), pkcs1),
    ]
}

/// The answer of every way of computing it.
fn answer(key: &PublicKey, scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> bool {
    let verify = |key: PublicKey| key.verify(scheme, Signed::Message(message), signature).is_ok();
    let fresh = key.clone().with_tables(Tables::Never);
    let answer = verify(fresh.clone().with_back_end(&PureRust));
    assert_eq!(verify(fresh.with_back_end(&AwsLc)), answer, "{scheme}");
    answer
}

#[test]
fn right_signatures_are_right_to_both() {
    for (key, scheme, signature) in signatures() {
        assert!(answer(&key, scheme, MESSAGE, &signature), "{scheme}");
    }
}

proptest! {
    #[test]
    fn changed_signatures_get_the_same_answer(
        which: prop::sample::Index, byte: prop::sample::Index, bit in 0_u32..8, cut in 0_usize..4, tail: Vec<u8>,
    ) {
        let all = signatures();
        let (key, scheme, signature) = which.get(&all);
        let mut flipped = signature.clone();
        flipped[byte.index(signature.len())] ^= 1 << bit;
        prop_assert!(!answer(key, *scheme, MESSAGE, &flipped));
        prop_assert!(!answer(key, *scheme, b"another message", signature));
        let shorter = &signature[..signature.len() - cut.min(signature.len())];
        prop_assert_eq!(answer(key, *scheme, MESSAGE, shorter), cut == 0);
        let longer = [&signature[..], &tail].concat();
        prop_assert_eq!(answer(key, *scheme, MESSAGE, &longer), tail.is_empty());
    }
}
