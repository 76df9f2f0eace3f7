//! Real TUF repositories and one of our own, whole, and with each file changed, withheld or rolled back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::path::Path;

use serde_json::{Value, json};
use trust_core::{Digest, TrustRoot, TufError, TufFiles, TufUpdate, UnixTime};
use trust_testkit::tuf::{Files, Repository, Role, TOP, keys, sign, target};

/// What a client keeps.
#[derive(Clone)]
struct Client {
    root: Vec<u8>,
    kept: Files,
}

impl Client {
    fn new(root: &[u8]) -> Self {
        Self { root: root.to_vec(), kept: Files::new() }
    }

    /// Updates from a repository, keeps what is accepted, and finds a target.
    fn update(&mut self, files: &Files, target: &str, now: &str) -> Result<TufUpdate, TufError> {
        let known = TufFiles::new(self.root.clone());
        let known = self.kept.iter().fold(known, |known, (role, bytes)| known.with(role, bytes.clone()));
        let mut update = TufUpdate::new(known, now.parse::<UnixTime>().unwrap())?;
        update.look_for(target);
        while let Some(wanted) = update.next() {
            let found = files.get(&wanted.name);
            if let Some(accepted) = update.answer(found.map(Vec::as_slice))? {
                let bytes = found.unwrap().clone();
                match accepted.role.as_str() {
                    "root" => self.root = bytes,
                    role => drop(self.kept.insert(role.to_owned(), bytes)),
                }
            }
        }
        Ok(update)
    }
}

fn read_folder(folder: &Path) -> Files {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())
    };
    files.filter(|path| path.is_file()).map(named).collect()
}

fn change(files: &mut Files, name: &str, change: impl FnOnce(&mut Value)) {
    let file = files.get_mut(name).unwrap();
    let mut value = serde_json::from_slice(file).unwrap();
    change(&mut value);
    *file = value.to_string().into_bytes();
}

// Sigstore's public-good repository.

const LAST_ROOT: u64 = 15;
const NOW: &str = "2026-08-25T00:00:00Z";

/// The metadata of the public-good instance, as a client asks for it.
fn public_good() -> Option<Files> {
    let folder = trust_testkit::vectors::vectors("tuf/metadata")?;
    let (mut files, history) = (read_folder(&folder), read_folder(&folder.join("root_history")));
    for role in ["snapshot", "targets"] {
        let file = files.remove(&format!("{role}.json")).unwrap();
        let version = serde_json::from_slice::<Value>(&file).unwrap()["signed"]["version"].clone();
        files.insert(format!("{version}.{role}.json"), file);
    }
    files.extend(history);
    Some(files)
}

fn named<'f>(files: &'f Files, role: &str) -> &'f str {
    files.keys().find(|name| name.ends_with(&format!("{role}.json")) && !name.contains("root.json")).unwrap()
}

#[test]
fn the_public_good_root_follows_from_the_first_one() {
    let Some(files) = public_good() else { return };
    let update = Client::new(&files["1.root.json"]).update(&files, "trusted_root.json", NOW).unwrap();
    assert_eq!(update.root_version(), LAST_ROOT);
    let target = update.target().unwrap();
    let root = trust_testkit::vectors::vectors("trust-roots/public-good.json").unwrap();
    let root = std::fs::read(root).unwrap();
    assert!(TrustRoot::from_json(target.verify(&root).unwrap()).is_ok());
    assert_eq!(target.path(), format!("{}.trusted_root.json", Digest::sha256(&root).to_hex()));
    let changed = [&root[..], b"\n"].concat();
    assert_eq!(target.verify(&changed), Err(TufError::Content { name: "trusted_root.json".to_owned() }));
    for name in ["../trusted_root.json", "/trusted_root.json", ""] {
        let update = Client::new(&files["1.root.json"]).update(&files, name, NOW).unwrap();
        assert!(update.target().is_err(), "{name}");
    }
    // None may be left out.
    for version in 2..=LAST_ROOT {
        let mut files = files.clone();
        let next = files.remove(&format!("{}.root.json", version + 1));
        if let Some(next) = next {
            files.insert(format!("{version}.root.json"), next);
            let refused = Client::new(&files["1.root.json"]).update(&files, "x", NOW);
            assert!(refused.is_err(), "{version}");
        }
    }
}

fn threshold(role: &str, found: usize, expected: usize) -> TufError {
    TufError::Threshold { role: role.to_owned(), found, expected }
}

#[test]
fn changed_metadata_is_refused() {
    let Some(files) = public_good() else { return };
    let under = |role: &str, changed: &dyn Fn(&mut Value)| {
        let mut files = files.clone();
        let name = named(&files, role).to_owned();
        change(&mut files, &name, changed);
        Client::new(&files["15.root.json"]).update(&files, "trusted_root.json", NOW).err()
    };
    for (role, expected) in [("timestamp", 1), ("snapshot", 1), ("targets", 3)] {
        let changed = under(role, &|file| file["signed"]["expires"] = "2036-01-01T00:00:00Z".into());
        assert_eq!(changed, Some(threshold(role, 0, expected)));
    }
    let kind = under("targets", &|file| file["signed"]["_type"] = "snapshot".into());
    assert!(matches!(kind, Some(TufError::Kind { .. })), "{kind:?}");
    let number = under("targets", &|file| file["signed"]["x"] = json!(1.5));
    assert!(matches!(number, Some(TufError::Number { .. })), "{number:?}");
    // Signatures by nobody and in other forms neither count nor harm.
    let more = under("targets", &|file| {
        let list = file["signatures"].as_array_mut().unwrap();
        list.insert(0, json!({"keyid": "00", "sig": "zz"}));
        list.insert(0, json!({"keyid": "01", "sig": ""}));
    });
    assert_eq!(more, None);
}

#[test]
fn rustsec_2020_0024_one_key_counts_once() {
    let Some(files) = public_good() else { return };
    let under = |changed: &dyn Fn(&mut Vec<Value>)| {
        let mut files = files.clone();
        let name = named(&files, "targets").to_owned();
        change(&mut files, &name, |file| changed(file["signatures"].as_array_mut().unwrap()));
        Client::new(&files["15.root.json"]).update(&files, "trusted_root.json", NOW).err().unwrap()
    };
    // Two of the five signers of the targets.
    let few = |list: &mut Vec<Value>| {
        list.retain(|signature| !signature["sig"].as_str().unwrap().is_empty());
        list.truncate(2);
    };
    assert_eq!(under(&few), threshold("targets", 2, 3));
    let repeated = under(&|list| *list = list.iter().take(2).cycle().take(10).cloned().collect());
    assert!(matches!(repeated, TufError::Signatures { .. }), "{repeated:?}");
    let many = under(&|list| list.extend((0..300).map(|key| json!({"keyid": format!("{key}"), "sig": ""}))));
    assert!(many.to_string().contains("expected at most 256"), "{many}");
}

#[test]
fn cve_2026_23992_a_threshold_of_zero() {
    let Some(mut files) = public_good() else { return };
    change(&mut files, "15.root.json", |root| root["signed"]["roles"]["root"]["threshold"] = 0.into());
    let refused = TufUpdate::new(TufFiles::new(files["15.root.json"].clone()), NOW.parse().unwrap());
    assert!(matches!(refused, Err(TufError::Role { .. })), "{refused:?}");
}

#[test]
fn metadata_expires() {
    let Some(files) = public_good() else { return };
    let at = |now: &str| Client::new(&files["15.root.json"]).update(&files, "trusted_root.json", now).err();
    assert_eq!(at("2026-08-28T19:25:55Z"), None);
    let expired = at("2026-08-28T19:25:56Z");
    assert!(matches!(&expired, Some(TufError::Expired { role, .. }) if role == "timestamp"), "{expired:?}");
}

// Whole repositories with delegations, by third parties.

#[test]
fn whole_repositories_are_followed_to_their_target() {
    for name in ["sigstore-root-signing", "tuf-on-ci-0.11"] {
        let Some(folder) = trust_testkit::vectors::vectors(&format!("tuf/static/{name}")) else { return };
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        let files = read_folder(&folder.join("metadata"));
        let (root, target) = (std::fs::read(folder.join("initial_root.json")).unwrap(), text("targetpath"));
        let now = text("faketime").trim().replace(' ', "T").replace("+00:00", "Z");
        let find = |files: &Files, now: &str| Client::new(&root).update(files, target.trim(), now);
        let update = find(&files, &now).unwrap();
        let found = update.target().unwrap();
        let content = std::fs::read(folder.join("targets").join(found.path())).unwrap();
        assert_eq!(found.verify(&content), Ok(&content[..]));

        // Roots up to the first that is trusted are not asked for, nor roles that do not say the target.
        let is_used = |file: &str| !file.contains("registry.npmjs") && !file.ends_with("root.json");
        for file in files.keys().filter(|file| is_used(file)) {
            let mut withheld = files.clone();
            withheld.remove(file);
            let outcome = find(&withheld, &now);
            assert!(outcome.is_err(), "{name}: without {file}");
            // One byte, anywhere in what is signed.
            let mut changed = files.clone();
            change(&mut changed, file, |value| value["signed"]["x-more"] = json!("more"));
            assert!(find(&changed, &now).is_err(), "{name}: {file} changed");
        }
        let late = find(&files, "9999-01-01T00:00:00Z");
        assert!(matches!(late, Err(TufError::Expired { .. })), "{name}: {late:?}");
        // What was accepted later is not given up for what is older.
        let mut client = Client::new(&root);
        client.update(&files, target.trim(), &now).unwrap();
        let mut older = files.clone();
        change(&mut older, "timestamp.json", |value| value["signed"]["version"] = json!(1));
        assert!(client.update(&older, target.trim(), &now).is_err());
    }
}

// Our own repository, for what those lack.

const LATER: &str = "2026-11-26T00:00:00Z";

fn client_of(repository: &Repository) -> Client {
    Client::new(&repository.files["1.root.json"])
}

fn find(repository: &Repository, name: &str) -> Result<Option<Value>, TufError> {
    let update = client_of(repository).update(&repository.files, name, LATER)?;
    match update.target() {
        Ok(found) => Ok(Some(json!({"length": found.len()}))),
        Err(TufError::Unlisted { name: unlisted }) if unlisted == name => Ok(None),
        Err(error) => Err(error),
    }
}

fn rollback(role: &str, found: u64, trusted: u64) -> Option<TufError> {
    Some(TufError::Rollback { role: role.to_owned(), found, trusted })
}

#[test]
fn what_is_accepted_is_kept_at_once_and_never_given_up_for_less() {
    let mut repository = Repository::new();
    let mut client = client_of(&repository);
    let update =
        |client: &mut Client, repository: &Repository| client.update(&repository.files, "a", LATER).err();
    for role in ["timestamp", "snapshot", "targets"] {
        repository.role(role).version = 5;
    }
    repository.publish();
    assert_eq!(update(&mut client, &repository), None);
    let good = repository.clone();
    for (role, of) in [("timestamp", "timestamp"), ("snapshot", "snapshot"), ("targets", "targets.json")] {
        let mut old = good.clone();
        for newer in ["timestamp", "snapshot"] {
            old.role(newer).version = 6;
        }
        old.role(role).version = 4;
        old.publish();
        assert_eq!(update(&mut client.clone(), &old), rollback(of, 4, 5), "{role}");
    }
    // A role may not vanish from the snapshot.
    let mut gone = good.clone();
    gone.role("timestamp").version = 6;
    gone.role("snapshot").version = 6;
    gone.delegate("targets", &[("extra", 9, json!({"paths": ["*"]}), false)]);
    gone.role("targets").version = 6;
    gone.publish();
    let mut other = client.clone();
    assert_eq!(update(&mut other, &gone), None);
    gone.roles.remove("extra");
    gone.role("timestamp").version = 7;
    gone.role("snapshot").version = 7;
    gone.publish();
    assert_eq!(update(&mut other, &gone), Some(TufError::Unlisted { name: "extra.json".to_owned() }));
    // The timestamp of a snapshot that is withheld was accepted: it is kept, and what is older refused.
    let mut newer = good.clone();
    newer.role("timestamp").version = 9;
    newer.role("snapshot").version = 9;
    newer.publish();
    newer.files.remove("9.snapshot.json");
    let withheld = TufError::Withheld { name: "9.snapshot.json".to_owned() };
    assert_eq!(update(&mut client, &newer), Some(withheld));
    assert_eq!(update(&mut client, &good), rollback("timestamp", 5, 9));
    // An expired one is not accepted, but still says what is too old.
    let mut client = client_of(&good);
    let mut expired = good.clone();
    expired.expires = "2026-11-25T00:00:00Z";
    expired.role("timestamp").version = 7;
    expired.publish();
    assert!(matches!(update(&mut client, &expired), Some(TufError::Expired { .. })));
    assert_eq!(client.kept.len(), 0);
    assert_eq!(client.update(&expired.files, "a", "2026-11-24T00:00:00Z").err(), None);
    assert_eq!(update(&mut client, &good), rollback("timestamp", 5, 7));
}

#[test]
fn what_did_not_change_is_not_fetched_again() {
    let repository = Repository::new();
    let mut client = client_of(&repository);
    client.update(&repository.files, "a", LATER).unwrap();
    let timestamp = repository.files["timestamp.json"].clone();
    let files = Files::from([("timestamp.json".to_owned(), timestamp)]);
    assert!(client.update(&files, "a", LATER).unwrap().target().is_ok());
    // What was kept and does not verify any more is fetched.
    for role in ["timestamp", "snapshot", "targets"] {
        let mut broken = client.clone();
        broken.kept.insert(role.to_owned(), b"{}".to_vec());
        assert!(broken.update(&repository.files, "a", LATER).unwrap().target().is_ok(), "{role}");
    }
    // Without any network, what was kept serves until it expires.
    let offline = |now: &str| {
        let known = client
            .kept
            .iter()
            .fold(TufFiles::new(client.root.clone()), |known, (role, bytes)| known.with(role, bytes.clone()));
        let mut update = TufUpdate::new(known, now.parse().unwrap()).unwrap();
        update.look_for("a");
        update.keep_timestamp().map(|()| update.target().is_ok() && update.next().is_none())
    };
    assert_eq!(offline(LATER), Ok(true));
    assert!(matches!(offline("2036-01-01T00:00:00Z"), Err(TufError::Expired { .. })));
}

#[test]
fn a_root_must_be_signed_by_the_last_one_and_by_itself() {
    for (signers, expected) in [(&[1, 7][..], None), (&[7], Some(())), (&[1], Some(())), (&[], Some(()))] {
        let mut repository = Repository::new();
        repository.role("root").version = 2;
        repository.role("root").seeds = vec![7];
        repository.publish_root(signers);
        let outcome = client_of(&repository).update(&repository.files, "a", LATER).err();
        assert_eq!(outcome.clone().map(|_| ()), expected, "{signers:?}: {outcome:?}");
        if let Some(outcome) = outcome {
            assert_eq!(outcome, threshold("root", 0, 1));
        }
    }
    let mut skipped = Repository::new();
    skipped.role("root").version = 3;
    skipped.publish_root(&[1]);
    let third = skipped.files.remove("3.root.json").unwrap();
    skipped.files.insert("2.root.json".to_owned(), third);
    let version = TufError::Version { role: "root".to_owned(), found: 3, expected: 2 };
    assert_eq!(find(&skipped, "a").err(), Some(version));
}

#[test]
fn new_keys_recover_from_versions_that_went_too_far() {
    // Who had the keys of timestamp and snapshot went to the highest version that there is.
    let mut repository = Repository::new();
    let far = (1 << 53) - 1;
    repository.role("timestamp").version = far;
    repository.role("snapshot").version = far;
    repository.publish();
    let mut client = client_of(&repository);
    client.update(&repository.files, "a", LATER).unwrap();
    for role in ["timestamp", "snapshot"] {
        repository.role(role).version = 2;
    }
    repository.publish();
    assert_eq!(client.clone().update(&repository.files, "a", LATER).err(), rollback("timestamp", 2, far));
    repository.role("timestamp").seeds = vec![20];
    repository.role("snapshot").seeds = vec![21];
    repository.role("root").version = 2;
    repository.publish_root(&[1]);
    repository.publish();
    assert!(client.update(&repository.files, "a", LATER).unwrap().target().is_ok());
}

#[test]
fn thresholds_and_repeated_keys_of_every_role() {
    for role in TOP {
        let mut repository = Repository::new();
        let own = repository.role(role).seeds[0];
        repository.role(role).seeds = vec![own, 30];
        repository.role(role).threshold = 2;
        repository.role("root").version = 2;
        let by_root = if role == "root" { vec![1, 30] } else { vec![1] };
        repository.publish_root(&by_root);
        repository.publish();
        assert!(find(&repository, "a").unwrap().is_some(), "{role}");
        let signed_by = |seeds: &[u8]| {
            let mut less = repository.clone();
            less.role(role).seeds = seeds.to_vec();
            if role == "root" {
                less.files.insert("2.root.json".to_owned(), sign(&root_of(&repository), seeds));
            }
            less.publish();
            find(&less, "a").err()
        };
        assert_eq!(signed_by(&[own]), Some(threshold(role, 1, 2)), "{role}");
        assert!(matches!(signed_by(&[own, own]), Some(TufError::Signatures { .. })), "{role}");
    }
}

fn root_of(repository: &Repository) -> Value {
    serde_json::from_slice::<Value>(&repository.files["2.root.json"]).unwrap()["signed"].clone()
}

#[test]
fn delegations_are_asked_in_order() {
    let any = || json!({"paths": ["*"]});
    let mut repository = Repository::new();
    repository.delegate("targets", &[("first", 10, any(), false), ("second", 11, any(), false)]);
    repository.role("first").targets = json!({"b": target(b"by first")});
    repository.role("second").targets = json!({"b": target(b"second"), "c": target(b"c")});
    repository.publish();
    assert_eq!(find(&repository, "a"), Ok(Some(json!({"length": 1}))), "the top level first");
    assert_eq!(find(&repository, "b"), Ok(Some(json!({"length": 8}))), "then in order");
    assert_eq!(find(&repository, "c"), Ok(Some(json!({"length": 1}))));
    assert_eq!(find(&repository, "d"), Ok(None));
    // What one delegates comes before what is after it.
    repository.delegate("first", &[("third", 12, any(), false)]);
    repository.role("third").targets = json!({"c": target(b"third")});
    repository.publish();
    assert_eq!(find(&repository, "c"), Ok(Some(json!({"length": 5}))));
    // After a terminating one nothing counts, if it may say the target.
    repository.delegate("targets", &[("first", 10, any(), true), ("second", 11, any(), false)]);
    repository.role("second").targets = json!({"e": target(b"e")});
    repository.publish();
    assert_eq!(find(&repository, "e"), Ok(None));
    repository
        .delegate("targets", &[("first", 10, json!({"paths": ["x/*"]}), true), ("second", 11, any(), false)]);
    repository.publish();
    assert_eq!(find(&repository, "e"), Ok(Some(json!({"length": 1}))));
    // Two that delegate to one another end.
    repository.delegate("second", &[("first", 10, any(), false)]);
    repository.delegate("first", &[("second", 11, any(), false)]);
    repository.publish();
    assert_eq!(find(&repository, "f"), Ok(None));
    // A role that signs with other keys than its delegator names, and one that is withheld.
    let mut other = repository.clone();
    other.role("second").seeds = vec![40];
    other.publish();
    assert_eq!(find(&other, "f").err(), Some(threshold("second", 0, 1)));
    repository.files.remove("1.second.json");
    assert_eq!(find(&repository, "f").err(), Some(TufError::Withheld { name: "1.second.json".to_owned() }));
}

#[test]
fn a_delegate_says_only_what_it_may() {
    let hash = Digest::sha256(b"b").to_hex();
    for (may_say, expected) in [
        (json!({"paths": ["b"]}), true),
        (json!({"paths": ["?"]}), true),
        (json!({"paths": ["c", "b*"]}), true),
        (json!({"paths": ["*/b"]}), false),
        (json!({"paths": []}), false),
        (json!({"path_hash_prefixes": [hash[..2]]}), true),
        (json!({"path_hash_prefixes": ["zz", hash]}), true),
        (json!({"path_hash_prefixes": ["0"]}), hash.starts_with('0')),
        (json!({"path_hash_prefixes": [""]}), true),
        (json!({"paths": ["[a-c]"]}), true),
        (json!({"paths": ["[!b]"]}), false),
    ] {
        let mut repository = Repository::new();
        repository.delegate("targets", &[("one", 10, may_say.clone(), false)]);
        repository.role("one").targets = json!({"b": target(b"b")});
        repository.publish();
        assert_eq!(find(&repository, "b").unwrap().is_some(), expected, "{may_say}");
    }
    for malformed in [json!({}), json!({"paths": ["b"], "path_hash_prefixes": ["0"]})] {
        let mut repository = Repository::new();
        repository.delegate("targets", &[("one", 10, malformed, false)]);
        repository.publish();
        assert!(matches!(find(&repository, "b"), Err(TufError::Json { .. })));
    }
}

#[test]
fn bins_and_odd_names_of_roles() {
    let mut repository = Repository::new();
    // sha256("b") begins with 3e: the bin of four bits is 3.
    repository.role("targets").delegations = json!({"keys": keys(&[10]), "succinct_roles":
        {"keyids": ["key10"], "threshold": 1, "bit_length": 4, "name_prefix": "bin"}});
    repository.roles.insert("bin-3", Role::new(10));
    repository.role("bin-3").targets = json!({"b": target(b"b")});
    repository.publish();
    assert!(find(&repository, "b").unwrap().is_some());
    assert!(matches!(find(&repository, "c"), Err(TufError::Unlisted { .. })), "a bin that is not there");

    let mut repository = Repository::new();
    repository.delegate("targets", &[("../x?", 10, json!({"paths": ["*"]}), false)]);
    repository.role("../x?").targets = json!({"b": target(b"b")});
    repository.publish();
    let odd = repository.files.remove("1.../x?.json").unwrap();
    repository.files.insert("1...%2Fx%3F.json".to_owned(), odd);
    assert!(find(&repository, "b").unwrap().is_some());
}

#[test]
fn delegations_without_end_are_bounded() {
    let names: Vec<&'static str> = (0..40).map(|index| &*format!("role{index}").leak()).collect();
    let mut repository = Repository::new();
    let mut from = "targets";
    for name in &names {
        repository.delegate(from, &[(name, 10, json!({"paths": ["*"]}), false)]);
        from = name;
    }
    repository.role("role31").targets = json!({"near": target(b"x")});
    repository.role("role32").targets = json!({"far": target(b"x")});
    repository.publish();
    assert!(find(&repository, "near").unwrap().is_some());
    assert!(find(&repository, "far").unwrap().is_none(), "32 roles are asked beside the top level");
}

#[test]
fn files_are_as_long_as_they_may_be() {
    let mut repository = Repository::new();
    let long = vec![b' '; 16_385];
    repository.files.insert("timestamp.json".to_owned(), long);
    assert!(matches!(find(&repository, "a"), Err(TufError::TooLong { found: 16_385, expected: 16_384, .. })));
}

/// What is in the metadata stands in a URL: it leads to no other host, and out of no folder.
#[test]
fn names_and_hashes_of_targets_stay_where_they_are() {
    let path = |name: &str, hash: &str| {
        let mut repository = Repository::new();
        repository.role("targets").targets = json!({name: {"length": 1, "hashes": {"sha256": hash}}});
        repository.publish();
        let update = client_of(&repository).update(&repository.files, name, LATER)?;
        update.target().map(|target| target.path())
    };
    let hash = Digest::sha256(b"x").to_hex();
    for (name, expected) in [
        ("a/b", format!("a/{hash}.b")),
        ("x:y", format!("{hash}.x%3Ay")),
        ("a#b?c\\d", format!("{hash}.a%23b%3Fc%5Cd")),
        ("//evil.example/x", format!("//evil.example/{hash}.x")), // the caller joins it below its URL, or refuses it
    ] {
        assert_eq!(path(name, &hash), Ok(expected), "{name}");
    }
    for hash in ["//evil.example/x", "http://evil.example/", "../../x", "", "zz"] {
        assert!(matches!(path("a", hash), Err(TufError::Json { .. })), "{hash}");
    }
}

#[test]
fn a_role_is_accepted_although_the_next_one_is_missing() {
    let mut repository = Repository::new();
    repository.delegate("targets", &[("one", 10, json!({"paths": ["*"]}), false)]);
    repository.delegate("one", &[("two", 11, json!({"paths": ["*"]}), false)]);
    repository.roles.remove("two");
    repository.publish();
    let mut client = client_of(&repository);
    let update = client.update(&repository.files, "b", LATER).unwrap();
    assert_eq!(update.target().err(), Some(TufError::Unlisted { name: "two.json".to_owned() }));
    assert!(client.kept.contains_key("one"));
}

#[test]
fn a_timestamp_of_the_same_version_is_no_news() {
    let mut repository = Repository::new();
    repository.role("snapshot").version = 3;
    repository.publish();
    let mut client = client_of(&repository);
    client.update(&repository.files, "a", LATER).unwrap();
    // The same version with an older snapshot is passed over, and not an attack.
    repository.role("snapshot").version = 2;
    repository.publish();
    assert!(client.update(&repository.files, "a", LATER).unwrap().target().is_ok());
}
