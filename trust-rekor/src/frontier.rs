//! [`Frontier`]: a tree that grows leaf by leaf, of which only the right border is kept
//! ([compact ranges](https://github.com/transparency-dev/merkle/blob/main/docs/compact_ranges.md)).

use crate::merkle::{self, Hash};

/// The roots of the complete subtrees that a tree is made of, largest first: enough to append, and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of `size` leaves with these subtrees; `None` unless there is one for each bit of `size`.
    #[must_use]
    pub fn from_parts(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        let expected = usize::try_from(size.count_ones()).ok()?;
        (subtrees.len() == expected).then_some(Self { size, subtrees })
    }

    /// Appends a leaf; `None` if the tree cannot grow any more.
    #[must_use]
    pub fn append(mut self, leaf: Hash) -> Option<Self> {
        let size = self.size.checked_add(1)?;
        let mut node = leaf;
        // Each trailing one of the old size is a complete subtree that the new leaf completes to the next larger one.
        for _ in 0..self.size.trailing_ones() {
            node = merkle::node_hash(&self.subtrees.pop()?, &node);
        }
        self.subtrees.push(node);
        self.size = size;
        Some(self)
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees, largest first.
    #[must_use]
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.subtrees.iter().rev();
        match smallest_first.next() {
            None => merkle::empty_root(),
            Some(smallest) => smallest_first.fold(*smallest, |right, left| merkle::node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_root_is_that_of_the_tree() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for number in 0_u64..130 {
            assert_eq!((frontier.size(), frontier.root()), (number, root(&leaves)));
            let again = Frontier::from_parts(number, frontier.subtrees().to_vec());
            assert_eq!(again.as_ref(), Some(&frontier));
            let leaf = merkle::leaf_hash(&number.to_be_bytes());
            leaves.push(leaf);
            frontier = frontier.append(leaf).unwrap();
        }
        assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), None);
    }

    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => merkle::empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                merkle::node_hash(&root(left), &root(right))
            }
        }
    }
}
