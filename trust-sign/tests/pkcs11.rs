//! Keys in a token, beside SoftHSM.
#![cfg(feature = "pkcs11")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::process::Command;

use trust_core::Signed;
use trust_gate::Deadline;
use trust_sign::{KeyError, Pkcs11Key, Pkcs11Uri, PrivateKey, SigningKey as _};
use trust_testkit::servers::run;

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];
const PIN: &str = "2718";
/// SoftHSM finds its tokens by this variable, so the test runs itself with it.
const TOKENS: &str = "SOFTHSM2_CONF";

#[test]
fn a_token_signs_as_a_key_in_memory_does() {
    let Some(module) = MODULES.into_iter().find(|path| std::fs::exists(path).unwrap()) else {
        assert!(std::env::var_os("CI").is_none(), "SoftHSM is not installed");
        return eprintln!("SKIPPED: SoftHSM is not installed");
    };
    if std::env::var_os(TOKENS).is_some() {
        return signs(module);
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", folder.path().display())).unwrap();
    let child = |program: &str, arguments: &[&str]| {
        run(Command::new(program).args(arguments).env(TOKENS, &configuration))
    };
    for label in ["build", "spare"] {
        let token = ["--init-token", "--free", "--label", label, "--so-pin", "31415", "--pin", PIN];
        child("softhsm2-util", &token);
    }
    for (id, (name, algorithm)) in KEYS.into_iter().enumerate() {
        let (pem, pkcs8) = (folder.path().join(name), folder.path().join(format!("{name}.pk8")));
        let (pem, pkcs8) = (pem.to_str().unwrap(), pkcs8.to_str().unwrap());
        let genpkey = [&["genpkey", "-out", pem], algorithm].concat();
        child("openssl", &genpkey);
        child("openssl", &["pkcs8", "-topk8", "-nocrypt", "-in", pem, "-out", pkcs8]);
        // The last two have one label.
        let (label, id) = (name.split('-').next().unwrap(), format!("a{id}"));
        let import = ["--import", pkcs8, "--token", "build", "--label", label, "--id", &id, "--pin", PIN];
        child("softhsm2-util", &import);
    }
    let this = std::env::current_exe().unwrap();
    child(this.to_str().unwrap(), &["--exact", "a_token_signs_as_a_key_in_memory_does"]);
}

const KEYS: [(&str, &[&str]); 6] = [
    ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("p521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("ed25519", &["-algorithm", "ED25519"]),
    ("rsa-one", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("rsa-two", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
];

fn signs(module: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let uri =
        |attributes: &str| format!("pkcs11:{attributes}?module-path={module}").parse::<Pkcs11Uri>().unwrap();
    let open = |attributes: &str| Pkcs11Key::open(&uri(attributes), PIN);
    let wrong = Pkcs11Key::open(&uri("token=build;object=p256"), "3141");
    assert_eq!(wrong.unwrap_err(), KeyError::Password);
    let folder = std::path::PathBuf::from(std::env::var_os(TOKENS).unwrap());
    let mut signed = 0;
    for (id, (name, _)) in KEYS.into_iter().enumerate() {
        let key = open(&format!("token=build;object={};id=%a{id}", name.split('-').next().unwrap())).unwrap();
        if cfg!(feature = "aws-lc") || !name.starts_with("rsa") {
            let pem = std::fs::read_to_string(folder.with_file_name(name)).unwrap();
            assert_eq!(key.public_key(), PrivateKey::from_pem(&pem).unwrap().public_key(), "{name}");
        }
        let deadline = Deadline::after(std::time::Duration::from_secs(30));
        for message in [&b"message"[..], b"", &[7; 100_000]] {
            let signature = runtime.block_on(key.sign(message, deadline)).unwrap();
            let verify =
                |message| key.public_key().verify(key.scheme(), Signed::Message(message), &signature);
            assert!(verify(message).is_ok() && verify(b"another").is_err(), "{name}");
            signed += 1;
        }
        assert!(format!("{key:?}").starts_with("Pkcs11Key("));
    }
    assert_eq!(signed, 18);

    // Whatever is not one.
    let unavailable = |attributes: &str, problem: &str| {
        let error = open(attributes).unwrap_err();
        assert_eq!(error, KeyError::Unavailable { problem: problem.to_owned() }, "{attributes}");
    };
    unavailable("object=p256", "found 2 tokens that fit, expected 1");
    unavailable("token=other;object=p256", "found 0 tokens that fit, expected 1");
    unavailable("token=build;object=p25", "found 0 private keys that fit, expected 1");
    unavailable("token=build;object=rsa", "found 2 private keys that fit, expected 1");
    unavailable("token=spare;object=p256", "found 0 private keys that fit, expected 1");
}

#[test]
fn uris_say_one_key_and_no_pin() {
    for (text, problem) in [
        ("object=a?module-path=/m", "expected `pkcs11:` at its beginning"),
        ("pkcs11:object=a", "`module-path` is absent"),
        ("pkcs11:token=a?module-path=/m", "it has neither `object` nor `id`"),
        ("pkcs11:object=a;object=b?module-path=/m", "`object` stands twice"),
        ("pkcs11:object?module-path=/m", "an attribute has no `=`"),
        ("pkcs11:object=%zz?module-path=/m", "`object` is not percent-encoded"),
        ("pkcs11:object=%ff?module-path=/m", "`object` is not UTF-8"),
        ("pkcs11:id=%0?module-path=/m", "`id` is not percent-encoded"),
        ("pkcs11:object=a;slot-id=x?module-path=/m", "`slot-id` is not a number"),
        ("pkcs11:object=a;type=cert?module-path=/m", "found `type=cert`, expected `private`"),
        ("pkcs11:object=a?module-path=/m&module-name=m", "`module-name` is not known here"),
        (
            "pkcs11:object=a?module-path=/m&pin-value=1",
            "`pin-value` is refused: the PIN is given apart from the URI",
        ),
    ] {
        let error = text.parse::<Pkcs11Uri>().unwrap_err();
        assert_eq!(error, KeyError::Uri { problem: problem.to_owned() }, "{text}");
    }
    let missing: Pkcs11Uri = "pkcs11:object=a?module-path=/not/there.so".parse().unwrap();
    let error = Pkcs11Key::open(&missing, PIN).unwrap_err().to_string();
    assert!(error.starts_with("the key cannot be used: the module does not load"), "{error}");
}
