//! [`Field`]: numbers modulo the prime of a curve, by fiat-crypto, whose code is generated together with a proof.

use fiat_crypto::{p256_64 as fiat_p256, p384_64 as fiat_p384};

/// An element of the field that a curve is over.
pub(crate) trait Field: Copy + PartialEq + Send + Sync + 'static {
    const ZERO: Self;

    fn one() -> Self;

    /// Reads a big-endian number; `None` if it is not below the prime, or has another length than the prime.
    fn from_be_bytes(bytes: &[u8]) -> Option<Self>;

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn neg(self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn square(self) -> Self;

    /// The inverse; of zero it is zero.
    fn invert(self) -> Self;

    fn double(self) -> Self {
        self.add(self)
    }

    fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

macro_rules! field {
    (
        $doc:literal $name:ident, $limbs:literal limbs, $len:literal bytes, modulo $prime:expr;
        $module:ident: $montgomery:ident, $plain:ident, $from_bytes:ident, $to_montgomery:ident, $set_one:ident,
        $add:ident, $sub:ident, $opp:ident, $mul:ident, $square:ident
    ) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name([u64; $limbs]);

        impl $name {
            /// The prime, in big-endian bytes.
            pub(crate) const PRIME: [u8; $len] = $prime;

            fn by(operation: impl FnOnce(&mut $module::$montgomery)) -> Self {
                let mut out = $module::$montgomery([0; $limbs]);
                operation(&mut out);
                Self(out.0)
            }

            fn fiat(self) -> $module::$montgomery {
                $module::$montgomery(self.0)
            }
        }

        impl Field for $name {
            const ZERO: Self = Self([0; $limbs]);

            fn one() -> Self {
                Self::by(|out| $module::$set_one(out))
            }

            fn from_be_bytes(bytes: &[u8]) -> Option<Self> {
                let mut bytes = <[u8; $len]>::try_from(bytes).ok().filter(|bytes| *bytes < Self::PRIME)?;
                bytes.reverse();
                let mut plain = $module::$plain([0; $limbs]);
                $module::$from_bytes(&mut plain.0, &bytes);
                Some(Self::by(|out| $module::$to_montgomery(out, &plain)))
            }

            #[inline]
            fn add(self, other: Self) -> Self {
                Self::by(|out| $module::$add(out, &self.fiat(), &other.fiat()))
            }

            #[inline]
            fn sub(self, other: Self) -> Self {
                Self::by(|out| $module::$sub(out, &self.fiat(), &other.fiat()))
            }

            fn neg(self) -> Self {
                Self::by(|out| $module::$opp(out, &self.fiat()))
            }

            #[inline]
            fn mul(self, other: Self) -> Self {
                Self::by(|out| $module::$mul(out, &self.fiat(), &other.fiat()))
            }

            #[inline]
            fn square(self) -> Self {
                Self::by(|out| $module::$square(out, &self.fiat()))
            }

            fn invert(self) -> Self {
                // Fermat: the power with the prime less two. Both primes end in 0xff, so nothing is borrowed.
                let mut power = Self::one();
                for (index, &byte) in Self::PRIME.iter().enumerate() {
                    let byte = if index + 1 == Self::PRIME.len() { byte - 2 } else { byte };
                    for bit in (0..8).rev() {
                        power = power.square();
                        if byte >> bit & 1 == 1 {
                            power = power.mul(self);
                        }
                    }
                }
                power
            }
        }
    };
}

field! {
    "Modulo the prime of P-256." P256Field, 4 limbs, 32 bytes, modulo [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    fiat_p256: fiat_p256_montgomery_domain_field_element, fiat_p256_non_montgomery_domain_field_element,
    fiat_p256_from_bytes, fiat_p256_to_montgomery, fiat_p256_set_one,
    fiat_p256_add, fiat_p256_sub, fiat_p256_opp, fiat_p256_mul, fiat_p256_square
}

field! {
    "Modulo the prime of P-384." P384Field, 6 limbs, 48 bytes, modulo [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    ];
    fiat_p384: fiat_p384_montgomery_domain_field_element, fiat_p384_non_montgomery_domain_field_element,
    fiat_p384_from_bytes, fiat_p384_to_montgomery, fiat_p384_set_one,
    fiat_p384_add, fiat_p384_sub, fiat_p384_opp, fiat_p384_mul, fiat_p384_square
}
