//! Every way of verifying ECDSA here gives the verdict of p256 and p384, on numbers where carries, windows and special points are:
//! near 0, near the order, powers of two; keys that are small multiples of the generator and their negatives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::elliptic_curve::{CurveArithmetic, FieldBytes, PrimeField as _, Scalar};
use p256::pkcs8::EncodePublicKey as _;
use trust_core::{Digest, HashAlgorithm, PublicKey, SignatureScheme, Signed, Tables};

/// A number of so many bytes: a special one, or what the input says.
fn number(input: &mut &[u8], order: &[u8]) -> Vec<u8> {
    let mut take = |len: usize| {
        let (taken, rest) = input.split_at(len.min(input.len()));
        *input = rest;
        taken.to_vec()
    };
    let (kind, shift) = match take(2)[..] {
        [kind, shift] => (kind, usize::from(shift)),
        _ => (0, 0),
    };
    let mut number = vec![0; order.len()];
    match kind % 6 {
        // Near 0.
        0 => *number.last_mut().unwrap() = (shift % 8) as u8,
        // Near the order, on both sides.
        1 => {
            number = order.to_vec();
            let last = number.last_mut().unwrap();
            *last = last.wrapping_sub((shift % 8) as u8).wrapping_add(4);
        }
        // A power of two, or a run of ones below it.
        2 | 3 => {
            let bit = shift % (order.len() * 8);
            let at = order.len() - 1 - bit / 8;
            number[at] = 1 << (bit % 8);
            if kind % 6 == 3 {
                number[at] = number[at].wrapping_sub(1);
                number[at + 1..].fill(0xff);
            }
        }
        // Half the order, more or less.
        4 => {
            let mut carry = 0;
            for (to, from) in number.iter_mut().zip(order) {
                *to = from >> 1 | carry << 7;
                carry = from & 1;
            }
            let last = number.last_mut().unwrap();
            *last = last.wrapping_add((shift % 4) as u8);
        }
        _ => {
            let random = take(order.len());
            number[..random.len()].copy_from_slice(&random);
        }
    }
    number
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len() - 1);
        let number = &number[zeros..];
        let padding: &[u8] = if number[0] & 0x80 != 0 { &[0] } else { &[] };
        [&[2, (padding.len() + number.len()) as u8][..], padding, number].concat()
    };
    let content = [integer(r), integer(s)].concat();
    let head = if content.len() < 0x80 {
        vec![0x30, content.len() as u8]
    } else {
        vec![0x30, 0x81, content.len() as u8]
    };
    [head, content].concat()
}

/// The order is one more than the negative of one.
fn order<C: CurveArithmetic>() -> Vec<u8> {
    let mut bytes = (-Scalar::<C>::from(1_u64)).to_repr().to_vec();
    for byte in bytes.iter_mut().rev() {
        let (next, carried) = byte.overflowing_add(1);
        *byte = next;
        if !carried {
            break;
        }
    }
    bytes
}

macro_rules! compare {
    ($curve:ident, $name:ident, $input:expr, $hash:expr) => {{
        let mut input: &[u8] = $input;
        let order = order::<$curve::$name>();
        let [secret, r, s] = core::array::from_fn(|_| number(&mut input, &order));
        let scalar = |bytes: &[u8]| {
            let bytes = FieldBytes::<$curve::$name>::try_from(bytes).unwrap();
            <Scalar<$curve::$name> as p256::elliptic_curve::ops::Reduce<FieldBytes<$curve::$name>>>::reduce(
                &bytes,
            )
        };
        let secret = scalar(&secret);
        let Some(secret) = Option::from($curve::NonZeroScalar::new(secret)) else { return };
        let secret: $curve::NonZeroScalar = secret;
        let key = $curve::PublicKey::from_secret_scalar(&secret);
        let mut digest = vec![0; $hash.output_len()];
        let said = number(&mut input, &order);
        let len = digest.len().min(said.len());
        digest[..len].copy_from_slice(&said[..len]);
        // Half of all signatures are right.
        let right = (input.first().copied().unwrap_or_default() % 2 == 0).then(|| {
            let signing = $curve::ecdsa::SigningKey::from(secret);
            let signature: $curve::ecdsa::Signature =
                p256::ecdsa::signature::hazmat::PrehashSigner::sign_prehash(&signing, &digest).unwrap();
            signature.to_der().as_bytes().to_vec()
        });
        let signature = right.unwrap_or_else(|| der(&r, &s));
        let verifying = $curve::ecdsa::VerifyingKey::from(key);
        let expected = $curve::ecdsa::Signature::from_der(&signature)
            .is_ok_and(|signature| verifying.verify_prehash(&digest, &signature).is_ok());
        let ours = PublicKey::from_der(key.to_public_key_der().unwrap().as_bytes()).unwrap();
        let digest = Digest::new($hash, digest).unwrap();
        for tables in [Tables::Never, Tables::Compact] {
            let ours = ours.clone().with_tables(tables);
            for is_prepared in [false, true] {
                if is_prepared {
                    ours.prepare();
                }
                let found = ours.verify(SignatureScheme::Ecdsa($hash), Signed::Digest(&digest), &signature);
                assert_eq!(found.is_ok(), expected, "{tables:?}, prepared: {is_prepared}");
            }
        }
    }};
}

fuzz_target!(|input: &[u8]| {
    let Some((first, input)) = input.split_first() else { return };
    match first % 2 {
        0 => compare!(p256, NistP256, input, HashAlgorithm::Sha256),
        _ => compare!(p384, NistP384, input, HashAlgorithm::Sha384),
    }
});
