//! Where a log keeps its entries, and how to read them
//! ([C2SP tlog-tiles](https://github.com/C2SP/C2SP/blob/main/tlog-tiles.md)).

use thiserror::Error;

/// Entries in a full bundle.
pub const ENTRIES_PER_BUNDLE: u64 = 256;

/// A bundle of entries that must be fetched to know the entries of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryBundle {
    index: u64,
    width: u64,
}

/// The bytes are not a bundle of so many entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryBundleError {
    /// An entry is cut off.
    #[error("entry bundle ends within entry {index}")]
    Truncated {
        /// Which entry of the bundle.
        index: usize,
    },
    /// There are too few or too many entries.
    #[error("entry bundle has {found} entries, expected {expected}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: u64,
    },
}

impl EntryBundle {
    /// The bundles that hold the entries from `start` up to `size`, in order, for a tree of `size` leaves.
    pub fn covering(start: u64, size: u64) -> impl Iterator<Item = Self> {
        let first = start / ENTRIES_PER_BUNDLE;
        let last = size.div_ceil(ENTRIES_PER_BUNDLE);
        (first..last.max(first)).filter(move |_| start < size).map(move |index| {
            let width = size.saturating_sub(index * ENTRIES_PER_BUNDLE).min(ENTRIES_PER_BUNDLE);
            Self { index, width }
        })
    }

    /// Index of its first entry in the log.
    #[must_use]
    pub fn first_entry(&self) -> u64 {
        self.index * ENTRIES_PER_BUNDLE
    }

    /// Its path below the log's prefix, such as `tile/entries/x001/234.p/7`.
    #[must_use]
    pub fn path(&self) -> String {
        let full = self.full_path();
        if self.width == ENTRIES_PER_BUNDLE { full } else { format!("{full}.p/{}", self.width) }
    }

    /// The path of the full bundle, which replaces the partial one as the log grows.
    #[must_use]
    pub fn full_path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        format!("tile/entries/{}", groups.join("/"))
    }

    /// The entries in a bundle's bytes, each behind its length in 16 bits. Of a bundle that has
    /// grown since, only the first entries count: as many as its path says.
    ///
    /// # Errors
    /// If an entry is cut off, or there are fewer than there must be, or bytes are left over.
    pub fn entries<'a>(&self, mut bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, EntryBundleError> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let truncated = EntryBundleError::Truncated { index: entries.len() };
            let (len, rest) = bytes.split_first_chunk::<2>().ok_or(truncated)?;
            let (entry, rest) =
                rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).ok_or(truncated)?;
            entries.push(entry);
            bytes = rest;
        }
        let found = entries.len();
        let expected = usize::try_from(self.width).unwrap_or(usize::MAX);
        if found < expected || found as u64 > ENTRIES_PER_BUNDLE {
            return Err(EntryBundleError::Count { found, expected: self.width });
        }
        entries.truncate(expected);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(start: u64, size: u64) -> Vec<String> {
        EntryBundle::covering(start, size).map(|bundle| bundle.path()).collect()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(paths(0, 7), ["tile/entries/000.p/7"]);
        assert_eq!(paths(0, 256), ["tile/entries/000"]);
        assert_eq!(paths(255, 300), ["tile/entries/000", "tile/entries/001.p/44"]);
        assert_eq!(paths(256, 300), ["tile/entries/001.p/44"]);
        assert_eq!(paths(7, 7), [""; 0]);
        let bundle = EntryBundle { index: 1_234_067, width: 256 };
        assert_eq!(bundle.path(), "tile/entries/x001/x234/067");
    }

    #[test]
    fn entries_are_behind_their_length() {
        let bundle = EntryBundle { index: 0, width: 2 };
        assert_eq!(bundle.entries(&[0, 1, 9, 0, 0]), Ok(vec![&[9][..], &[]]));
        assert_eq!(bundle.entries(&[0, 1, 9, 0, 0, 0, 1, 8]), Ok(vec![&[9][..], &[]]));
        assert_eq!(bundle.entries(&[0, 1, 9]), Err(EntryBundleError::Count { found: 1, expected: 2 }));
        assert_eq!(bundle.entries(&[0, 2, 9]), Err(EntryBundleError::Truncated { index: 0 }));
        assert_eq!(bundle.entries(&[0]), Err(EntryBundleError::Truncated { index: 0 }));
    }
}
