//! Signing where everything works, and where each service fails in each way: never a bundle that a verifier would reject, never a
//! hang, and what is public all the same is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod in_process;
mod token;

use std::time::{Duration, Instant};

use trust_core::{Digest, Statement, StatementSubject, UnixTime, cosign};
use trust_gate::Deadline;
use trust_sign::{IdentityToken, Published, SignError, Signer, Stage, TokenError};

use in_process::{Fault, Services};
use token::{SUBJECT, token};

fn now() -> UnixTime {
    trust_gate::internal::now()
}

fn later() -> UnixTime {
    now().plus_millis(600_000)
}

fn signer(services: &Services, rekor: u32) -> Signer {
    let token = IdentityToken::parse(&token("sigstore", later()), now()).unwrap();
    Signer::with_identity(token, &Services::config(rekor), services.clone(), Services::root(), now()).unwrap()
}

fn statement() -> Statement {
    let subject = StatementSubject::new("app", Digest::sha256(b"manifest"));
    Statement::new(vec![subject], "https://example.com/tested/v1", "{}").unwrap()
}

#[tokio::test]
async fn what_all_services_have_seen_verifies_in_every_form() {
    for rekor in [1, 2] {
        let services = Services::new(Fault::None);
        let signer = signer(&services, rekor);
        let signed = signer.sign(&statement(), Deadline::after(Duration::from_secs(10))).await.unwrap();
        assert_eq!((signed.verified.log_entries().len(), signed.published.len()), (1, 2));
        assert!(!signed.verified.times().is_empty());
        // What is public for ever comes last.
        let asked = services.asked.lock().unwrap().join(" ");
        assert_eq!(asked, format!("/api/v2/signingCert /api/v1/timestamp /api/v{rekor}/log/entries"));
        let artifact = signer.sign_artifact(b"an artifact", Deadline::after(Duration::from_secs(10))).await;
        assert!(artifact.unwrap().json.contains("messageSignature"));
    }
    let signer = signer(&Services::new(Fault::None), 1);
    let payload = cosign::SimpleSigning::new("ghcr.io/acme/app", Digest::sha256(b"manifest"));
    let until = Deadline::after(Duration::from_secs(10));
    let layer = signer.sign_image_layer(&payload, until).await.unwrap();
    let names: Vec<&str> = layer.annotations.keys().map(|name| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["signature", "bundle", "certificate", "chain", "rfc3161timestamp"]);
    let layer = signer.sign_attestation_layer(&statement(), until).await.unwrap();
    assert_eq!(layer.annotations["predicateType"], "https://example.com/tested/v1");
}

#[tokio::test]
async fn an_entry_that_is_there_already_is_fetched() {
    let services = Services::new(Fault::EntryThere);
    let until = Deadline::after(Duration::from_secs(10));
    signer(&services, 1).sign_artifact(b"an artifact", until).await.unwrap();
    assert_eq!(services.asked.lock().unwrap().last().unwrap(), "/api/v1/log/entries/24296fb2");
}

/// Signs with a service that fails so, within some time.
async fn failed(fault: Fault, rekor: u32) -> SignError {
    let (services, begun) = (Services::new(fault), Instant::now());
    let until = Deadline::after(Duration::from_millis(500));
    let error = signer(&services, rekor).sign_artifact(b"an artifact", until).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(1500), "{fault:?}: {:?}", begun.elapsed());
    error
}

#[tokio::test]
async fn each_fault_is_told_by_its_stage_with_what_is_public() {
    const NOTHING: &[&str] = &[];
    const CERTIFICATE: &[&str] = &["a certificate by https://fulcio.example"];
    const MAYBE: &[&str] = &["perhaps a certificate by https://fulcio.example"];
    let certificate_and = |entry: &'static str| [CERTIFICATE[0], entry];
    let (entry, maybe_1, maybe_2) = (
        certificate_and("entry 0 of https://log.example"),
        certificate_and("perhaps an entry of https://rekor.example"),
        certificate_and("perhaps an entry of https://log.example"),
    );
    let there = certificate_and("entry 7 of https://log.example");
    let entry_1 = certificate_and("entry 70 of https://rekor.example");
    for (fault, rekor, stage, problem, public) in [
        (Fault::CertificateRefused, 2, Stage::Certificate, "not you", NOTHING),
        (Fault::CertificateNever, 2, Stage::Certificate, "no answer by the deadline", MAYBE),
        (Fault::CertificateGarbage, 2, Stage::Certificate, "malformed", CERTIFICATE),
        (Fault::CertificateOfAnotherKey, 2, Stage::Certificate, "for another key", CERTIFICATE),
        (Fault::CertificateDetached, 2, Stage::Certificate, "detached", CERTIFICATE),
        (Fault::TimestampOfOtherBytes, 2, Stage::Timestamp, "timestamp is over content", CERTIFICATE),
        (Fault::TimestampRefused, 2, Stage::Timestamp, "status 400", CERTIFICATE),
        (Fault::TimestampNever, 2, Stage::Timestamp, "no answer by the deadline", CERTIFICATE),
        (Fault::EntryRefused, 1, Stage::Log, "no such kind", CERTIFICATE),
        (Fault::EntryRefused, 2, Stage::Log, "no such kind", CERTIFICATE),
        (Fault::EntryBroken, 1, Stage::Log, "oops", &maybe_1),
        (Fault::EntryBroken, 2, Stage::Log, "oops", &maybe_2),
        (Fault::EntryNever, 1, Stage::Log, "no answer by the deadline", &maybe_1),
        (Fault::EntryNever, 2, Stage::Log, "no answer by the deadline", &maybe_2),
        (Fault::EntryGarbage, 1, Stage::Log, "0 entries", &maybe_1),
        (Fault::EntryGarbage, 2, Stage::Log, "kindVersion", &maybe_2),
        (Fault::EntryThere, 2, Stage::Log, "very entry", &there),
        (Fault::EntrySomewhere, 1, Stage::Log, "very entry", &maybe_1),
        (Fault::EntryGone, 1, Stage::Log, "gone", &maybe_1),
        (Fault::EntryLost, 1, Stage::Log, "status 400", &maybe_1),
        (Fault::EntryOfAnother, 1, Stage::Verify, "signature", &entry_1),
        (Fault::EntryOfAnother, 2, Stage::Verify, "canonical body", &entry),
        (Fault::PromiseOfAnother, 1, Stage::Verify, "promise", &entry_1),
    ] {
        let error = failed(fault, rekor).await;
        let found: Vec<String> = error.published.iter().map(ToString::to_string).collect();
        assert_eq!(
            (error.stage, &found[..]),
            (stage, &public.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()[..]),
            "{fault:?}: {error}"
        );
        assert!(error.problem.contains(problem), "{fault:?}: {error}");
        assert!(public.iter().all(|one| error.to_string().contains(one)), "{error}");
    }
}

#[tokio::test]
async fn a_broken_rekor_2_is_asked_once_and_a_broken_rekor_1_twice() {
    for (rekor, expected) in [(1, 2), (2, 1)] {
        let services = Services::new(Fault::EntryBroken);
        let until = Deadline::after(Duration::from_secs(5));
        signer(&services, rekor).sign_artifact(b"an artifact", until).await.unwrap_err();
        let asked =
            services.asked.lock().unwrap().iter().filter(|path| path.ends_with("log/entries")).count();
        assert_eq!(asked, expected, "Rekor {rekor}");
    }
}

#[test]
fn tokens_that_cannot_be_used_are_refused_and_never_told() {
    let good = IdentityToken::parse(&token("sigstore", later()), now()).unwrap();
    assert_eq!((good.unverified_issuer(), good.unverified_subject()), ("https://issuer.example", SUBJECT));
    let shown = format!("{good:?}");
    assert!(!shown.contains("e30.") && shown.contains(SUBJECT), "{shown}");

    let refused = |text: &str| IdentityToken::parse(text, now()).unwrap_err();
    assert!(matches!(refused(&token("sigstore", now())), TokenError::Expired { .. }));
    let other = refused(&token("kubernetes", later()));
    assert_eq!(other, TokenError::Audience { found: "`kubernetes`".to_owned() });
    for malformed in ["", "a.b", "a.b.c.d", "e30.e30.c2ln", "e30.!.c2ln"] {
        assert!(matches!(refused(malformed), TokenError::Malformed { .. }), "{malformed}");
    }
    assert!(Published::LogEntry { log: "l".to_owned(), index: Some(1) }.to_string().contains("entry 1 of l"));
}

#[tokio::test]
async fn what_must_fail_fails_before_anything_is_public() {
    let services = Services::new(Fault::None);
    let until = Deadline::after(Duration::from_secs(5));
    let payload = cosign::SimpleSigning::new("ghcr.io/acme/app", Digest::sha256(b"manifest"));
    let at_once = |error: SignError| {
        assert_eq!((error.stage, error.published.len()), (Stage::Begin, 0), "{error}");
    };
    at_once(signer(&services, 2).sign_image_layer(&payload, until).await.unwrap_err());
    at_once(signer(&services, 2).sign_attestation_layer(&statement(), until).await.unwrap_err());
    // A certificate of some minutes, and nobody who vouches for the time.
    let config = r#"{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [{"url": "https://fulcio.example", "majorApiVersion": 1}]}"#;
    let config = trust_core::SigningConfig::from_json(config.as_bytes()).unwrap();
    let token = IdentityToken::parse(&token("sigstore", later()), now()).unwrap();
    let timeless = Signer::with_identity(token, &config, services.clone(), Services::root(), now()).unwrap();
    at_once(timeless.sign(&statement(), until).await.unwrap_err());
    assert_eq!(services.asked.lock().unwrap().len(), 0);
    // A statement about what no verifier of ours knows.
    let commit = r#"{"_type": "https://in-toto.io/Statement/v1", "predicateType": "p", "predicate": {},
        "subject": [{"name": "s", "digest": {"gitCommit": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}}]}"#;
    let commit = Statement::from_json(commit.as_bytes()).unwrap();
    at_once(signer(&services, 2).sign(&commit, until).await.unwrap_err());
    // Services, and no way to ask them.
    let key = trust_sign::PrivateKey::generate(trust_core::KeyAlgorithm::EcdsaP256).unwrap();
    let alone = Signer::with_key(key, Services::root()).with_services(&Services::config(2), now()).unwrap();
    at_once(alone.sign(&statement(), until).await.unwrap_err());
    assert_eq!(services.asked.lock().unwrap().len(), 0);
    // One authority, named twice, is asked once.
    let twice = signer(&services, 2).timestamped_by("https://stamps.example/api/v1/timestamp");
    twice.sign(&statement(), until).await.unwrap();
    assert_eq!(services.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn each_log_that_was_asked_for_must_be_trusted() {
    let services = Services::new(Fault::None);
    let signer = signer(&services, 2).logged_by("https://unknown.example", trust_sign::RekorApi::V2);
    let error = signer.sign(&statement(), Deadline::after(Duration::from_secs(5))).await.unwrap_err();
    assert_eq!((error.stage, error.published.len()), (Stage::Verify, 3), "{error}");
}

#[tokio::test]
async fn a_token_is_sent_to_no_authority_without_tls() {
    let services = Services::new(Fault::None);
    let config = r#"{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [{"url": "http://fulcio.example", "majorApiVersion": 1}],
        "tsaUrls": [{"url": "https://stamps.example/api/v1/timestamp", "majorApiVersion": 1}], "tsaConfig": {"selector": "ANY"}}"#;
    let config = trust_core::SigningConfig::from_json(config.as_bytes()).unwrap();
    let token = IdentityToken::parse(&token("sigstore", later()), now()).unwrap();
    let signer = Signer::with_identity(token, &config, services.clone(), Services::root(), now()).unwrap();
    let error = signer.sign(&statement(), Deadline::after(Duration::from_secs(5))).await.unwrap_err();
    assert!(error.stage == Stage::Certificate && error.problem.contains("has no TLS"), "{error}");
    assert_eq!(services.asked.lock().unwrap().len(), 0);
}
