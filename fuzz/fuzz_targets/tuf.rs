//! Any metadata, changed where it is signed: nothing is accepted but what was signed, and no older than before.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{TufFiles, TufUpdate, UnixTime};
use trust_testkit::tuf::{Repository, target};

const NOW: UnixTime = UnixTime::from_seconds(1_796_000_000);

static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut repository = Repository::new();
    repository.delegate("targets", &[("one", 10, serde_json::json!({"paths": ["d/*"]}), false)]);
    repository.role("one").targets = serde_json::json!({"d/x": target(b"x")});
    repository.publish();
    repository.files.clone()
});

fuzz_target!(|bytes: &[u8]| {
    // As a root, and as what was kept.
    if let Ok(text) = core::str::from_utf8(bytes) {
        let _ = TufUpdate::new(TufFiles::new(text.as_bytes().to_vec()), NOW);
    }
    let mut next = bytes.iter().copied();
    let root = FILES["1.root.json"].clone();
    let mut files = TufFiles::new(root);
    for role in ["timestamp", "snapshot", "targets"] {
        if next.next().unwrap_or(0) & 1 == 1 {
            files = files.with(role, next.by_ref().take(40).collect());
        }
    }
    let mut update = TufUpdate::new(files, NOW).expect("the root is good");
    update.look_for("d/x");
    let mut asked = 0;
    while let Some(wanted) = update.next() {
        asked += 1;
        assert!(asked < 20, "questions without end");
        let mut content = FILES.get(&wanted.name).cloned();
        let code = next.next().unwrap_or(0);
        let mut is_changed = false;
        if let (1, Some(content)) = (code & 3, &mut content) {
            let at = usize::from(code) * 37 % content.len();
            let before = content[at];
            content[at] ^= next.next().unwrap_or(0);
            is_changed = content[at] != before;
        }
        if update.answer(content.as_deref()).is_err() {
            assert!(is_changed || content.is_none(), "what is good is refused");
            return;
        }
    }
    let found = update.target().expect("the target is listed");
    assert!(found.verify(b"x").is_ok() && found.verify(b"y").is_err());
});
