//! The points and products of real curves, on a curve so small that every case is tried and compared with repeated addition by
//! the textbook's formulas: y² = x³ - 3x + 7 modulo 499, whose 457 points are a group of prime order.

use super::field::Field;
use super::multiples::{Multiples, product};
use super::point::{AffinePoint, Point, to_affine};

const PRIME: u32 = 499;
const ORDER: usize = 457;
const B: u32 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tiny(u32);

impl Field for Tiny {
    const ZERO: Self = Self(0);

    fn one() -> Self {
        Self(1)
    }

    fn from_be_bytes(bytes: &[u8]) -> Option<Self> {
        let number = u16::from_be_bytes(bytes.try_into().ok()?).into();
        (number < PRIME).then_some(Self(number))
    }

    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0) % PRIME)
    }

    fn sub(self, other: Self) -> Self {
        Self((self.0 + PRIME - other.0) % PRIME)
    }

    fn neg(self) -> Self {
        Self::ZERO.sub(self)
    }

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0 % PRIME)
    }

    fn square(self) -> Self {
        self.mul(self)
    }

    fn invert(self) -> Self {
        (0..9).rev().fold(Self::one(), |power, bit| match (PRIME - 2) >> bit & 1 {
            1 => power.square().mul(self),
            _ => power.square(),
        })
    }
}

/// A point as the textbook has it; `None` is infinity.
type Plain = Option<(Tiny, Tiny)>;

/// Chord and tangent.
fn sum(a: Plain, b: Plain) -> Plain {
    let (Some((x1, y1)), Some((x2, y2))) = (a, b) else { return a.or(b) };
    if x1 == x2 && y1 != y2 {
        return None;
    }
    let slope = match x1 == x2 {
        true => Tiny(3).mul(x1.square()).sub(Tiny(3)).mul(y1.double().invert()),
        false => y2.sub(y1).mul(x2.sub(x1).invert()),
    };
    let x = slope.square().sub(x1).sub(x2);
    Some((x, slope.mul(x1.sub(x)).sub(y1)))
}

/// All points, each the multiple of one by its place: the first is infinity.
fn multiples() -> Vec<Plain> {
    let right = |x: Tiny| x.square().mul(x).sub(Tiny(3).mul(x)).add(Tiny(B));
    let points = (0..PRIME).flat_map(|x| (0..PRIME).map(move |y| (Tiny(x), Tiny(y))));
    let generator = points.into_iter().find(|(x, y)| y.square() == right(*x)).unwrap();
    let all = core::iter::successors(Some(None), |point| Some(sum(*point, Some(generator)))).take(ORDER);
    let all: Vec<Plain> = all.collect();
    assert!(all.iter().flatten().all(|(x, y)| y.square() == right(*x)));
    assert_eq!(sum(all[ORDER - 1], Some(generator)), None, "the order is not {ORDER}");
    all
}

/// The point with this Z.
fn scaled(point: Plain, z: u32) -> Point<Tiny> {
    let Some((x, y)) = point else { return Point::infinity() };
    let z = Tiny(z);
    Point { x: x.mul(z.square()), y: y.mul(z.square().mul(z)), z }
}

fn affine(point: Plain) -> Option<AffinePoint<Tiny>> {
    point.map(|(x, y)| AffinePoint { x, y })
}

fn plain(point: &Point<Tiny>) -> Plain {
    (!point.is_infinity()).then(|| {
        let point = to_affine(&[*point])[0];
        (point.x, point.y)
    })
}

#[test]
fn every_pair_of_points_has_the_textbooks_sum() {
    let all = multiples();
    for (i, &a) in all.iter().enumerate() {
        // Different Z on both sides, and one.
        let first = scaled(a, 1 + i as u32 % (PRIME - 1));
        assert_eq!(plain(&first), a);
        assert_eq!(plain(&first.neg()), all[(ORDER - i) % ORDER]);
        assert_eq!(plain(&first.double()), sum(a, a));
        for x in 0..PRIME {
            assert_eq!(first.has_x(Tiny(x)), a.is_some_and(|point| point.0 == Tiny(x)));
        }
        for (j, &b) in all.iter().enumerate() {
            let expected = all[(i + j) % ORDER];
            let second = scaled(b, 1 + (i * 7 + j * 5) as u32 % (PRIME - 1));
            assert_eq!(plain(&first.add(&second)), expected, "{i} and {j}");
            if let Some(b) = affine(b) {
                assert_eq!(plain(&first.add_affine(&b)), expected, "{i} and {j}");
            }
        }
    }
}

#[test]
fn every_product_by_every_window_is_a_repeated_sum() {
    let all = multiples();
    let numbers = 0..=ORDER / 2;
    for (i, &point) in all.iter().enumerate().skip(1) {
        let point = affine(point).unwrap();
        for window_bits in 4..=8 {
            // As many bits as the order has.
            let table = Multiples::new(point, 9, window_bits);
            for number in numbers.clone() {
                let bytes = (number as u16).to_be_bytes();
                // Added to some other point.
                let other = (i * 3 + number) % ORDER;
                for (is_negative, expected) in
                    [(false, other + i * number), (true, other + i * (ORDER - number))]
                {
                    let found = table.add_product(&bytes, is_negative, scaled(all[other], 2)).unwrap();
                    assert_eq!(plain(&found), all[expected % ORDER], "{i} times {number}, {window_bits}");
                }
            }
        }
        for number in 0..2 * ORDER {
            let bytes = (number as u16).to_be_bytes();
            for (is_negative, expected) in [(false, i * number), (true, (ORDER - i) * number)] {
                let found = product(point, &bytes, is_negative).unwrap();
                assert_eq!(plain(&found), all[expected % ORDER], "{i} times {number}");
            }
        }
    }
}

#[test]
fn what_is_longer_than_the_table_has_no_product() {
    let point = affine(multiples()[1]).unwrap();
    let table = Multiples::new(point, 8, 4);
    assert!(table.add_product(&0x0077_u16.to_be_bytes(), false, Point::infinity()).is_some());
    assert!(table.add_product(&0x0100_u16.to_be_bytes(), false, Point::infinity()).is_none());
}
