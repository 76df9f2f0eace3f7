//! ECDSA on P-256 and P-384 ([FIPS 186-5 section 6.4.2](https://doi.org/10.6028/NIST.FIPS.186-5)), fast where a key
//! verifies many signatures.
//!
//! Keys are checked and signatures are read by RustCrypto, which also computes modulo the order. Only the sum of two
//! products of points is made here, over fiat-crypto's field; RustCrypto's is the oracle of the tests.

mod field;
mod point;

mod multiples;
#[cfg(test)]
mod tiny_curve;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use ecdsa::Signature;
use elliptic_curve::group::CurveAffine as _;
use elliptic_curve::ops::{Invert as _, Reduce as _};
use elliptic_curve::point::AffineCoordinates as _;
use elliptic_curve::scalar::IsHigh as _;
use elliptic_curve::{CurveArithmetic, Field as _, FieldBytes, PrimeField as _, Scalar};

use self::field::{Field, P256Field, P384Field};
use self::multiples::Multiples;
use self::point::{AffinePoint, Point};

/// How much memory a key may take to verify faster. Only ECDSA on P-256 and P-384 gains by tables.
///
/// A key builds its table when it has verified 32 signatures, or when it is told to
/// ([`PublicKey::prepare`](crate::PublicKey::prepare)); the curve's generator has a fast one for the whole process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tables {
    /// None: the key's point is doubled for every bit.
    Never,
    /// 52 KiB for P-256, 116 KiB for P-384.
    Compact,
    /// 256 KiB for P-256, 576 KiB for P-384.
    #[default]
    Fast,
}

/// How many signatures a key verifies before it builds its table: about as many as the table costs.
const USES_BEFORE_TABLE: u32 = 32;

impl Tables {
    fn window_bits(self) -> usize {
        match self {
            Self::Never | Self::Compact => 5,
            Self::Fast => 8,
        }
    }
}

/// What this needs of a curve.
pub(super) trait Curve: ecdsa::EcdsaCurve + CurveArithmetic {
    type Field: Field;

    /// The multiples of the generator, computed once per process.
    fn generator() -> &'static Multiples<Self::Field>;
}

impl Curve for p256::NistP256 {
    type Field = P256Field;

    fn generator() -> &'static Multiples<P256Field> {
        static MULTIPLES: LazyLock<Multiples<P256Field>> =
            LazyLock::new(multiples_of_generator::<p256::NistP256>);
        &MULTIPLES
    }
}

impl Curve for p384::NistP384 {
    type Field = P384Field;

    fn generator() -> &'static Multiples<P384Field> {
        static MULTIPLES: LazyLock<Multiples<P384Field>> =
            LazyLock::new(multiples_of_generator::<p384::NistP384>);
        &MULTIPLES
    }
}

/// An ECDSA key, with the table of its multiples once that pays.
pub(super) struct EcdsaKey<C: Curve> {
    point: AffinePoint<C::Field>,
    tables: Tables,
    uses: AtomicU32,
    multiples: OnceLock<Multiples<C::Field>>,
}

impl<C: Curve> EcdsaKey<C> {
    /// A key by its uncompressed point, which the caller found to be on the curve.
    pub(super) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        AffinePoint::from_sec1(bytes).map(|point| Self::new(point, Tables::default()))
    }

    fn new(point: AffinePoint<C::Field>, tables: Tables) -> Self {
        Self { point, tables, uses: AtomicU32::new(0), multiples: OnceLock::new() }
    }

    pub(super) fn with_tables(&self, tables: Tables) -> Self {
        Self::new(self.point, tables)
    }

    /// Builds the table now.
    pub(super) fn prepare(&self) {
        if self.tables != Tables::Never {
            self.multiples.get_or_init(|| multiples_of::<C>(self.point, self.tables));
        }
    }

    /// The table, if it has been built or it is time to.
    pub(super) fn table(&self) -> Option<&Multiples<C::Field>> {
        if self.multiples.get().is_none() && self.uses.fetch_add(1, Ordering::Relaxed) >= USES_BEFORE_TABLE {
            self.prepare();
        }
        self.multiples.get()
    }

    /// Whether the signature over the digest verifies.
    pub(super) fn verify(&self, digest: &[u8], signature: &Signature<C>) -> bool {
        self.verify_by(self.table(), digest, signature)
    }

    /// The same by this table of the key's multiples, or without any.
    pub(super) fn verify_by(
        &self,
        table: Option<&Multiples<C::Field>>,
        digest: &[u8],
        signature: &Signature<C>,
    ) -> bool {
        let (r, s) = signature.split_scalars();
        let inverse = *s.invert_vartime();
        let (u1, u2) = (to_scalar::<C>(digest) * inverse, *r * inverse);
        let (number, is_negative) = below_half::<C>(u2);
        let product = match table {
            Some(table) => table.add_product(number.as_ref(), is_negative, Point::infinity()),
            None => multiples::product(self.point, number.as_ref(), is_negative),
        };
        let (number, is_negative) = below_half::<C>(u1);
        let sum =
            product.and_then(|product| C::generator().add_product(number.as_ref(), is_negative, product));
        let Some(sum) = sum else { return false };
        // r is x modulo the order, and the order is a little below the prime.
        let r = r.to_repr();
        C::Field::from_be_bytes(r.as_ref()).is_some_and(|x| sum.has_x(x))
            || plus_order::<C>(&r).is_some_and(|x| sum.has_x(x))
    }
}

fn multiples_of<C: Curve>(point: AffinePoint<C::Field>, tables: Tables) -> Multiples<C::Field> {
    Multiples::new(point, Scalar::<C>::NUM_BITS as usize, tables.window_bits())
}

fn multiples_of_generator<C: Curve>() -> Multiples<C::Field> {
    let generator = C::AffinePoint::generator();
    // Both are below the prime; with a zero instead, nothing would verify.
    let read =
        |coordinate: FieldBytes<C>| C::Field::from_be_bytes(coordinate.as_ref()).unwrap_or(C::Field::ZERO);
    multiples_of::<C>(AffinePoint { x: read(generator.x()), y: read(generator.y()) }, Tables::Fast)
}

/// A number with the order added, if the sum is below the prime.
fn plus_order<C: Curve>(number: &FieldBytes<C>) -> Option<C::Field> {
    // The order is one more than its last number.
    let last = (-Scalar::<C>::ONE).to_repr();
    let (mut sum, mut carry) = (FieldBytes::<C>::default(), 1);
    for ((sum, a), b) in sum.iter_mut().zip(number).zip(&last).rev() {
        let column = u16::from(*a) + u16::from(*b) + carry;
        (*sum, carry) = (column.to_be_bytes()[1], column >> 8);
    }
    if carry == 0 { C::Field::from_be_bytes(sum.as_ref()) } else { None }
}

/// The number, or its negative: whichever is below half the order, so that no carry leaves its highest window.
fn below_half<C: Curve>(scalar: Scalar<C>) -> (FieldBytes<C>, bool) {
    let is_negative = bool::from(scalar.is_high());
    (if is_negative { -scalar } else { scalar }.to_repr(), is_negative)
}

/// The leftmost bits of these bytes as a number, reduced by the order.
fn to_scalar<C: Curve>(bytes: &[u8]) -> Scalar<C> {
    let mut field = FieldBytes::<C>::default();
    let padding = field.len().saturating_sub(bytes.len());
    for (to, from) in field.iter_mut().skip(padding).zip(bytes) {
        *to = *from;
    }
    Scalar::<C>::reduce(&field)
}

#[cfg(test)]
mod tests {
    use ecdsa::hazmat::verify_prehashed;
    use elliptic_curve::CurveGroup as _;
    use elliptic_curve::point::DecompressPoint;
    use elliptic_curve::{Group as _, ProjectivePoint};
    use proptest::prelude::*;

    use self::point;
    use super::*;

    fn affine<C: Curve>(point: &ProjectivePoint<C>) -> AffinePoint<C::Field> {
        let point = point.to_affine();
        let read = |coordinate: FieldBytes<C>| C::Field::from_be_bytes(coordinate.as_ref()).unwrap();
        AffinePoint { x: read(point.x()), y: read(point.y()) }
    }

    /// The point is the one that the library computed.
    fn assert_same<C: Curve>(found: &Point<C::Field>, expected: &ProjectivePoint<C>) {
        assert_eq!(found.is_infinity(), bool::from(expected.is_identity()));
        if !found.is_infinity() {
            let (found, expected) = (point::to_affine(&[*found])[0], affine::<C>(expected));
            assert!(found.x == expected.x && found.y == expected.y);
        }
    }

    #[allow(clippy::op_ref)] // without the references, the compiler cannot choose among the traits
    fn edge_scalars_agree<C: Curve>() {
        let point = ProjectivePoint::<C>::generator() * Scalar::<C>::from(0xdead_beef_u64);
        let tables =
            [Tables::Compact, Tables::Fast].map(|tables| multiples_of::<C>(affine::<C>(&point), tables));
        let one = Scalar::<C>::ONE;
        let half = elliptic_curve::Field::invert(&one.double()).unwrap();
        let mut scalars = vec![Scalar::<C>::ZERO, one, -one, half, half - &one, half + &one, -half];
        let mut power = one;
        // Every bit alone, every run of ones, and a carry through every window.
        for _ in 0..Scalar::<C>::NUM_BITS {
            scalars.extend([power, power - &one, power + &one, -power]);
            power = power.double();
        }
        for scalar in scalars {
            let (number, is_negative) = below_half::<C>(scalar);
            let expected = point * scalar;
            for table in &tables {
                let product = table.add_product(number.as_ref(), is_negative, Point::infinity());
                assert_same::<C>(&product.unwrap(), &expected);
            }
            let product = multiples::product(affine::<C>(&point), number.as_ref(), is_negative);
            assert_same::<C>(&product.unwrap(), &expected);
        }
    }

    #[test]
    fn edge_scalars_agree_with_the_library() {
        edge_scalars_agree::<p256::NistP256>();
        edge_scalars_agree::<p384::NistP384>();
    }

    fn sums_agree<C: Curve>() {
        let generator = ProjectivePoint::<C>::generator();
        let points: Vec<_> = (0..6_u64).map(|n| generator * Scalar::<C>::from(n)).collect();
        let points: Vec<_> = points.iter().flat_map(|point| [*point, -*point]).collect();
        let ours = |point: &ProjectivePoint<C>| match bool::from(point.is_identity()) {
            true => Point::infinity(),
            // Twice and back, so that Z is not one.
            false => Point::from(affine::<C>(&(*point + point))).add(&Point::from(affine::<C>(&-*point))),
        };
        for a in &points {
            assert_same::<C>(&ours(a).double(), &a.double());
            assert_same::<C>(&ours(a).neg(), &-*a);
            for b in &points {
                assert_same::<C>(&ours(a).add(&ours(b)), &(*a + b));
                if !bool::from(b.is_identity()) {
                    assert_same::<C>(&ours(a).add_affine(&affine::<C>(b)), &(*a + b));
                }
            }
        }
    }

    #[test]
    fn sums_with_infinity_equal_and_opposite_points_agree_with_the_library() {
        sums_agree::<p256::NistP256>();
        sums_agree::<p384::NistP384>();
    }

    #[test]
    fn tables_have_the_documented_sizes() {
        fn kib<C: Curve>(tables: Tables) -> usize {
            multiples_of::<C>(affine::<C>(&ProjectivePoint::<C>::generator()), tables).size().div_ceil(1024)
        }
        assert_eq!(
            (kib::<p256::NistP256>(Tables::Compact), kib::<p384::NistP384>(Tables::Compact)),
            (52, 116)
        );
        assert_eq!((kib::<p256::NistP256>(Tables::Fast), kib::<p384::NistP384>(Tables::Fast)), (256, 576));
    }

    #[test]
    fn a_key_builds_its_table_when_that_pays() {
        let key = EcdsaKey::<p256::NistP256>::new(
            affine::<p256::NistP256>(&p256::ProjectivePoint::GENERATOR),
            Tables::Compact,
        );
        assert!((0..USES_BEFORE_TABLE).all(|_| key.table().is_none()));
        assert!(key.table().is_some());
        let never = key.with_tables(Tables::Never);
        never.prepare();
        assert!((0..20).all(|_| never.table().is_none()));
    }

    /// The verdict, which must be the library's, by every way of computing it.
    fn verdict<C: Curve>(point: &ProjectivePoint<C>, digest: &[u8], signature: &Signature<C>) -> bool {
        let key = EcdsaKey::<C>::new(affine::<C>(point), Tables::Compact);
        let expected = verify_prehashed(point, digest, signature).is_ok();
        assert_eq!(key.verify_by(None, digest, signature), expected);
        key.prepare();
        assert_eq!(key.verify(digest, signature), expected);
        expected
    }

    fn random_signature_agrees<C: Curve>(bytes: &[[u8; 48]; 3], flip: Option<usize>) {
        let [key, nonce, _] = bytes.map(|bytes| to_scalar::<C>(&bytes));
        let digest = &bytes[2][..32];
        if bool::from(key.is_zero()) || bool::from(nonce.is_zero()) {
            return;
        }
        let generator = ProjectivePoint::<C>::generator();
        let r = to_scalar::<C>((generator * nonce).to_affine().x().as_ref());
        let s = elliptic_curve::Field::invert(&nonce).unwrap() * (to_scalar::<C>(digest) + r * key);
        let mut repr = [r.to_repr(), s.to_repr()];
        if let Some(flip) = flip {
            let byte = flip / 8;
            let len = repr[0].len();
            repr[byte / len % 2][byte % len] ^= 1 << (flip % 8);
        }
        let [r, s] = repr;
        if let Ok(signature) = Signature::<C>::from_scalars(r, s) {
            assert_eq!(verdict::<C>(&(generator * key), digest, &signature), flip.is_none());
        }
    }

    proptest! {
        #[test]
        fn random_signatures_get_the_librarys_verdict(
            a in prop::array::uniform32(any::<u8>()), b in prop::array::uniform32(any::<u8>()),
            c in prop::array::uniform32(any::<u8>()), flip in prop::option::of(0_usize..512),
        ) {
            let longer = |bytes: [u8; 32]| <[u8; 48]>::try_from([&bytes[..], &bytes[..16]].concat()).unwrap();
            random_signature_agrees::<p256::NistP256>(&[a, b, c].map(longer), flip);
            random_signature_agrees::<p384::NistP384>(&[a, b, c].map(longer), flip);
        }
    }

    #[test]
    fn a_signature_that_leads_to_infinity_is_wrong() {
        use p256::NistP256 as C;
        // With the key -G and r equal to the digest, both products cancel.
        let minus_one = -ProjectivePoint::<C>::generator();
        let digest = [7; 32];
        let signature =
            Signature::<C>::from_scalars(to_scalar::<C>(&digest), Scalar::<C>::from(5_u64)).unwrap();
        assert!(!verdict::<C>(&minus_one, &digest, &signature));
    }

    #[test]
    fn digests_of_every_length_and_size_are_numbers() {
        use p256::NistP256 as C;
        let (key, nonce) = (Scalar::<C>::from(11_u64), Scalar::<C>::from(3_u64));
        let generator = ProjectivePoint::<C>::generator();
        for digest in [&[0xff; 32][..], &[0xff; 64], &[], &[1; 20], &[0; 32]] {
            let r = to_scalar::<C>(&(generator * nonce).to_affine().x());
            let s = elliptic_curve::Field::invert(&nonce).unwrap() * (to_scalar::<C>(digest) + r * key);
            assert!(verdict::<C>(&(generator * key), digest, &Signature::<C>::from_scalars(r, s).unwrap()));
        }
    }

    fn x_at_and_above_the_order<C: Curve>()
    where
        C::AffinePoint: DecompressPoint<C>,
    {
        // Points whose x is the order plus a small number, so that r is that number.
        let mut found = 0;
        let order = |n: u64| {
            let mut bytes = (-Scalar::<C>::ONE).to_repr();
            let mut carry = u128::from(n) + 1;
            for byte in bytes.iter_mut().rev() {
                carry += u128::from(*byte);
                (*byte, carry) = (carry as u8, carry >> 8);
            }
            bytes
        };
        for n in 1..40 {
            let Some(point) = Option::<C::AffinePoint>::from(C::AffinePoint::decompress(&order(n), 0.into()))
            else {
                continue;
            };
            let (r, s, digest) = (Scalar::<C>::from(n), Scalar::<C>::from(9_u64), [3; 32]);
            let nonce_point = ProjectivePoint::<C>::from(point);
            let public = (nonce_point * s - ProjectivePoint::<C>::generator() * to_scalar::<C>(&digest))
                * elliptic_curve::Field::invert(&r).unwrap();
            assert!(verdict::<C>(&public, &digest, &Signature::<C>::from_scalars(r, s).unwrap()), "{n}");
            found += 1;
        }
        assert!(found > 5, "{found} points");
    }

    #[test]
    fn an_x_above_the_order_is_reduced() {
        x_at_and_above_the_order::<p256::NistP256>();
        x_at_and_above_the_order::<p384::NistP384>();
    }
}
