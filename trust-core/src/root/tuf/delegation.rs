//! [`Targets`]: what a role says of targets; [`Delegations`]: which other roles may say which targets
//! ([specification, section 4.5](https://theupdateframework.github.io/specification/v1.0.34/#file-formats-targets),
//! [TAP 15](https://github.com/theupdateframework/taps/blob/master/tap15.md)).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Digest;
use crate::root::tuf::metadata::{Key, Listed, Role, Signers};
use crate::text::time::UnixTime;

/// What a role says of targets.
#[derive(Debug, Deserialize)]
pub(super) struct Targets {
    pub(super) expires: UnixTime,
    pub(super) targets: BTreeMap<String, Listed>,
    pub(super) delegations: Option<Delegations>,
}

/// Which other roles may say which targets.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Wire")]
pub(super) struct Delegations {
    keys: BTreeMap<String, Key>,
    to: To,
}

#[derive(Debug)]
enum To {
    /// In order of precedence.
    Roles(Vec<Delegated>),
    Bins(Bins),
}

/// A role, and the targets that it may say.
#[derive(Debug, Deserialize)]
struct Delegated {
    name: String,
    #[serde(flatten)]
    role: Role,
    terminating: bool,
    paths: Option<Vec<String>>,
    path_hash_prefixes: Option<Vec<String>>,
}

/// Many roles at once, each for targets whose hashes begin alike.
#[derive(Debug, Deserialize)]
struct Bins {
    #[serde(flatten)]
    role: Role,
    bit_length: u32,
    name_prefix: String,
}

#[derive(Deserialize)]
struct Wire {
    keys: BTreeMap<String, Key>,
    roles: Option<Vec<Delegated>>,
    succinct_roles: Option<Bins>,
}

impl TryFrom<Wire> for Delegations {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let to = match (wire.roles, wire.succinct_roles) {
            (Some(roles), None) => To::Roles(roles),
            (None, Some(bins)) if (1..=32).contains(&bins.bit_length) => To::Bins(bins),
            _ => return Err("expected either `roles` or `succinct_roles`, of 1 to 32 bits".to_owned()),
        };
        if let To::Roles(roles) = &to {
            for role in roles {
                if ["root", "timestamp", "snapshot", "targets"].contains(&role.name.as_str()) {
                    return Err(format!("found a delegation to `{}`, expected another role", role.name));
                }
                if role.paths.is_some() == role.path_hash_prefixes.is_some() {
                    return Err(format!(
                        "role `{}`: expected either `paths` or `path_hash_prefixes`",
                        role.name
                    ));
                }
            }
        }
        Ok(Self { keys: wire.keys, to })
    }
}

impl Delegations {
    /// The roles that may say this target, in order, and whether nothing after one of them counts.
    pub(super) fn roles_for(&self, target: &str) -> Vec<(String, bool)> {
        match &self.to {
            To::Roles(roles) => {
                let meant = roles.iter().filter(|role| role.may_say(target));
                meant.map(|role| (role.name.clone(), role.terminating)).collect()
            }
            To::Bins(bins) => vec![(bins.name_for(target), true)],
        }
    }

    /// Who may sign this role.
    pub(super) fn signers(&self, name: &str) -> Signers<'_> {
        let role = match &self.to {
            To::Roles(roles) => roles.iter().find(|role| role.name == name).map(|role| &role.role),
            To::Bins(bins) => Some(&bins.role),
        };
        Signers { role, keys: &self.keys }
    }
}

impl Delegated {
    fn may_say(&self, target: &str) -> bool {
        let hash = Digest::sha256(target.as_bytes()).to_hex();
        let begins = |prefix: &String| hash.starts_with(prefix.as_str());
        self.paths.iter().flatten().any(|pattern| is_path(pattern, target))
            || self.path_hash_prefixes.iter().flatten().any(begins)
    }
}

impl Bins {
    fn name_for(&self, target: &str) -> String {
        let hash = Digest::sha256(target.as_bytes());
        let start = hash.as_bytes().iter().take(4).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let bin = start >> (32 - self.bit_length);
        let width = format!("{:x}", (1_u64 << self.bit_length) - 1).len();
        format!("{}-{bin:0width$x}", self.name_prefix)
    }
}

/// Whether a pattern of paths names this target: part by part, where `*`, `?` and `[…]` stand for no `/`.
fn is_path(pattern: &str, target: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), target.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(one, part)| is_part(one, part))
}

fn is_part(pattern: &str, part: &str) -> bool {
    let part: Vec<char> = part.chars().collect();
    // Which beginnings of the part the pattern so far can be.
    let mut fits: Vec<bool> = (0..=part.len()).map(|len| len == 0).collect();
    for sign in signs(pattern) {
        let before = fits.clone();
        let mut any = false;
        for (len, fit) in fits.iter_mut().enumerate() {
            let shorter = len.checked_sub(1);
            let was = shorter.and_then(|len| before.get(len)).copied().unwrap_or(false);
            let last = shorter.and_then(|at| part.get(at)).copied();
            any |= before.get(len).copied().unwrap_or(false);
            *fit = match &sign {
                Sign::Any => any,
                Sign::One(set) => was && last.is_some_and(|last| set.has(last)),
            };
        }
    }
    fits.last() == Some(&true)
}

/// A sign of a pattern, as a shell reads it.
enum Sign {
    /// `*`
    Any,
    One(Set),
}

/// Which characters a sign stands for.
struct Set {
    ranges: Vec<(char, char)>,
    is_negated: bool,
}

impl Set {
    fn has(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != self.is_negated
    }
}

fn signs(pattern: &str) -> Vec<Sign> {
    let (mut signs, mut rest) = (Vec::new(), pattern);
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        signs.push(match c {
            '*' => Sign::Any,
            '?' => Sign::One(Set { ranges: Vec::new(), is_negated: true }),
            '[' if let Some((set, after)) = set(rest) => {
                rest = after;
                Sign::One(set)
            }
            other => Sign::One(Set { ranges: vec![(other, other)], is_negated: false }),
        });
    }
    signs
}

/// The set after `[`, and what follows it; `None` if it has no end, for then `[` stands for itself.
fn set(text: &str) -> Option<(Set, &str)> {
    let (is_negated, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
    // A `]` at the beginning stands for itself.
    let first = body.chars().next()?.len_utf8();
    let end = first + body.get(first..)?.find(']')?;
    let mut chars = body.get(..end)?.chars().peekable();
    let mut ranges = Vec::new();
    while let Some(from) = chars.next() {
        let mut ahead = chars.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(to)) => {
                chars = ahead;
                ranges.push((from, to));
            }
            _ => ranges.push((from, from)),
        }
    }
    Some((Set { ranges, is_negated }, body.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_paths_part_by_part() {
        for (pattern, target, expected) in [
            ("*", "a.txt", true),
            ("*", "a/b", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/*.tgz", "a/b.tgz", true),
            ("a/*.tgz", "a/b.tgz.sig", false),
            ("a/?.t*", "a/b.txt", true),
            ("a/?", "a/bc", false),
            ("*a*a*", "banana", true),
            ("*a*a*a*a*", "banana", false),
            ("", "", true),
            ("a", "b", false),
            ("[ab]x", "bx", true),
            ("[ab]x", "cx", false),
            ("[!ab]x", "cx", true),
            ("[a-c]*", "b.txt", true),
            ("[a-c]*", "d.txt", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("[a/b]", "a", false),
        ] {
            assert_eq!(is_path(pattern, target), expected, "{pattern} {target}");
        }
    }

    #[test]
    fn bins_are_named_by_hash() {
        let role = || Role { keyids: Vec::new(), threshold: 1 };
        let bins = |bit_length| Bins { role: role(), bit_length, name_prefix: "bin".to_owned() };
        // sha256("a") begins with ca97.
        let names: Vec<_> = [1, 4, 5, 8, 16, 32].map(|bits| bins(bits).name_for("a")).to_vec();
        assert_eq!(names, ["bin-1", "bin-c", "bin-19", "bin-ca", "bin-ca97", "bin-ca978112"]);
    }
}
