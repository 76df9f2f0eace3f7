//! [`Pkcs11Key`]: a key that a token keeps (an HSM, a smart card), by
//! [PKCS #11](https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html).

use core::fmt;
use std::sync::mpsc;
use std::thread;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use der::asn1::{BitStringRef, OctetStringRef, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use futures_channel::oneshot;
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfo};
use trust_core::{Digest, HashAlgorithm, KeyAlgorithm, PublicKey};
use trust_gate::{Boxed, Deadline};

use super::pkcs11_uri::Pkcs11Uri;
use super::{KeyError, SigningKey};

/// A key in a token. It never leaves it: the token signs.
///
/// A thread of its own speaks with the token until the key is dropped, so that a slow one keeps nothing else waiting.
pub struct Pkcs11Key {
    public: PublicKey,
    requests: mpsc::SyncSender<Request>,
}

/// How many signatures may wait for the token.
const MAX_WAITING: usize = 64;

struct Request {
    input: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, KeyError>>,
}

impl fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pkcs11Key({}, {})", self.public.algorithm(), self.public.fingerprint())
    }
}

impl Pkcs11Key {
    /// Loads the module, which then runs in this process with all its rights; logs in; and finds the key, and its public half beside
    /// it. It blocks.
    ///
    /// A process logs in to a token once: while it is, a module may take any PIN.
    ///
    /// # Errors
    /// If the module does not load, no or several tokens or keys fit the URI, the PIN is wrong ([`KeyError::Password`]), or the key
    /// is neither P-256, P-384, P-521, Ed25519 nor RSA.
    pub fn open(uri: &Pkcs11Uri, pin: &str) -> Result<Self, KeyError> {
        let module = Pkcs11::new(&uri.module).map_err(|error| failed("the module does not load", &error))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed("the module does not start", &error)),
        }
        let slot = slot(&module, uri)?;
        let session =
            module.open_ro_session(slot).map_err(|error| failed("the token opens no session", &error))?;
        match session.login(UserType::User, Some(&AuthPin::from(pin))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(RvError::PinIncorrect, _)) => return Err(KeyError::Password),
            Err(error) => return Err(failed("the token refuses the login", &error)),
        }
        let private = private_key(&session, uri)?;
        let public = public_key(&session, private)?;
        let algorithm = public.algorithm();
        let (requests, received) = mpsc::sync_channel::<Request>(MAX_WAITING);
        let work = move || {
            let mechanism = match algorithm {
                KeyAlgorithm::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
                KeyAlgorithm::Rsa { .. } => Mechanism::RsaPkcs,
                _ => Mechanism::Ecdsa,
            };
            for Request { input, answer } in received {
                // What is not waited for any more is not signed.
                if answer.is_canceled() {
                    continue;
                }
                let signature = session.sign(&mechanism, private, &input);
                // The caller may have given up.
                let _ = answer.send(signature.map_err(|error| failed("the token does not sign", &error)));
            }
        };
        let started = thread::Builder::new().name("pkcs11".to_owned()).spawn(work);
        started.map_err(|error| KeyError::Unavailable { problem: format!("no thread starts: {error}") })?;
        Ok(Self { public, requests })
    }
}

impl SigningKey for Pkcs11Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8], until: Deadline) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
        Box::pin(async move {
            let unavailable = |problem: &str| KeyError::Unavailable { problem: problem.to_owned() };
            let (answer, answered) = oneshot::channel();
            let input = input(self.public.algorithm(), message);
            self.requests.try_send(Request { input, answer }).map_err(|error| match error {
                mpsc::TrySendError::Full(_) => unavailable("the token is busy"),
                mpsc::TrySendError::Disconnected(_) => unavailable("the token's thread has ended"),
            })?;
            let signature =
                until.within(answered).await.ok_or(unavailable("the token does not answer in time"))?;
            let signature = signature.map_err(|_| unavailable("the token's thread has ended"))??;
            let shape = || unavailable("the token's signature has another length than the curve's");
            Ok(match self.public.algorithm() {
                KeyAlgorithm::EcdsaP256 => p256::ecdsa::Signature::from_slice(&signature)
                    .map_err(|_| shape())?
                    .to_der()
                    .as_bytes()
                    .to_vec(),
                KeyAlgorithm::EcdsaP384 => p384::ecdsa::Signature::from_slice(&signature)
                    .map_err(|_| shape())?
                    .to_der()
                    .as_bytes()
                    .to_vec(),
                KeyAlgorithm::EcdsaP521 => p521::ecdsa::Signature::from_slice(&signature)
                    .map_err(|_| shape())?
                    .to_der()
                    .as_bytes()
                    .to_vec(),
                _ => signature,
            })
        })
    }
}

/// What a token signs for a message: most sign no messages but digests, RSA's in their `DigestInfo` (RFC 8017, section 9.2).
fn input(algorithm: KeyAlgorithm, message: &[u8]) -> Vec<u8> {
    const SHA256_INFO: [u8; 19] =
        *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let digest = |hash| Digest::of(hash, message).as_bytes().to_vec();
    match algorithm {
        KeyAlgorithm::EcdsaP256 => digest(HashAlgorithm::Sha256),
        KeyAlgorithm::EcdsaP384 => digest(HashAlgorithm::Sha384),
        KeyAlgorithm::EcdsaP521 => digest(HashAlgorithm::Sha512),
        KeyAlgorithm::Rsa { .. } => [SHA256_INFO.as_slice(), &digest(HashAlgorithm::Sha256)].concat(),
        KeyAlgorithm::Ed25519 => message.to_vec(),
    }
}

/// The one slot whose token the URI names.
fn slot(module: &Pkcs11, uri: &Pkcs11Uri) -> Result<Slot, KeyError> {
    let slots = module.get_slots_with_initialized_token();
    let mut fitting = Vec::new();
    for slot in slots.map_err(|error| failed("the module lists no tokens", &error))? {
        // A token that was removed meanwhile does not count.
        let Ok(token) = module.get_token_info(slot) else { continue };
        let fits = uri.slot.is_none_or(|id| id == slot.id())
            && uri.token.as_ref().is_none_or(|label| *label == token.label())
            && uri.serial.as_ref().is_none_or(|serial| *serial == token.serial_number());
        if fits {
            fitting.push(slot);
        }
    }
    one(fitting, "tokens")
}

/// The one private key that the URI names.
fn private_key(session: &Session, uri: &Pkcs11Uri) -> Result<ObjectHandle, KeyError> {
    let label = uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes()));
    let id = uri.id.clone().map(Attribute::Id);
    let template: Vec<_> =
        [Some(Attribute::Class(ObjectClass::PRIVATE_KEY)), label, id].into_iter().flatten().collect();
    let found = session.find_objects(&template).map_err(|error| failed("the token lists no keys", &error))?;
    one(found, "private keys")
}

/// The public key that has the private one's identifier, or its label.
fn public_key(session: &Session, private: ObjectHandle) -> Result<PublicKey, KeyError> {
    let attributes = |object, kinds: &[AttributeType]| {
        session
            .get_attributes(object, kinds)
            .map_err(|error| failed("the token does not show the key", &error))
    };
    let names = attributes(private, &[AttributeType::Id, AttributeType::Label])?;
    let says = |name: &&Attribute| !matches!(name, Attribute::Id(value) | Attribute::Label(value) if value.is_empty());
    // The identifier binds them; without one, the label.
    let Some(name) = names.iter().find(says) else {
        let problem =
            "the private key has neither identifier nor label, so its public key cannot be found".to_owned();
        return Err(KeyError::Unavailable { problem });
    };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), name.clone()];
    let found = session.find_objects(&template).map_err(|error| failed("the token lists no keys", &error))?;
    let public = one(found, "public keys of the private key's name")?;
    let mut spki = None;
    let kinds = [
        (KeyType::RSA, [AttributeType::Modulus, AttributeType::PublicExponent]),
        (KeyType::EC, [AttributeType::EcParams, AttributeType::EcPoint]),
        (KeyType::EC_EDWARDS, [AttributeType::EcParams, AttributeType::EcPoint]),
    ];
    let found = attributes(public, &[AttributeType::KeyType])?;
    for (kind, parts) in kinds.into_iter().filter(|(kind, _)| found.contains(&Attribute::KeyType(*kind))) {
        spki = match attributes(public, &parts)?.as_slice() {
            [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] => rsa(modulus, exponent),
            [Attribute::EcParams(curve), Attribute::EcPoint(point)] if kind == KeyType::EC => {
                ec(curve, point)
            }
            [Attribute::EcParams(_), Attribute::EcPoint(point)] => edwards(point),
            _ => None,
        };
    }
    let kind =
        KeyError::Kind { found: "another key of the token", expected: "P-256, P-384, P-521, Ed25519 or RSA" };
    PublicKey::from_der(&spki.ok_or(kind.clone())?).map_err(|_| kind)
}

/// [RFC 8017, appendix A.1.1](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

fn rsa(modulus: &[u8], public_exponent: &[u8]) -> Option<Vec<u8>> {
    const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    let (modulus, public_exponent) = (UintRef::new(modulus).ok()?, UintRef::new(public_exponent).ok()?);
    let key = RsaPublicKey { modulus, public_exponent }.to_der().ok()?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(der::AnyRef::NULL) };
    let subject_public_key = BitStringRef::from_bytes(&key).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

/// `parameters` is the curve's identifier in DER, as the algorithm's parameters are in a public key.
fn ec(parameters: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    let parameters = Some(der::AnyRef::from_der(parameters).ok()?);
    let algorithm = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters };
    let subject_public_key = BitStringRef::from_bytes(unwrapped(point)).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

fn edwards(point: &[u8]) -> Option<Vec<u8>> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(unwrapped(point).try_into().ok()?).ok()?;
    Some(key.to_public_key_der().ok()?.into_vec())
}

/// A point is an OCTET STRING in DER, and some tokens forget that.
fn unwrapped(point: &[u8]) -> &[u8] {
    <&OctetStringRef>::from_der(point).map_or(point, OctetStringRef::as_bytes)
}

fn one<T>(found: Vec<T>, what: &str) -> Result<T, KeyError> {
    let count = found.len();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(KeyError::Unavailable { problem: format!("found {count} {what} that fit, expected 1") }),
    }
}

fn failed(what: &str, error: &Error) -> KeyError {
    KeyError::Unavailable { problem: format!("{what}: {error}") }
}
