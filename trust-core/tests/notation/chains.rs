//! The rules for certificates.

use trust_testkit::notation::{Notation, YEAR, chain, leaf_extensions};
use trust_testkit::sigstore::{
    Issuer, Key, TIME_STAMPING, Template, basic_constraints, certificate, extended_key_usage, extension,
    key_usage, seq, tlv,
};

use crate::{accepted, refused};

/// A chain of this leaf, with these extensions of the authority in between.
fn through(middle: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (root_key, middle_key, leaf) = (Key::p384(41), Key::p256(42), Key::p256(40));
    let issuer = |name, key| Issuer { name, key };
    let make = |subject, key, extensions, by: &Issuer<'_>| {
        certificate(&Template { subject, key, validity: YEAR, extensions }, by)
    };
    let root = vec![basic_constraints(None), key_usage(0x04)];
    vec![
        make("signer", &leaf, leaf_extensions(), &issuer("middle", &middle_key)),
        make("middle", &middle_key, middle, &issuer("root", &root_key)),
        make("root", &root_key, root, &issuer("root", &root_key)),
    ]
}

fn with(extensions: Vec<Vec<u8>>) -> impl Fn(&mut Notation) {
    move |envelope: &mut Notation| envelope.chain = chain(&Key::p256(40), extensions.clone(), YEAR)
}

#[test]
fn a_chain_is_in_order_and_ends_in_a_root() {
    refused("was not issued by the next certificate", |envelope| envelope.chain.swap(1, 2));
    refused("did not issue itself: expected a root", |envelope| drop(envelope.chain.pop()));
    refused("was not issued by the next certificate", |envelope| drop(envelope.chain.remove(1)));
    refused("issued itself and is not the last", |envelope| {
        let root = envelope.chain[2].clone();
        envelope.chain.push(root);
    });
    refused("chain has 9 certificates", |envelope| {
        let leaf = envelope.chain[0].clone();
        envelope.chain = vec![leaf; 9];
    });
    // Of the same names, and other keys.
    refused("was not issued by the next certificate", |envelope| {
        let stranger = Key::p256(77);
        let by = Issuer { name: "root", key: &stranger };
        let extensions = vec![basic_constraints(None), key_usage(0x04)];
        envelope.chain[2] =
            certificate(&Template { subject: "root", key: &stranger, validity: YEAR, extensions }, &by);
    });
    // A root whose key is of a kind that no certificate may have.
    refused("has a key of Ed25519, expected RSA of 2048 bits or more, or ECDSA", |envelope| {
        let (root, middle) = (Key::ed25519(78), Key::p256(42));
        let by = Issuer { name: "root", key: &root };
        let extensions = || vec![basic_constraints(None), key_usage(0x04)];
        let make = |subject, key| {
            certificate(&Template { subject, key, validity: YEAR, extensions: extensions() }, &by)
        };
        envelope.chain[1] = make("middle", &middle);
        envelope.chain[2] = make("root", &root);
    });
    // A chain of another key.
    refused("was not signed by the key of its first certificate", |envelope| {
        envelope.chain = chain(&Key::p256(66), leaf_extensions(), YEAR);
    });
}

#[test]
fn one_certificate_may_be_its_own_root() {
    let own = |extensions: Vec<Vec<u8>>| {
        move |envelope: &mut Notation| {
            let key = Key::p256(40);
            let by = Issuer { name: "me", key: &key };
            let template =
                Template { subject: "me", key: &key, validity: YEAR, extensions: extensions.clone() };
            envelope.chain = vec![certificate(&template, &by)];
        }
    };
    accepted(own(leaf_extensions()));
    refused("is a certification authority", own(vec![basic_constraints(None), key_usage(0x84)]));
}

#[test]
fn a_leaf_signs_and_does_nothing_else() {
    accepted(with(vec![key_usage(0x80)]));
    // contentCommitment does not harm, and what else is in a certificate is not looked at.
    accepted(with(vec![key_usage(0xc0), extension("1.2.3.4", true, &tlv(5, &[]))]));
    refused("no critical keyUsage with digitalSignature", with(vec![]));
    refused(
        "no critical keyUsage with digitalSignature",
        with(vec![extension("2.5.29.15", false, &tlv(3, &[7, 0x80]))]),
    );
    refused("no critical keyUsage with digitalSignature", with(vec![key_usage(0x40)]));
    for (bits, name) in [
        (0xa0, "keyEncipherment"),
        (0x90, "dataEncipherment"),
        (0x88, "keyAgreement"),
        (0x84, "keyCertSign"),
        (0x82, "cRLSign"),
        (0x81, "encipherOnly"),
    ] {
        refused(&format!("has the key usage {name}"), with(vec![key_usage(bits)]));
    }
    refused(
        "has the key usage decipherOnly",
        with(vec![extension("2.5.29.15", true, &tlv(3, &[7, 0x80, 0x80]))]),
    );
    for (oid, name) in [
        ("2.5.29.37.0", "anyExtendedKeyUsage"),
        ("1.3.6.1.5.5.7.3.1", "serverAuth"),
        ("1.3.6.1.5.5.7.3.2", "clientAuth"),
        ("1.3.6.1.5.5.7.3.4", "emailProtection"),
        (TIME_STAMPING, "timeStamping"),
        ("1.3.6.1.5.5.7.3.9", "OCSPSigning"),
    ] {
        let purposes = extended_key_usage(false, &["1.3.6.1.5.5.7.3.3", oid]);
        refused(&format!("has the extended key usage {name}"), with(vec![key_usage(0x80), purposes]));
    }
    let no_ca = extension("2.5.29.19", false, &seq(&[]));
    accepted(with(vec![no_ca, key_usage(0x80)]));
    refused("is a certification authority", with(vec![basic_constraints(None), key_usage(0x80)]));
}

#[test]
fn an_issuer_is_a_certification_authority() {
    let middle = |extensions: Vec<Vec<u8>>| {
        move |envelope: &mut Notation| envelope.chain = through(extensions.clone())
    };
    let not_critical = || extension("2.5.29.19", false, &seq(&[tlv(1, &[0xff])]));
    accepted(middle(vec![basic_constraints(Some(0)), key_usage(0x04)]));
    refused("has no critical basicConstraints with cA", middle(vec![key_usage(0x04)]));
    refused("has no critical basicConstraints with cA", middle(vec![not_critical(), key_usage(0x04)]));
    refused("no critical keyUsage with keyCertSign", middle(vec![basic_constraints(None)]));
    refused("no critical keyUsage with keyCertSign", middle(vec![basic_constraints(None), key_usage(0x80)]));
    // The root allows no authority below it.
    let envelope = |envelope: &mut Notation| {
        let (root_key, middle_key) = (Key::p384(41), Key::p256(42));
        let by = Issuer { name: "root", key: &root_key };
        let make = |subject, key, path_len| {
            let extensions = vec![basic_constraints(path_len), key_usage(0x04)];
            certificate(&Template { subject, key, validity: YEAR, extensions }, &by)
        };
        envelope.chain[1] = make("middle", &middle_key, None);
        envelope.chain[2] = make("root", &root_key, Some(0));
    };
    refused("allows 0 authorities below it, found 1", envelope);
}
