//! `x509_decode`: a certificate, or a request for one, as Kyverno shows it: the fields of Go's
//! [`x509.Certificate`](https://pkg.go.dev/crypto/x509#Certificate).
//!
//! Nothing is verified. What an extension says that is not read here is absent, and what asks for it has no value.

use std::collections::BTreeSet;

use jmespath::Variable;
use serde_json::{Map, Value, json};
use trust_core::internal::{encoding, pem};
use x509_cert::Certificate;
use x509_cert::attr::AttributeValue;
use x509_cert::der::asn1::{BitString, Ia5StringRef, PrintableStringRef, UintRef, Utf8StringRef};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Header, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::request::CertReq;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::from_json;

/// More bytes are not read.
const MAX_LEN: usize = 1 << 16;
/// Bytes of an RSA key whose numbers are written out: 8192 bits, as Go verifies at most.
const MAX_RSA_LEN: usize = 1024;

/// The extensions that are not read here, and the fields that they fill.
const UNREAD: [(&str, &[&str]); 7] = [
    (
        "2.5.29.30",
        &[
            "ExcludedDNSDomains",
            "ExcludedEmailAddresses",
            "ExcludedIPRanges",
            "ExcludedURIDomains",
            "PermittedDNSDomains",
            "PermittedDNSDomainsCritical",
            "PermittedEmailAddresses",
            "PermittedIPRanges",
            "PermittedURIDomains",
        ],
    ),
    ("2.5.29.31", &["CRLDistributionPoints"]),
    ("2.5.29.32", &["Policies", "PolicyIdentifiers"]),
    ("2.5.29.33", &["PolicyMappings"]),
    (
        "2.5.29.36",
        &[
            "InhibitPolicyMapping",
            "InhibitPolicyMappingZero",
            "RequireExplicitPolicy",
            "RequireExplicitPolicyZero",
        ],
    ),
    ("2.5.29.54", &["InhibitAnyPolicy", "InhibitAnyPolicyZero"]),
    ("1.3.6.1.5.5.7.1.1", &["IssuingCertificateURL", "OCSPServer"]),
];

/// Go's numbers of signature algorithms, by OID. RSASSA-PSS has its hash in its parameters and is not among them.
const SIGNATURE_ALGORITHMS: [(&str, u8); 9] = [
    ("1.2.840.113549.1.1.4", 2),
    ("1.2.840.113549.1.1.5", 3),
    ("1.2.840.113549.1.1.11", 4),
    ("1.2.840.113549.1.1.12", 5),
    ("1.2.840.113549.1.1.13", 6),
    ("1.2.840.10045.4.1", 9),
    ("1.2.840.10045.4.3.2", 10),
    ("1.2.840.10045.4.3.3", 11),
    ("1.2.840.10045.4.3.4", 12),
];

/// Go's numbers of extended key usages, by OID.
const KEY_PURPOSES: [(&str, u8); 10] = [
    ("2.5.29.37.0", 0),
    ("1.3.6.1.5.5.7.3.1", 1),
    ("1.3.6.1.5.5.7.3.2", 2),
    ("1.3.6.1.5.5.7.3.3", 3),
    ("1.3.6.1.5.5.7.3.4", 4),
    ("1.3.6.1.5.5.7.3.5", 5),
    ("1.3.6.1.5.5.7.3.6", 6),
    ("1.3.6.1.5.5.7.3.7", 7),
    ("1.3.6.1.5.5.7.3.8", 8),
    ("1.3.6.1.5.5.7.3.9", 9),
];

/// Fields of names with several values, by OID.
const NAME_LISTS: [(&str, &str); 7] = [
    ("2.5.4.6", "Country"),
    ("2.5.4.7", "Locality"),
    ("2.5.4.8", "Province"),
    ("2.5.4.9", "StreetAddress"),
    ("2.5.4.10", "Organization"),
    ("2.5.4.11", "OrganizationalUnit"),
    ("2.5.4.17", "PostalCode"),
];

pub(super) fn decode(text: &str) -> Result<Variable, String> {
    if text.len() > MAX_LEN {
        return Err(format!("argument has {} bytes, expected at most {MAX_LEN}", text.len()));
    }
    let malformed = |what: &str| format!("argument is no {what}");
    let fields = if text.contains("-----BEGIN CERTIFICATE REQUEST-----") {
        let der = pem::decode(text, "CERTIFICATE REQUEST").map_err(|error| error.to_string())?;
        request(&der).ok_or_else(|| malformed("certificate request"))?
    } else {
        let der = pem::decode(text, "CERTIFICATE").map_err(|error| error.to_string())?;
        certificate(&der).ok_or_else(|| malformed("certificate"))?
    };
    Ok((*from_json(&Value::Object(fields))).clone())
}

fn certificate(der: &[u8]) -> Option<Map<String, Value>> {
    let certificate = Certificate::from_der(der).ok()?;
    let tbs = certificate.tbs_certificate();
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let mut fields = constants();
    fields.extend(key_fields(tbs.subject_public_key_info())?);
    fields.extend(signature_fields(certificate.signature_algorithm(), certificate.signature())?);
    fields.extend(object(json!({
        "Raw": base64(der),
        "RawTBSCertificate": base64(first_element(der)?),
        "RawIssuer": base64(&tbs.issuer().to_der().ok()?),
        "RawSubject": base64(&tbs.subject().to_der().ok()?),
        "Version": tbs.version() as u8 + 1,
        "SerialNumber": number(&decimal(tbs.serial_number().as_bytes()))?,
        "NotBefore": tbs.validity().not_before.to_date_time().to_string(),
        "NotAfter": tbs.validity().not_after.to_date_time().to_string(),
    })));
    for (field, value) in [("Issuer", name(tbs.issuer())), ("Subject", name(tbs.subject()))] {
        fields.extend(value.map(|value| (field.to_owned(), value)));
    }
    add_extensions(&mut fields, extensions)?;
    Some(fields)
}

fn request(der: &[u8]) -> Option<Map<String, Value>> {
    let request = CertReq::from_der(der).ok()?;
    let mut fields = object(json!({
        "Raw": base64(der),
        "RawTBSCertificateRequest": base64(first_element(der)?),
        "RawSubject": base64(&request.info.subject.to_der().ok()?),
        "Version": 0,
    }));
    fields.extend(name(&request.info.subject).map(|value| ("Subject".to_owned(), value)));
    fields.extend(key_fields(&request.info.public_key)?);
    fields.extend(signature_fields(&request.algorithm, &request.signature)?);
    // What it asks for beyond that is not read.
    if request.info.attributes.is_empty() {
        let absent = [
            "Attributes",
            "DNSNames",
            "EmailAddresses",
            "Extensions",
            "ExtraExtensions",
            "IPAddresses",
            "URIs",
        ];
        fields.extend(absent.map(|field| (field.to_owned(), Value::Null)));
    }
    Some(fields)
}

/// What a certificate without extensions says.
fn constants() -> Map<String, Value> {
    let absent = [
        "AuthorityKeyId",
        "DNSNames",
        "EmailAddresses",
        "ExtKeyUsage",
        "ExtraExtensions",
        "IPAddresses",
        "SubjectKeyId",
        "URIs",
        "UnhandledCriticalExtensions",
        "UnknownExtKeyUsage",
        "Extensions",
    ];
    let mut fields: Map<String, Value> =
        absent.map(|field| (field.to_owned(), Value::Null)).into_iter().collect();
    for field in UNREAD.iter().flat_map(|(_, fields)| *fields) {
        let value = match *field {
            "PermittedDNSDomainsCritical" => json!(false),
            field if field.ends_with("Zero") => json!(false),
            field if field.starts_with("Inhibit") || field.starts_with("Require") => json!(0),
            _ => Value::Null,
        };
        fields.insert((*field).to_owned(), value);
    }
    fields.extend(object(json!({
        "BasicConstraintsValid": false, "IsCA": false, "MaxPathLen": 0, "MaxPathLenZero": false, "KeyUsage": 0,
    })));
    fields
}

fn add_extensions(fields: &mut Map<String, Value>, extensions: &[Extension]) -> Option<()> {
    if extensions.is_empty() {
        return Some(());
    }
    let mut unknown = Vec::new();
    let mut seen = BTreeSet::new();
    for extension in extensions {
        // As Go refuses them.
        if !seen.insert(extension.extn_id) {
            return None;
        }
        let (oid, content) = (extension.extn_id, extension.extn_value.as_bytes());
        let read = match oid {
            KeyUsage::OID => object(json!({"KeyUsage": KeyUsage::from_der(content).ok()?.0.bits()})),
            BasicConstraints::OID => {
                let constraints = BasicConstraints::from_der(content).ok()?;
                let length = constraints.path_len_constraint;
                object(json!({
                    "BasicConstraintsValid": true,
                    "IsCA": constraints.ca,
                    "MaxPathLen": length.map_or(-1, i16::from),
                    "MaxPathLenZero": length == Some(0),
                }))
            }
            SubjectKeyIdentifier::OID => object(
                json!({"SubjectKeyId": base64(SubjectKeyIdentifier::from_der(content).ok()?.0.as_bytes())}),
            ),
            AuthorityKeyIdentifier::OID => {
                let id = AuthorityKeyIdentifier::from_der(content).ok()?.key_identifier;
                object(json!({"AuthorityKeyId": id.map(|id| base64(id.as_bytes()))}))
            }
            SubjectAltName::OID => {
                let names = SubjectAltName::from_der(content).ok()?;
                // Go shows a URI in its parts.
                let is_uri = |name: &GeneralName| matches!(name, GeneralName::UniformResourceIdentifier(_));
                if names.0.iter().any(is_uri) {
                    fields.remove("URIs");
                }
                alternative_names(&names)?
            }
            ExtendedKeyUsage::OID => purposes(&ExtendedKeyUsage::from_der(content).ok()?),
            other => {
                match UNREAD.iter().find(|(oid, _)| *oid == other.to_string()) {
                    Some((_, unread)) => fields.retain(|field, _| !unread.contains(&field.as_str())),
                    None if extension.critical => unknown.push(arcs(other)),
                    None => {}
                }
                Map::new()
            }
        };
        fields.extend(read);
    }
    if !unknown.is_empty() {
        fields.insert("UnhandledCriticalExtensions".to_owned(), json!(unknown));
    }
    let shown = extensions.iter().map(|one| {
        json!({"Id": arcs(one.extn_id), "Critical": one.critical, "Value": base64(one.extn_value.as_bytes())})
    });
    fields.insert("Extensions".to_owned(), shown.collect());
    Some(())
}

fn alternative_names(names: &SubjectAltName) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut add = |field: &str, value: String| {
        if let Value::Array(list) = fields.entry(field).or_insert_with(|| json!([])) {
            list.push(value.into());
        }
    };
    for name in &names.0 {
        match name {
            GeneralName::DnsName(name) => add("DNSNames", name.to_string()),
            GeneralName::Rfc822Name(name) => add("EmailAddresses", name.to_string()),
            GeneralName::IpAddress(address) => match *address.as_bytes() {
                [a, b, c, d] => add("IPAddresses", core::net::Ipv4Addr::new(a, b, c, d).to_string()),
                ref bytes => {
                    let bytes: [u8; 16] = bytes.try_into().ok()?;
                    add("IPAddresses", core::net::Ipv6Addr::from(bytes).to_string());
                }
            },
            _ => {}
        }
    }
    Some(fields)
}

fn purposes(usage: &ExtendedKeyUsage) -> Map<String, Value> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for oid in &usage.0 {
        match KEY_PURPOSES.iter().find(|(name, _)| *name == oid.to_string()) {
            Some((_, number)) => known.push(*number),
            None => unknown.push(arcs(*oid)),
        }
    }
    let mut fields = Map::new();
    if !known.is_empty() {
        fields.insert("ExtKeyUsage".to_owned(), known.into_iter().map(Value::from).collect());
    }
    if !unknown.is_empty() {
        fields.insert("UnknownExtKeyUsage".to_owned(), json!(unknown));
    }
    fields
}

/// The key; only of RSA its parts.
fn key_fields(info: &SubjectPublicKeyInfoOwned) -> Option<Map<String, Value>> {
    let algorithm = match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => 1,
        "1.2.840.10040.4.1" => 2,
        "1.2.840.10045.2.1" => 3,
        "1.3.101.112" => 4,
        _ => 0,
    };
    let mut fields = object(json!({
        "PublicKeyAlgorithm": algorithm,
        "RawSubjectPublicKeyInfo": base64(&info.to_der().ok()?),
    }));
    if algorithm == 1 {
        let numbers = SliceReader::new(info.subject_public_key.as_bytes()?).ok()?.sequence(
            |key| -> x509_cert::der::Result<_> { Ok([UintRef::decode(key)?, UintRef::decode(key)?]) },
        );
        let numbers = numbers.ok()?;
        if numbers.iter().all(|number| number.as_bytes().len() <= MAX_RSA_LEN) {
            let [modulus, exponent] = numbers.map(|number| decimal(number.as_bytes()));
            fields.insert("PublicKey".to_owned(), json!({"N": modulus, "E": number(&exponent)?}));
        }
    }
    Some(fields)
}

fn signature_fields(
    algorithm: &AlgorithmIdentifierOwned,
    signature: &BitString,
) -> Option<Map<String, Value>> {
    let oid = algorithm.oid.to_string();
    let mut fields = object(json!({"Signature": base64(signature.as_bytes()?)}));
    let known = SIGNATURE_ALGORITHMS.iter().find(|(name, _)| *name == oid).map(|(_, number)| *number);
    match (known, oid.as_str()) {
        (Some(number), _) => drop(fields.insert("SignatureAlgorithm".to_owned(), number.into())),
        (None, "1.3.101.112") => drop(fields.insert("SignatureAlgorithm".to_owned(), 16.into())),
        (None, _) => {}
    }
    Some(fields)
}

/// A name; `None` if it has a text in an encoding that is not read here.
fn name(name: &Name) -> Option<Value> {
    let mut fields = object(json!({"CommonName": "", "SerialNumber": "", "ExtraNames": null}));
    fields.extend(NAME_LISTS.map(|(_, field)| (field.to_owned(), Value::Null)));
    let mut names = Vec::new();
    for one in name.iter() {
        let value = text_of(&one.value)?;
        names.push(json!({"Type": arcs(one.oid), "Value": value}));
        let oid = one.oid.to_string();
        match (oid.as_str(), NAME_LISTS.iter().find(|(known, _)| *known == oid)) {
            ("2.5.4.3", _) => drop(fields.insert("CommonName".to_owned(), value.into())),
            ("2.5.4.5", _) => drop(fields.insert("SerialNumber".to_owned(), value.into())),
            (_, Some((_, field))) => match fields.get_mut(*field) {
                Some(Value::Array(list)) => list.push(value.into()),
                _ => drop(fields.insert((*field).to_owned(), json!([value]))),
            },
            _ => {}
        }
    }
    fields.insert("Names".to_owned(), if names.is_empty() { Value::Null } else { names.into() });
    Some(Value::Object(fields))
}

fn text_of(value: &AttributeValue) -> Option<String> {
    Some(match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    })
}

/// The first element of a sequence, with its header.
fn first_element(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    reader.tlv_bytes().ok()
}

fn arcs(oid: ObjectIdentifier) -> Vec<u32> {
    oid.arcs().collect()
}

fn base64(bytes: &[u8]) -> String {
    encoding::to_base64(bytes)
}

/// A number, big-endian, in decimal.
fn decimal(bytes: &[u8]) -> String {
    const BASE: u64 = 1_000_000_000;
    // Nine digits each, the lowest first.
    let mut digits = vec![0u64];
    for byte in bytes {
        let mut carry = u64::from(*byte);
        for nine in &mut digits {
            carry += *nine * 256;
            *nine = carry % BASE;
            carry /= BASE;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let mut highest_first = digits.iter().rev();
    let first = highest_first.next().map(u64::to_string).unwrap_or_default();
    first + &highest_first.map(|nine| format!("{nine:09}")).collect::<String>()
}

/// A number as JSON has it: exact if it is small.
fn number(decimal: &str) -> Option<Value> {
    match decimal.parse::<u64>() {
        Ok(small) => Some(small.into()),
        Err(_) => decimal.parse::<f64>().ok().map(Value::from),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIB/jCCAaSgAwIBAgIUePLWJy1Ft9iJNAM/4QRNo5jZNDMwCgYIKoZIzj0EAwIw
LTELMAkGA1UEBhMCTkwxEDAOBgNVBAoMB2V4YW1wbGUxDDAKBgNVBAMMA2FwcDAe
Fw0yNjExMjYwMjMxMjdaFw0zNjExMjMwMjMxMjdaMC0xCzAJBgNVBAYTAk5MMRAw
DgYDVQQKDAdleGFtcGxlMQwwCgYDVQQDDANhcHAwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQWCYmEDbOmtaah86KB59RKAsbcyVeNxtQf9PPJYmx5Jd0fZSq8Jzi1
liU/Q0yrwfodGSXu7W6U9BlN5zz+X9guo4GhMIGeMB0GA1UdDgQWBBTn3n2BFKdY
8a6iCDvJ9Ev2uZ1nwzAfBgNVHSMEGDAWgBTn3n2BFKdY8a6iCDvJ9Ev2uZ1nwzAP
BgNVHRMBAf8EBTADAQH/MCYGA1UdEQQfMB2CCWEuZXhhbXBsZYcECgAAAYYKc3Bp
ZmZlOi8vYTATBgNVHSUEDDAKBggrBgEFBQcDAzAOBgNVHQ8BAf8EBAMCB4AwCgYI
KoZIzj0EAwIDSAAwRQIgXp9ZhjJgfA0A7mQwDbqCsn05l34K4ptcmXPHTj4LeLcC
IQCNjdIRhmkQ/uIdIJLXe+WrshE12p+oWUOYNJ60aJfWTw==
-----END CERTIFICATE-----";

    fn decoded(text: &str) -> Result<Value, String> {
        decode(text).map(|variable| serde_json::to_value(variable).unwrap())
    }

    #[test]
    fn a_certificate_says_what_go_shows_of_it() {
        let found = decoded(CERTIFICATE).unwrap();
        let expected = [
            ("/Subject/CommonName", json!("app")),
            ("/Subject/Organization", json!(["example"])),
            ("/Issuer/Country/0", json!("NL")),
            ("/DNSNames", json!(["a.example"])),
            ("/IPAddresses", json!(["10.0.0.1"])),
            ("/ExtKeyUsage", json!([3])),
            ("/KeyUsage", json!(1)),
            ("/IsCA", json!(true)),
            ("/MaxPathLen", json!(-1)),
            ("/PublicKeyAlgorithm", json!(3)),
            ("/SignatureAlgorithm", json!(10)),
            ("/Policies", json!(null)),
            ("/Version", json!(3)),
        ];
        for (pointer, value) in expected {
            assert_eq!(found.pointer(pointer), Some(&value), "{pointer}");
        }
        // What is not read is not said to be absent.
        assert_eq!([found.get("URIs"), found.get("PublicKey")], [None, None]);
    }

    #[test]
    fn what_is_no_certificate_has_no_value() {
        let truncated = CERTIFICATE.replace("MIIB", "MIIA");
        for text in [
            "",
            "abc",
            &truncated,
            &CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"),
            &"a".repeat(MAX_LEN + 1),
        ] {
            assert!(decoded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
    }
}
