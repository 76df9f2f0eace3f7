//! Where test vectors by third parties are: in `$TRUST_VECTORS`, or in `../shared/vectors` beside the repository.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file or folder of the vectors; `None` where there are none, which is an error in CI.
pub fn vectors(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRUST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no vectors at {}", path.display());
    // Past the capture of passing tests: that something was not tested must be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: no vectors at {}; set TRUST_VECTORS", path.display());
    None
}
