//! What every program does in the same way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests may

mod program;

use crate::program::{run, stderr, stdout};

const PROGRAMS: [&str; 5] = ["admit", "conformance", "log", "policy", "sbom"];

#[test]
fn every_program_says_what_it_is() {
    for name in PROGRAMS {
        let help = run(name, &["--help"], "");
        assert_eq!((help.status.code(), stderr(&help).as_str()), (Some(0), ""), "{name}");
        assert!(stdout(&help).contains("exit status: 0"), "{name}: {}", stdout(&help));
        let version = run(name, &["--version"], "");
        assert_eq!(version.status.code(), Some(0), "{name}");
        assert!(stdout(&version).starts_with(&format!("{name} ")), "{name}: {}", stdout(&version));
    }
}
