//! Timestamp tokens of tspclient-go: a real one, and thirty-odd that are broken in one place each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeMap;

use trust_core::{Authority, Certificate, Reasons, TimeWindow, VerifiedTimestamp, verify_timestamp};

/// What must be said of each token, by the end of its name; empty: it is accepted.
///
/// Where a token is broken in another place than its name says (the makers edited signed attributes without putting
/// them in order again), the earlier check speaks.
const LEDGER: [(&str, &str); 37] = [
    ("cms_testdata_Sha1SignedData", "CMS encapContentInfo is malformed"),
    ("cms_testdata_SignedDataWithoutSignedAttributes", "the signed attribute list is absent"),
    ("cms_testdata_TimeStampToken", ""),
    ("InvalidSignedAttributeContentType", "the signed attribute contentType differs from the content's type"),
    ("WithAnInvalidAndAValidSignerInfo", "found 2 signers, expected 1"),
    ("WithInvalidCertificates", "is neither in it nor in the trust root"),
    ("WithInvalidContentType", "found 2 signers, expected 1"),
    (
        "cms_testdata_TimeStampTokenWithInvalidSignature",
        "the signature over the signed attributes does not verify",
    ),
    ("WithInvalidSigningTime", "CMS signedAttrs is malformed"),
    ("WithSignedAttributeSHA1", "the digest algorithm `1.3.14.3.2.26` is not supported"),
    ("WithSignerVersion2", "CMS SignerInfo version is malformed"),
    ("WithSigningTime", "CMS signedAttrs is malformed"),
    ("WithSigningTimeBeforeExpected", "CMS signedAttrs is malformed"),
    ("WithUnknownSignerIssuer", "is neither in it nor in the trust root"),
    ("cms_testdata_TimeStampTokenWithoutCertificate", "is neither in it nor in the trust root"),
    ("WithoutSignedAttributeContentType", "the signed attribute contentType is absent"),
    ("WithoutSignedAttributeDigest", "the signed attribute messageDigest is absent"),
    ("cms_testdata_TimeStampTokenWithoutSignedAttributes", "the signed attribute contentType is absent"),
    ("WithoutSigner", "found 0 signers, expected 1"),
    ("testdata_SHA1TimeStampToken", "timestamp imprint uses `1.2.840.113549.1.1.5`"),
    ("testdata_TimeStampToken", ""),
    ("NoRoot", "timestamp is over content with digest"),
    ("WithInvalidSignature", "the signature over the signed attributes does not verify"),
    ("WithInvalidSigningCertificateV1", "CMS signedAttrs is malformed"),
    ("WithInvalidSigningCertificateV2", "CMS signedAttrs is malformed"),
    ("WithInvalidTSTInfo", "timestamp genTime is malformed"),
    ("WithInvalideContentType", "timestamp signs content of type `1.2.840.113549.1.7.1`, expected TSTInfo"),
    ("WithMismatchCertHash", "is not the signer that the token names"),
    ("WithSHA1CertHash", "the signed attribute signingCertificateV2 is malformed"),
    // RFC 2634's attribute names the certificate by SHA-1.
    ("WithSigningCertificateV1", "the signed attribute signingCertificateV2 is absent"),
    ("WithSigningCertificateV1NoCert", "CMS signedAttrs is malformed"),
    ("WithSigningCertificateV2NoCert", "CMS signedAttrs is malformed"),
    ("WithTSTInfoVersion2", "timestamp TSTInfo version is malformed"),
    ("WithValidAndInvalidSignerInfos", "found 2 signers, expected 1"),
    (
        "WithWrongSigningCertificateV2IssuerChoiceTag",
        "the signed attribute signingCertificateV2 is malformed",
    ),
    ("WithoutCertificate", "is neither in it nor in the trust root"),
    ("WithoutSigningCertificate", "the signed attribute signingCertificateV2 is absent"),
];

fn authority() -> Option<Authority> {
    let folder = trust_testkit::vectors::vectors("tsp/tspclient")?;
    let root = std::fs::read_to_string(folder.join("testdata_GlobalSignRootCA.crt")).unwrap();
    let root = Certificate::from_pem(&root).unwrap();
    Some(Authority::assertion("https://globalsign.example", vec![root], TimeWindow::ALWAYS))
}

fn verify(token: &[u8], content: &[u8], authority: &Authority) -> Result<VerifiedTimestamp, String> {
    verify_timestamp(token, content, std::slice::from_ref(authority))
        .map_err(|error| Reasons(&error).to_string())
}

#[test]
fn each_token_is_judged_by_name() {
    let (Some(folder), Some(authority)) = (trust_testkit::vectors::vectors("tsp/tspclient"), authority())
    else {
        return;
    };
    let mut judged: BTreeMap<String, Result<VerifiedTimestamp, String>> = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "p7s") {
            // Version 1 of the attribute stands in a token over another content.
            let content: &[u8] = if name.ends_with("SigningCertificateV1") { b"test" } else { b"notation" };
            judged.insert(name, verify(&std::fs::read(&path).unwrap(), content, &authority));
        }
    }
    assert!(!judged.is_empty());
    for (name, result) in judged {
        let wanted = LEDGER.iter().filter(|(end, _)| name.ends_with(end)).max_by_key(|(end, _)| end.len());
        match (wanted, result) {
            (Some((_, "")), Ok(verified)) => {
                assert_eq!(verified.time().to_string(), "2021-09-17T14:09:10Z");
                assert_eq!(verified.accuracy_millis(), 1000);
                assert_eq!(verified.authority(), "https://globalsign.example");
                assert_eq!(verified.operator(), "globalsign.example");
            }
            (Some((_, expected)), Err(reason)) if !expected.is_empty() => {
                assert!(reason.contains(expected), "{name}:\n found {reason}\n expected {expected}");
            }
            // A name that is not in the ledger: it must not be accepted unless it says that it is good.
            (None, Err(_)) => {}
            (_, found) => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn no_truncated_and_no_changed_token_is_accepted() {
    let (Some(folder), Some(authority)) = (trust_testkit::vectors::vectors("tsp/tspclient"), authority())
    else {
        return;
    };
    let token = std::fs::read(folder.join("testdata_TimeStampToken.p7s")).unwrap();
    let good = verify(&token, b"notation", &authority).unwrap();
    for len in 0..token.len() {
        assert!(verify(&token[..len], b"notation", &authority).is_err(), "{len} bytes");
    }
    for index in 0..token.len() {
        let mut changed = token.clone();
        changed[index] ^= 1;
        // Certificates that are not needed, and members outside the signature, may change without meaning anything.
        if let Ok(verified) = verify(&changed, b"notation", &authority) {
            assert_eq!(verified, good, "byte {index}");
        }
    }
}
