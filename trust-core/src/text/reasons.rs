//! [`Reasons`]: an error and everything beneath it, in one line.

use core::error::Error;
use core::fmt;

/// Displays an error and its sources, outermost first: `a: b: c`.
///
/// Errors here do not repeat their source in their own text, so that nothing is said twice.
#[derive(Clone, Copy, Debug)]
pub struct Reasons<'a>(pub &'a dyn Error);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DigestError, ImageRefError};

    #[test]
    fn sources_follow_the_error() {
        let source = DigestError::Algorithm { found: "md5".to_owned() };
        let error = ImageRefError::Digest { found: "a@md5:0".to_owned(), source: source.clone() };
        assert_eq!(Reasons(&error).to_string(), format!("the digest of `a@md5:0` cannot be used: {source}"));
    }
}
