//! Private keys in the forms that tools write, and what nobody may see of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use proptest::prelude::*;
use trust_core::internal::{encoding, pem};
use trust_core::{KeyAlgorithm, Signed};
use trust_gate::Deadline;
use trust_sign::{KeyError, PrivateKey, SigningKey as _};
use trust_testkit::servers::{run, tool};

const ALGORITHMS: [KeyAlgorithm; 4] =
    [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519];

fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    futures_util::FutureExt::now_or_never(key.sign(message, Deadline::never())).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_key_signs_its_public_half_verifies(message: Vec<u8>, other: Vec<u8>) {
        for algorithm in ALGORITHMS {
            let key = PrivateKey::generate(algorithm).unwrap();
            let signature = sign(&key, &message);
            let verify = |message: &[u8]| key.public_key().verify(key.scheme(), Signed::Message(message), &signature);
            prop_assert!(verify(&message).is_ok());
            prop_assert!(message == other || verify(&other).is_err());
            // The nonce is not chance's.
            prop_assert_eq!(sign(&key, &message), signature);
        }
    }
}

#[test]
fn an_encrypted_key_is_read_by_its_password_alone_and_whole() {
    for algorithm in ALGORITHMS {
        let key = PrivateKey::generate(algorithm).unwrap();
        let text = key.to_encrypted_pem(b"password").unwrap();
        let again = PrivateKey::from_encrypted_pem(&text, b"password").unwrap();
        assert_eq!(again.public_pem(), key.public_pem());
        assert_eq!(PrivateKey::from_encrypted_pem(&text, b"Password").unwrap_err(), KeyError::Password);
        assert_eq!(PrivateKey::from_pem(&text).unwrap_err(), KeyError::Encrypted);
    }
    let text = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap().to_encrypted_pem(b"").unwrap();
    assert!(PrivateKey::from_encrypted_pem(&text, b"").is_ok(), "no password is one, too");
    // Whatever is cut off, or changed.
    for end in (0..text.len() - 1).step_by(7) {
        assert!(PrivateKey::from_encrypted_pem(&text[..end], b"").is_err(), "{end}");
    }
    let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
    let content = String::from_utf8(pem::decode(&text, label).unwrap()).unwrap();
    let changed = |from: &str, to: &str| {
        let content = content.replacen(from, to, 1);
        PrivateKey::from_encrypted_pem(&pem::encode(label, content.as_bytes()), b"").unwrap_err()
    };
    for (from, to) in
        [("65536", "65537"), ("\"r\":8", "\"r\":9"), ("scrypt", "argon2id"), ("nacl/secretbox", "aes")]
    {
        assert!(matches!(changed(from, to), KeyError::Encryption { .. }), "{from}");
    }
    let mut wire: serde_json::Value = serde_json::from_str(&content).unwrap();
    let mut sealed = encoding::from_base64(wire["ciphertext"].as_str().unwrap()).unwrap();
    for place in [0, 15, 16, sealed.len() - 1] {
        sealed[place] ^= 1;
        wire["ciphertext"] = encoding::to_base64(&sealed).into();
        let text = pem::encode(label, wire.to_string().as_bytes());
        assert_eq!(PrivateKey::from_encrypted_pem(&text, b"").unwrap_err(), KeyError::Password, "{place}");
        sealed[place] ^= 1;
    }
}

#[test]
fn keys_of_openssl_are_read_in_each_form() {
    if tool("openssl").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        run(tool("openssl").unwrap().args(arguments).current_dir(folder.path()));
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let public = |name: &str| {
        openssl(&["pkey", "-in", name, "-pubout", "-out", "public"]);
        read("public")
    };
    for curve in ["prime256v1", "secp384r1", "secp521r1"] {
        // With the parameters before it, as SEC 1, and as PKCS#8.
        openssl(&["ecparam", "-name", curve, "-genkey", "-out", "sec1"]);
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", "sec1", "-out", "pkcs8"]);
        assert!(read("sec1").contains("EC PARAMETERS"));
        for form in ["sec1", "pkcs8"] {
            assert_eq!(
                PrivateKey::from_pem(&read(form)).unwrap().public_pem(),
                public(form),
                "{curve} {form}"
            );
        }
    }
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "ed25519"]);
    assert_eq!(PrivateKey::from_pem(&read("ed25519")).unwrap().public_pem(), public("ed25519"));

    openssl(&["genrsa", "-out", "pkcs8", "2048"]);
    openssl(&["rsa", "-in", "pkcs8", "-traditional", "-out", "pkcs1"]);
    for form in ["pkcs8", "pkcs1"] {
        let key = PrivateKey::from_pem(&read(form));
        if cfg!(feature = "aws-lc") {
            let key = key.unwrap();
            assert_eq!(key.public_pem(), public(form));
            let signature = sign(&key, b"message");
            key.public_key().verify(key.scheme(), Signed::Message(b"message"), &signature).unwrap();
            let encrypted = key.to_encrypted_pem(b"x").unwrap();
            assert_eq!(
                PrivateKey::from_encrypted_pem(&encrypted, b"x").unwrap().public_pem(),
                key.public_pem()
            );
        } else {
            assert!(matches!(key, Err(KeyError::Kind { .. })), "{form}: {key:?}");
        }
    }
    openssl(&["ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", "other"]);
    assert!(matches!(PrivateKey::from_pem(&read("other")), Err(KeyError::Kind { .. })));
    for (text, found) in [("", "no PEM"), (&public("ed25519"), "`PUBLIC KEY`")] {
        let error = PrivateKey::from_pem(text).unwrap_err();
        assert_eq!(error, KeyError::Label { found: found.to_owned() });
    }
}

#[test]
fn nothing_of_a_private_key_is_told() {
    // A key whose number is known.
    let mut der =
        encoding::from_hex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420").unwrap();
    der.extend([0x5a; 32]);
    let key = PrivateKey::from_pem(&pem::encode("PRIVATE KEY", &der)).unwrap();
    let text = key.to_encrypted_pem(b"the password").unwrap();
    let mut told = vec![format!("{key:?} {key:#?}")];
    // A key in PKCS#8 that cannot be read, as far as it goes.
    let secret = [0x5a_u8; 32];
    let der = [&[0x30, 0x41, 0x02, 0x01, 0x00][..], &secret, &secret].concat();
    for text in [
        pem::encode("PRIVATE KEY", &der),
        pem::encode("EC PRIVATE KEY", &der),
        pem::encode("RSA PRIVATE KEY", &der),
        format!("-----BEGIN PRIVATE KEY-----\n{}!\n-----END PRIVATE KEY-----\n", encoding::to_base64(&der)),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n", encoding::to_base64(&der)),
    ] {
        let error = PrivateKey::from_pem(&text).unwrap_err();
        told.extend([format!("{error:?}"), error.to_string()]);
    }
    let error = PrivateKey::from_encrypted_pem(&text, b"another password").unwrap_err();
    told.extend([format!("{error:?}"), error.to_string()]);
    for told in told {
        for secret in [
            &encoding::to_hex(&secret)[..8],
            &encoding::to_base64(&secret)[..8],
            "password\"",
            "WlpaWl",
            "90, 90",
        ] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
