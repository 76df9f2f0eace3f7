//! Points of y² = x³ - 3x + b, added and doubled in variable time: every point here is public.
//!
//! The formulas are those of the [Explicit-Formulas Database](https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-3.html)
//! for Jacobian coordinates with a = -3. They leave out the cases that are named where they are handled.

use super::field::Field;

/// A point other than infinity, by its coordinates.
#[derive(Clone, Copy)]
pub(crate) struct AffinePoint<F> {
    pub(crate) x: F,
    pub(crate) y: F,
}

/// A point (x, y) as (X, Y, Z) with x = X / Z² and y = Y / Z³; infinity has Z = 0.
#[derive(Clone, Copy)]
pub(crate) struct Point<F> {
    pub(crate) x: F,
    pub(crate) y: F,
    pub(crate) z: F,
}

impl<F: Field> AffinePoint<F> {
    /// Reads an uncompressed point (SEC 1 section 2.3.4), which the caller found to be on the curve.
    pub(crate) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        let (4, coordinates) = bytes.split_first()? else { return None };
        let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
        Some(Self { x: F::from_be_bytes(x)?, y: F::from_be_bytes(y)? })
    }

    pub(crate) fn neg(self) -> Self {
        Self { x: self.x, y: self.y.neg() }
    }
}

impl<F: Field> From<AffinePoint<F>> for Point<F> {
    fn from(point: AffinePoint<F>) -> Self {
        Self { x: point.x, y: point.y, z: F::one() }
    }
}

impl<F: Field> Point<F> {
    pub(crate) fn infinity() -> Self {
        Self { x: F::one(), y: F::one(), z: F::ZERO }
    }

    pub(crate) fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }

    pub(crate) fn neg(self) -> Self {
        Self { y: self.y.neg(), ..self }
    }

    /// Whether x, as a number in the field, is this one. Infinity has no x.
    pub(crate) fn has_x(&self, x: F) -> bool {
        !self.is_infinity() && self.x == x.mul(self.z.square())
    }

    /// `dbl-2001-b`; it holds for infinity too, and there is no point of order two.
    #[inline]
    pub(crate) fn double(self) -> Self {
        let (delta, gamma) = (self.z.square(), self.y.square());
        let beta = self.x.mul(gamma);
        let difference = self.x.sub(delta).mul(self.x.add(delta));
        let alpha = difference.double().add(difference);
        let four_beta = beta.double().double();
        let x = alpha.square().sub(four_beta.double());
        let z = self.y.add(self.z).square().sub(gamma).sub(delta);
        let eight_gamma_squared = gamma.square().double().double().double();
        let y = alpha.mul(four_beta.sub(x)).sub(eight_gamma_squared);
        Self { x, y, z }
    }

    /// `add-2007-bl`, but for infinity, equal and opposite points.
    #[inline]
    pub(crate) fn add(self, other: &Self) -> Self {
        if self.is_infinity() {
            return *other;
        }
        if other.is_infinity() {
            return self;
        }
        let (z1_squared, z2_squared) = (self.z.square(), other.z.square());
        let (u1, u2) = (self.x.mul(z2_squared), other.x.mul(z1_squared));
        let s1 = self.y.mul(other.z).mul(z2_squared);
        let s2 = other.y.mul(self.z).mul(z1_squared);
        let (h, r) = (u2.sub(u1), s2.sub(s1).double());
        if h.is_zero() {
            return if r.is_zero() { self.double() } else { Self::infinity() };
        }
        let i = h.double().square();
        let (j, v) = (h.mul(i), u1.mul(i));
        let x = r.square().sub(j).sub(v.double());
        let y = r.mul(v.sub(x)).sub(s1.mul(j).double());
        let z = self.z.add(other.z).square().sub(z1_squared).sub(z2_squared).mul(h);
        Self { x, y, z }
    }

    /// `madd-2007-bl`, but for infinity, equal and opposite points.
    #[inline]
    pub(crate) fn add_affine(self, other: &AffinePoint<F>) -> Self {
        if self.is_infinity() {
            return (*other).into();
        }
        let z_squared = self.z.square();
        let u2 = other.x.mul(z_squared);
        let s2 = other.y.mul(self.z).mul(z_squared);
        let (h, r) = (u2.sub(self.x), s2.sub(self.y).double());
        if h.is_zero() {
            return if r.is_zero() { self.double() } else { Self::infinity() };
        }
        let h_squared = h.square();
        let i = h_squared.double().double();
        let (j, v) = (h.mul(i), self.x.mul(i));
        let x = r.square().sub(j).sub(v.double());
        let y = r.mul(v.sub(x)).sub(self.y.mul(j).double());
        let z = self.z.add(h).square().sub(z_squared).sub(h_squared);
        Self { x, y, z }
    }
}

/// The coordinates of points other than infinity, by one inversion for all (Montgomery's trick).
pub(crate) fn to_affine<F: Field>(points: &[Point<F>]) -> Vec<AffinePoint<F>> {
    let mut products = Vec::with_capacity(points.len());
    let mut product = F::one();
    for point in points {
        products.push(product);
        product = product.mul(point.z);
    }
    let mut inverse = product.invert();
    let mut affine = Vec::with_capacity(points.len());
    for (point, before) in points.iter().zip(products).rev() {
        let z_inverse = inverse.mul(before);
        inverse = inverse.mul(point.z);
        let squared = z_inverse.square();
        affine.push(AffinePoint { x: point.x.mul(squared), y: point.y.mul(squared).mul(z_inverse) });
    }
    affine.reverse();
    affine
}
