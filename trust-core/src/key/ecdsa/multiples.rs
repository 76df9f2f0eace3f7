//! Products of points and numbers: by a table of the point's multiples, or by doubling.

use super::field::Field;
use super::point::{self, AffinePoint, Point};

/// Width of the windows where there is no table.
const FRESH_WINDOW_BITS: usize = 5;

/// Multiples of one point P: for the window `i`, d·2^(w·i)·P for every d from 1 to 2^(w-1). A product is a sum of one
/// entry for each window, without doublings.
pub(crate) struct Multiples<F> {
    window_bits: usize,
    entries: Vec<AffinePoint<F>>,
}

impl<F: Field> Multiples<F> {
    /// Computes the table for numbers of so many bits.
    pub(crate) fn new(point: AffinePoint<F>, number_bits: usize, window_bits: usize) -> Self {
        let per_window = 1_usize << (window_bits - 1);
        let windows = number_bits.div_ceil(window_bits);
        let mut multiples = Vec::with_capacity(per_window * windows);
        let mut base = Point::from(point);
        for _ in 0..windows {
            let mut multiple = base;
            multiples.push(multiple);
            for _ in 1..per_window {
                multiple = multiple.add(&base);
                multiples.push(multiple);
            }
            base = multiple.double();
        }
        Self { window_bits, entries: point::to_affine(&multiples) }
    }

    /// Adds to `sum` the product with a big-endian number, which is below half the group's order; `None` if it is longer than
    /// the table.
    pub(crate) fn add_product(
        &self,
        number: &[u8],
        is_negative: bool,
        mut sum: Point<F>,
    ) -> Option<Point<F>> {
        let per_window = 1_usize << (self.window_bits - 1);
        for (window, digit) in digits(number, self.window_bits).enumerate() {
            if let Some(index) = digit.unsigned_abs().checked_sub(1) {
                let multiple = *self.entries.get(window * per_window + index as usize)?;
                sum = sum.add_affine(&if (digit < 0) == is_negative { multiple } else { multiple.neg() });
            }
        }
        Some(sum)
    }

    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        size_of_val(&self.entries[..])
    }
}

/// The digits of a number, the lowest first: each from -2^(w-1) + 1 to 2^(w-1).
fn digits(number: &[u8], window_bits: usize) -> impl Iterator<Item = i32> {
    let mut carry = 0;
    (0..(number.len() * 8).div_ceil(window_bits) + 1).map(move |window| {
        let digit = bits(number, window * window_bits, window_bits) + carry;
        carry = i32::from(digit > 1 << (window_bits - 1));
        digit - (carry << window_bits)
    })
}

/// So many bits of a big-endian number from this one on, counted from the lowest; beyond its end there are zeros.
fn bits(number: &[u8], from: usize, len: usize) -> i32 {
    let byte = |index: usize| {
        let position = number.len().checked_sub(index + 1);
        u32::from(position.and_then(|position| number.get(position)).copied().unwrap_or_default())
    };
    let first = from / 8;
    let word = byte(first) | byte(first + 1) << 8 | byte(first + 2) << 16;
    // At most ten bits, so it fits.
    (word >> (from % 8) & ((1 << len) - 1)) as i32
}

/// The product with a big-endian number, by doubling, for a point that has no table (windowed non-adjacent form).
pub(crate) fn product<F: Field>(point: AffinePoint<F>, number: &[u8], is_negative: bool) -> Option<Point<F>> {
    let point = Point::from(point);
    let twice = point.double();
    // The odd multiples up to 15.
    let odd: Vec<_> = core::iter::successors(Some(point), |last| Some(last.add(&twice)))
        .take(1 << (FRESH_WINDOW_BITS - 2))
        .collect();
    let mut sum = Point::infinity();
    for digit in sparse_digits(number).into_iter().rev() {
        sum = sum.double();
        if digit != 0 {
            let multiple = *odd.get(digit.unsigned_abs() as usize / 2)?;
            sum = sum.add(&if (digit < 0) == is_negative { multiple } else { multiple.neg() });
        }
    }
    Some(sum)
}

/// One digit for each bit, the lowest first: odd and below 2^(w-1) in size, or zero, with w - 1 zeros after each other.
fn sparse_digits(number: &[u8]) -> Vec<i32> {
    let len = number.len() * 8 + 1;
    let mut digits = Vec::with_capacity(len + FRESH_WINDOW_BITS);
    let mut carry = 0;
    while digits.len() < len {
        if bits(number, digits.len(), 1) == carry {
            digits.push(0);
            continue;
        }
        let digit = bits(number, digits.len(), FRESH_WINDOW_BITS) + carry;
        carry = digit >> (FRESH_WINDOW_BITS - 1) & 1;
        digits.push(digit - (carry << FRESH_WINDOW_BITS));
        digits.extend([0; FRESH_WINDOW_BITS - 1]);
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The number that the digits of these weights stand for, modulo 2^128.
    fn sum(digits: impl IntoIterator<Item = i32>, bits: usize) -> u128 {
        digits.into_iter().enumerate().fold(0, |sum: u128, (index, digit)| {
            let weight = 1_u128.checked_shl(u32::try_from(bits * index).unwrap()).unwrap_or_default();
            sum.wrapping_add((i128::from(digit) as u128).wrapping_mul(weight))
        })
    }

    proptest! {
        #[test]
        fn digits_are_small_and_sum_up(number: u128, window_bits in 4_usize..10) {
            let bytes = number.to_be_bytes();
            let half = 1 << (window_bits - 1);
            prop_assert!(digits(&bytes, window_bits).all(|digit| (1 - half..=half).contains(&digit)));
            prop_assert_eq!(sum(digits(&bytes, window_bits), window_bits), number);
        }

        #[test]
        fn sparse_digits_are_odd_and_far_apart_and_sum_up(number: u128) {
            let digits = sparse_digits(&(number >> 1).to_be_bytes());
            prop_assert_eq!(sum(digits.iter().copied(), 1), number >> 1);
            let places: Vec<usize> = (0..digits.len()).filter(|&place| digits[place] != 0).collect();
            prop_assert!(places.iter().all(|&place| digits[place] % 2 != 0 && digits[place].abs() < 16));
            prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= FRESH_WINDOW_BITS));
        }
    }
}
