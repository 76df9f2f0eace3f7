//! [`Tables`] of a point's multiples, computed once, so that a product with it is a sum of entries.
//!
//! For a key that verifies many signatures: no doublings are left, and a signed digit of `w` bits costs one addition.
//! Everything is variable-time, which is right for public data.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use ecdsa::Signature;
use elliptic_curve::ops::{Invert as _, Reduce as _};
use elliptic_curve::point::AffineCoordinates as _;
use elliptic_curve::scalar::IsHigh as _;
use elliptic_curve::{
    BatchNormalize, CurveArithmetic, CurveGroup as _, FieldBytes, Group as _, PrimeField as _,
    ProjectivePoint, Scalar,
};

/// How much memory a key may take to verify faster. Only ECDSA on P-256 and P-384 gains by tables.
///
/// A key builds its table when it has verified [`USES_BEFORE_TABLE`] signatures, or when it is told to
/// ([`PublicKey::prepare`](crate::PublicKey::prepare)); the curve's generator has one for the whole process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tables {
    /// None: every verification doubles and adds.
    Never,
    /// 59 KiB for P-256, 126 KiB for P-384.
    Compact,
    /// 288 KiB for P-256, 624 KiB for P-384.
    #[default]
    Fast,
}

/// How many signatures a key verifies before it builds its table, which costs about as much as six to ten of them.
pub const USES_BEFORE_TABLE: u32 = 8;

impl Tables {
    fn window_bits(self) -> u32 {
        match self {
            Self::Never | Self::Compact => 5,
            Self::Fast => 8,
        }
    }
}

/// An ECDSA key, with the table of its multiples once that pays.
pub(super) struct TabledKey<C: Curve> {
    point: ProjectivePoint<C>,
    tables: Tables,
    uses: AtomicU32,
    multiples: OnceLock<Multiples<C>>,
}

impl<C: Curve> TabledKey<C> {
    pub(super) fn new(point: ProjectivePoint<C>, tables: Tables) -> Self {
        Self { point, tables, uses: AtomicU32::new(0), multiples: OnceLock::new() }
    }

    pub(super) fn with_tables(&self, tables: Tables) -> Self {
        Self::new(self.point, tables)
    }

    pub(super) fn point(&self) -> &ProjectivePoint<C> {
        &self.point
    }

    /// Builds the table now.
    pub(super) fn prepare(&self) {
        if self.tables != Tables::Never {
            self.multiples.get_or_init(|| Multiples::new(self.point, self.tables.window_bits()));
        }
    }

    /// Whether the signature verifies, by the table; `None` while there is none.
    pub(super) fn verify_by_table(&self, digest: &[u8], signature: &Signature<C>) -> Option<bool> {
        if self.multiples.get().is_none() {
            let uses = self.uses.fetch_add(1, Ordering::Relaxed);
            if uses < USES_BEFORE_TABLE {
                return None;
            }
            self.prepare();
        }
        let key = self.multiples.get()?;
        Some(verify_prehashed(C::generator(), key, digest, signature))
    }
}

/// Multiples of one point P: for the window `i`, d·2^(w·i)·P for every d from 1 to 2^(w-1).
pub(super) struct Multiples<C: CurveArithmetic> {
    window_bits: u32,
    entries: Vec<C::AffinePoint>,
}

/// What this needs of a curve: the group of p256 and p384.
pub(super) trait Curve: ecdsa::EcdsaCurve
    + CurveArithmetic<ProjectivePoint: BatchNormalize<[ProjectivePoint<Self>], Output = Vec<Self::AffinePoint>>>
{
    /// The multiples of the generator, computed once per process.
    fn generator() -> &'static Multiples<Self>;
}

impl Curve for p256::NistP256 {
    fn generator() -> &'static Multiples<Self> {
        static MULTIPLES: LazyLock<Multiples<p256::NistP256>> = LazyLock::new(Multiples::of_generator);
        &MULTIPLES
    }
}

impl Curve for p384::NistP384 {
    fn generator() -> &'static Multiples<Self> {
        static MULTIPLES: LazyLock<Multiples<p384::NistP384>> = LazyLock::new(Multiples::of_generator);
        &MULTIPLES
    }
}

impl<C: Curve> Multiples<C> {
    /// Computes the table: 2^(w-1) entries for each of the windows.
    pub(super) fn new(point: ProjectivePoint<C>, window_bits: u32) -> Self {
        let per_window = 1_usize << (window_bits - 1);
        let windows = Scalar::<C>::NUM_BITS.div_ceil(window_bits);
        let mut multiples = Vec::with_capacity(per_window * windows as usize);
        let mut base = point;
        for _ in 0..windows {
            let mut multiple = base;
            for _ in 0..per_window {
                multiples.push(multiple);
                multiple += base;
            }
            // The last one was 2^(w-1)·base.
            base = multiples.last().copied().unwrap_or(base).double();
        }
        let entries = <ProjectivePoint<C> as BatchNormalize<[_]>>::batch_normalize(&multiples);
        Self { window_bits, entries }
    }

    fn of_generator() -> Self {
        Self::new(ProjectivePoint::<C>::generator(), Tables::Fast.window_bits())
    }

    /// Adds the product of the scalar and the point to `sum`.
    fn add_product(&self, scalar: &Scalar<C>, sum: &mut ProjectivePoint<C>) {
        // A scalar below half the order leaves no carry out of its last window.
        let is_negative = bool::from(scalar.is_high());
        let scalar = if is_negative { -*scalar } else { *scalar };
        let per_window = 1_usize << (self.window_bits - 1);
        for (window, digit) in
            self.entries.chunks(per_window).zip(digits(scalar.to_repr().as_ref(), self.window_bits))
        {
            let Some(index) =
                usize::try_from(digit.unsigned_abs()).ok().and_then(|digit| digit.checked_sub(1))
            else {
                continue;
            };
            let Some(entry) = window.get(index) else { continue };
            if (digit < 0) == is_negative {
                *sum += *entry;
            } else {
                *sum -= *entry;
            }
        }
    }
}

/// The digits of a number in big-endian bytes, the lowest first: each from -2^(w-1) + 1 to 2^(w-1).
fn digits(bytes: &[u8], window_bits: u32) -> impl Iterator<Item = i32> + '_ {
    let mut rest = bytes.iter().rev();
    let (mut buffer, mut buffered, mut carry) = (0_u32, 0_u32, 0_i32);
    core::iter::from_fn(move || {
        while buffered < window_bits {
            let Some(byte) = rest.next() else { break };
            buffer |= u32::from(*byte) << buffered;
            buffered += 8;
        }
        if buffered == 0 && carry == 0 {
            return None;
        }
        let digit = i32::try_from(buffer & ((1 << window_bits) - 1)).unwrap_or_default() + carry;
        buffer >>= window_bits;
        buffered = buffered.saturating_sub(window_bits);
        carry = i32::from(digit > 1 << (window_bits - 1));
        Some(digit - (carry << window_bits))
    })
}

/// Whether the signature over the digest verifies with the key of which these are the multiples (FIPS 186-5,
/// section 6.4.2), as `ecdsa::hazmat::verify_prehashed` decides it.
pub(super) fn verify_prehashed<C: Curve>(
    generator: &Multiples<C>,
    key: &Multiples<C>,
    digest: &[u8],
    signature: &Signature<C>,
) -> bool {
    let (r, s) = signature.split_scalars();
    let inverse = *s.invert_vartime();
    let mut point = ProjectivePoint::<C>::identity();
    generator.add_product(&(to_scalar::<C>(digest) * inverse), &mut point);
    key.add_product(&(*r * inverse), &mut point);
    // The point at infinity has no x: it comes out as 0, which r is not.
    to_scalar::<C>(&point.to_affine().x()) == *r
}

/// The leftmost bits of these bytes as a number, reduced by the order.
fn to_scalar<C: Curve>(bytes: &[u8]) -> Scalar<C> {
    let mut field = FieldBytes::<C>::default();
    let len = bytes.len().min(field.len());
    let padding = field.len() - len;
    for (to, from) in field.iter_mut().skip(padding).zip(bytes) {
        *to = *from;
    }
    Scalar::<C>::reduce(&field)
}

#[cfg(test)]
mod tests {
    use elliptic_curve::{Field as _, NonZeroScalar};
    use proptest::prelude::*;

    use super::*;

    /// The product by the table equals the product by the library.
    fn agrees<C: Curve>(table: &Multiples<C>, point: &ProjectivePoint<C>, scalar: &Scalar<C>) {
        let mut product = ProjectivePoint::<C>::identity();
        table.add_product(scalar, &mut product);
        assert_eq!(product, *point * *scalar, "{scalar:?}");
    }

    fn edge_scalars_agree<C: Curve>() {
        let point = ProjectivePoint::<C>::generator() * Scalar::<C>::from(0xdead_beef_u64);
        for tables in [Tables::Compact, Tables::Fast] {
            let table = Multiples::<C>::new(point, tables.window_bits());
            let one = Scalar::<C>::ONE;
            let half = *NonZeroScalar::<C>::new(one.double()).unwrap().invert_vartime();
            let mut scalars = vec![Scalar::<C>::ZERO, one, -one, half, half - &one, half + &one, -half];
            let mut power = one;
            // Every bit alone, every run of ones, and a carry through every window.
            for _ in 0..Scalar::<C>::NUM_BITS {
                scalars.extend([power, power - &one, power + &one, -power]);
                power = power.double();
            }
            for scalar in scalars {
                agrees(&table, &point, &scalar);
            }
        }
    }

    #[test]
    fn edge_scalars_agree_with_the_library() {
        edge_scalars_agree::<p256::NistP256>();
        edge_scalars_agree::<p384::NistP384>();
    }

    #[test]
    fn tables_have_the_documented_sizes() {
        fn kib<C: Curve>(tables: Tables) -> usize {
            let table = Multiples::<C>::new(ProjectivePoint::<C>::generator(), tables.window_bits());
            size_of_val(&table.entries[..]).div_ceil(1024)
        }
        assert_eq!(
            (kib::<p256::NistP256>(Tables::Compact), kib::<p384::NistP384>(Tables::Compact)),
            (59, 126)
        );
        assert_eq!((kib::<p256::NistP256>(Tables::Fast), kib::<p384::NistP384>(Tables::Fast)), (288, 624));
    }

    #[test]
    fn a_key_builds_its_table_when_that_pays() {
        let key =
            TabledKey::<p256::NistP256>::new(ProjectivePoint::<p256::NistP256>::generator(), Tables::Fast);
        let signature = Signature::from_scalars([1; 32], [1; 32]).unwrap();
        for _ in 0..USES_BEFORE_TABLE {
            assert_eq!(key.verify_by_table(&[0; 32], &signature), None);
        }
        assert_eq!(key.verify_by_table(&[0; 32], &signature), Some(false));
        let never = key.with_tables(Tables::Never);
        never.prepare();
        assert!((0..20).all(|_| never.verify_by_table(&[0; 32], &signature).is_none()));
    }

    fn scalar<C: Curve>(bytes: &[u8]) -> Scalar<C> {
        to_scalar::<C>(bytes)
    }

    proptest! {
        #[test]
        fn digits_sum_up(bytes: [u8; 16], window_bits in 4_u32..10) {
            let number = u128::from_be_bytes(bytes) >> 1;
            let mut sum = 0_i128;
            for (index, digit) in digits(&number.to_be_bytes(), window_bits).enumerate() {
                let half = 1 << (window_bits - 1);
                prop_assert!((1 - half..=half).contains(&digit));
                sum = sum.wrapping_add(i128::from(digit) << (window_bits as usize * index).min(127));
            }
            prop_assert_eq!(sum, number as i128);
        }

        #[test]
        fn random_signatures_get_the_librarys_verdict(
            key: [u8; 32], digest: [u8; 32], nonce: [u8; 32], flip in 0_usize..512, is_flipped: bool,
        ) {
            use p256::NistP256 as C;
            let (key, nonce) = (scalar::<C>(&key), scalar::<C>(&nonce));
            prop_assume!(!bool::from(key.is_zero()) && !bool::from(nonce.is_zero()));
            let point = ProjectivePoint::<C>::generator() * key;
            let r = scalar::<C>(&(ProjectivePoint::<C>::generator() * nonce).to_affine().x());
            let s = elliptic_curve::Field::invert(&nonce).unwrap() * (scalar::<C>(&digest) + r * key);
            let mut bytes = [r.to_repr(), s.to_repr()].concat();
            if is_flipped {
                bytes[flip / 8] ^= 1 << (flip % 8);
            }
            let Ok(signature) = Signature::<C>::from_slice(&bytes) else { return Ok(()) };
            let table = Multiples::<C>::new(point, 5);
            let verdict = verify_prehashed(C::generator(), &table, &digest, &signature);
            prop_assert_eq!(verdict, ecdsa::hazmat::verify_prehashed(&point, &digest, &signature).is_ok());
            prop_assert_eq!(verdict, !is_flipped);
        }
    }

    #[test]
    fn signatures_that_lead_to_infinity_or_beyond_the_order_are_judged_as_the_library_does() {
        use p256::NistP256 as C;
        // With the key -G, u1 = u2 gives the point at infinity.
        let minus_one = -ProjectivePoint::<C>::generator();
        let digest = [7; 32];
        let r = scalar::<C>(&digest);
        let signature = Signature::<C>::from_scalars(r, Scalar::<C>::from(5_u64)).unwrap();
        let table = Multiples::<C>::new(minus_one, 5);
        assert!(!verify_prehashed(C::generator(), &table, &digest, &signature));
        assert!(ecdsa::hazmat::verify_prehashed(&minus_one, &digest, &signature).is_err());
        // Every digest is a number: all ones, which is above the order, and nothing at all.
        for digest in [&[0xff; 32][..], &[0xff; 48], &[], &[1; 20]] {
            let key = ProjectivePoint::<C>::generator() * Scalar::<C>::from(11_u64);
            let table = Multiples::<C>::new(key, 5);
            let nonce = Scalar::<C>::from(3_u64);
            let r = scalar::<C>(&(ProjectivePoint::<C>::generator() * nonce).to_affine().x());
            let s = elliptic_curve::Field::invert(&nonce).unwrap()
                * (scalar::<C>(digest) + r * Scalar::<C>::from(11_u64));
            let signature = Signature::<C>::from_scalars(r, s).unwrap();
            assert!(verify_prehashed(C::generator(), &table, digest, &signature));
            assert!(ecdsa::hazmat::verify_prehashed(&key, digest, &signature).is_ok());
        }
    }
}
