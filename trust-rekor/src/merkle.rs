//! Merkle trees of transparency logs: hashes and proofs
//! ([RFC 9162 section 2.1](https://www.rfc-editor.org/rfc/rfc9162#section-2.1), the same tree as RFC 6962).

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A node of the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut message = [1; 65];
    let (_, children) = message.split_at_mut(1);
    let (left_half, right_half) = children.split_at_mut(32);
    left_half.copy_from_slice(left);
    right_half.copy_from_slice(right);
    Sha256::digest(message).into()
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf is not in a tree of this size.
    #[error("leaf index is {index}, expected less than the tree size {size}")]
    Index {
        /// Index of the leaf.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The trees are the wrong way round, or the older one is empty and proves nothing.
    #[error("older tree has size {old}, expected 1 to {new}")]
    Sizes {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// The proof has too few or too many hashes for these sizes.
    #[error("proof has {found} hashes, expected {expected}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// The hashes lead to another root.
    #[error("proof leads to another root hash")]
    Root,
}

/// Proves that a leaf is in the tree of `size` leaves with this `root`, at `index`.
///
/// `size` and `root` must come from a verified checkpoint: a proof says nothing about where they are from.
///
/// # Errors
/// If the index is outside the tree, or the proof has another length or leads to another root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let inner = bit_length(index ^ (size - 1));
    let border = shifted(index, inner).count_ones();
    let inner = proof_split(proof, inner, border)?;
    let (below, border) = proof.split_at_checked(inner).unwrap_or((proof, &[]));
    let at_subtree = chain_inner(*leaf, below, index);
    if chain_right(at_subtree, border) == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Proves that the tree of `old_size` leaves with `old_root` is the beginning of the tree of `new_size` with `new_root`.
///
/// # Errors
/// If the older tree is empty or larger, or the proof has another length or leads to other roots.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old_size == 0 || old_size > new_size {
        return Err(ProofError::Sizes { old: old_size, new: new_size });
    }
    if old_size == new_size {
        return match proof.len() {
            0 if old_root == new_root => Ok(()),
            0 => Err(ProofError::Root),
            found => Err(ProofError::Length { found, expected: 0 }),
        };
    }
    let last = old_size - 1;
    let inner = bit_length(last ^ (new_size - 1));
    let border = shifted(last, inner).count_ones();
    // A complete subtree at the end of the older tree is the seed; if it is the whole tree, its root is known.
    let complete = old_size.trailing_zeros();
    let has_seed = !old_size.is_power_of_two();
    let expected = hash_count(inner - complete, border) + usize::from(has_seed);
    if proof.len() != expected {
        return Err(ProofError::Length { found: proof.len(), expected });
    }
    let (seed, hashes) = match proof.split_first() {
        Some(split) if has_seed => split,
        _ => (old_root, proof),
    };
    let (below, border) = hashes.split_at_checked(hash_count(inner - complete, 0)).unwrap_or((hashes, &[]));
    let position = last >> complete;
    let old = chain_right(chain_inner_right(*seed, below, position), border);
    let new = chain_right(chain_inner(*seed, below, position), border);
    if old == *old_root && new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The number of hashes below the border, if the proof has as many as it must.
fn proof_split(proof: &[Hash], inner: u32, border: u32) -> Result<usize, ProofError> {
    let expected = hash_count(inner, border);
    if proof.len() == expected {
        Ok(hash_count(inner, 0))
    } else {
        Err(ProofError::Length { found: proof.len(), expected })
    }
}

fn hash_count(inner: u32, border: u32) -> usize {
    usize::try_from(inner + border).unwrap_or(usize::MAX)
}

fn bit_length(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// `value >> by`, also where `by` is 64.
fn shifted(value: u64, by: u32) -> u64 {
    value.checked_shr(by).unwrap_or(0)
}

/// Climbs from a node at `position` of its level, with a sibling on the side that the position says.
fn chain_inner(seed: Hash, siblings: &[Hash], position: u64) -> Hash {
    let mut bits = position;
    siblings.iter().fold(seed, |node, sibling| {
        let is_right = bits & 1 == 1;
        bits >>= 1;
        if is_right { node_hash(sibling, &node) } else { node_hash(&node, sibling) }
    })
}

/// Likewise, in the older tree, which has no right siblings yet.
fn chain_inner_right(seed: Hash, siblings: &[Hash], position: u64) -> Hash {
    let mut bits = position;
    siblings.iter().fold(seed, |node, sibling| {
        let is_right = bits & 1 == 1;
        bits >>= 1;
        if is_right { node_hash(sibling, &node) } else { node }
    })
}

/// Climbs along the right border, where siblings are on the left.
fn chain_right(seed: Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().fold(seed, |node, sibling| node_hash(sibling, &node))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9162 section 2.1.1, word by word.
    fn tree_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&tree_root(left), &tree_root(right))
            }
        }
    }

    /// The largest power of two smaller than `len`.
    fn split(len: usize) -> usize {
        len.next_power_of_two() / 2
    }

    /// RFC 9162 section 2.1.3.1.
    fn inclusion_proof(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut proof, sibling) = if index < left.len() {
            (inclusion_proof(index, left), tree_root(right))
        } else {
            (inclusion_proof(index - left.len(), right), tree_root(left))
        };
        proof.push(sibling);
        proof
    }

    /// RFC 9162 section 2.1.4.1.
    fn consistency_proof(old: usize, leaves: &[Hash], is_subtree_of_old: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if is_subtree_of_old { Vec::new() } else { vec![tree_root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut proof, sibling) = if old <= left.len() {
            (consistency_proof(old, left, is_subtree_of_old), tree_root(right))
        } else {
            (consistency_proof(old - left.len(), right, false), tree_root(left))
        };
        proof.push(sibling);
        proof
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn included(leaf: &Hash, index: usize, size: usize, proof: &[Hash], root: &Hash) -> bool {
        verify_inclusion(leaf, index as u64, size as u64, proof, root).is_ok()
    }

    #[test]
    fn every_proof_of_the_reference_tree_holds() {
        for size in 1..=300 {
            let leaves = leaves(size);
            let root = tree_root(&leaves);
            for index in 0..size {
                let proof = inclusion_proof(index, &leaves);
                assert!(included(&leaves[index], index, size, &proof, &root));
            }
            // Every pair of small trees, and of those around each power of two.
            let sizes = if size <= 70 || size % 64 <= 1 || size == 300 { 1..=size } else { size..=size };
            for old in sizes {
                let (old_root, proof) = (tree_root(&leaves[..old]), consistency_proof(old, &leaves, true));
                let held = verify_consistency(old as u64, size as u64, &proof, &old_root, &root);
                assert_eq!(held, Ok(()), "{old} in {size}");
            }
        }
    }

    #[test]
    fn sizes_at_the_limits_do_not_overflow() {
        let hash = [0; 32];
        assert_eq!(
            verify_inclusion(&hash, u64::MAX, u64::MAX, &[], &hash),
            Err(ProofError::Index { index: u64::MAX, size: u64::MAX })
        );
        assert_eq!(
            verify_inclusion(&hash, u64::MAX - 1, u64::MAX, &[], &hash),
            Err(ProofError::Length { found: 0, expected: 63 })
        );
        assert_eq!(verify_consistency(0, 0, &[], &hash, &hash), Err(ProofError::Sizes { old: 0, new: 0 }));
        assert_eq!(
            verify_consistency(3, u64::MAX, &[], &hash, &hash),
            Err(ProofError::Length { found: 0, expected: 65 })
        );
    }

    #[test]
    fn two_trees_of_one_size_are_one_or_a_split_view() {
        let (one, other) = ([1; 32], [2; 32]);
        for size in [1, 2, 3, 1000, u64::MAX] {
            assert_eq!(verify_consistency(size, size, &[], &one, &one), Ok(()));
            assert_eq!(verify_consistency(size, size, &[], &one, &other), Err(ProofError::Root));
            let more = Err(ProofError::Length { found: 1, expected: 0 });
            assert_eq!(verify_consistency(size, size, &[one], &one, &one), more);
        }
        assert_eq!(verify_consistency(3, 2, &[], &one, &one), Err(ProofError::Sizes { old: 3, new: 2 }));
        assert_eq!(verify_consistency(0, 1, &[], &one, &one), Err(ProofError::Sizes { old: 0, new: 1 }));
        // A tree of one leaf is its leaf.
        assert_eq!(verify_inclusion(&one, 0, 1, &[], &one), Ok(()));
        assert_eq!(verify_inclusion(&one, 0, 1, &[], &other), Err(ProofError::Root));
        assert_eq!(
            verify_inclusion(&one, 0, 1, &[one], &one),
            Err(ProofError::Length { found: 1, expected: 0 })
        );
        assert_eq!(verify_inclusion(&one, 0, 0, &[], &one), Err(ProofError::Index { index: 0, size: 0 }));
        assert_eq!(verify_inclusion(&one, 1, 1, &[], &one), Err(ProofError::Index { index: 1, size: 1 }));
    }

    #[test]
    fn an_error_says_how_long_a_proof_must_be() {
        for size in 2..=70_u64 {
            let leaves = leaves(usize::try_from(size).unwrap());
            let root = tree_root(&leaves);
            for old in 1..size {
                let whole = consistency_proof(usize::try_from(old).unwrap(), &leaves, true);
                let old_root = tree_root(&leaves[..usize::try_from(old).unwrap()]);
                for found in 0..whole.len() + 2 {
                    let proof: Vec<Hash> = whole.iter().copied().chain([[0; 32]; 2]).take(found).collect();
                    let length = Err(ProofError::Length { found, expected: whole.len() });
                    let expected = if found == whole.len() { Ok(()) } else { length };
                    let judged = verify_consistency(old, size, &proof, &old_root, &root);
                    assert_eq!(judged, expected, "{old} in {size}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_inclusion_proof_never_holds(
            size in 1_usize..300, pick: prop::sample::Index, node: prop::sample::Index, bit in 0_usize..256,
        ) {
            let leaves = leaves(size);
            let (index, root) = (pick.index(size), tree_root(&leaves));
            let proof = inclusion_proof(index, &leaves);
            prop_assert!(included(&leaves[index], index, size, &proof, &root));

            let flip = |hash: &mut Hash| hash[bit / 8] ^= 1 << (bit % 8);
            let mut other = proof.clone();
            if !other.is_empty() {
                flip(&mut other[node.index(proof.len())]);
                prop_assert!(!included(&leaves[index], index, size, &other, &root));
                prop_assert!(!included(&leaves[index], index, size, &proof[1..], &root));
            }
            let mut longer = proof.clone();
            longer.push([0; 32]);
            prop_assert!(!included(&leaves[index], index, size, &longer, &root));
            let mut other_root = root;
            flip(&mut other_root);
            prop_assert!(!included(&leaves[index], index, size, &proof, &other_root));
            for elsewhere in [index.wrapping_sub(1), index + 1] {
                prop_assert!(!included(&leaves[index], elsewhere, size, &proof, &root));
            }
        }

        #[test]
        fn a_changed_consistency_proof_never_holds(
            new in 2_usize..200, old: prop::sample::Index, node: prop::sample::Index, bit in 0_usize..256,
        ) {
            let leaves = leaves(new);
            let old = old.index(new - 1) + 1;
            let (old_root, new_root) = (tree_root(&leaves[..old]), tree_root(&leaves));
            let mut proof = consistency_proof(old, &leaves, true);
            prop_assert_eq!(verify_consistency(old as u64, new as u64, &proof, &old_root, &new_root), Ok(()));
            let len = proof.len();
            proof[node.index(len)][bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(
                verify_consistency(old as u64, new as u64, &proof, &old_root, &new_root),
                Err(ProofError::Root)
            );
        }
    }
}
