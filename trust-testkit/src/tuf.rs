//! A TUF repository that tests make: every role, with versions, keys and delegations as a test wants them.

use std::collections::BTreeMap;

use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use trust_core::Digest;
use trust_core::internal::encoding::to_hex;

/// Files by their names below the URL of the metadata.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A role that signs with the keys of these seeds.
#[derive(Clone)]
pub struct Role {
    pub version: u64,
    pub seeds: Vec<u8>,
    pub threshold: usize,
    pub targets: Value,
    pub delegations: Value,
}

impl Role {
    pub fn new(seed: u8) -> Self {
        Self { version: 1, seeds: vec![seed], threshold: 1, targets: json!({}), delegations: Value::Null }
    }

    fn described(&self) -> Value {
        json!({"keyids": self.seeds.iter().map(|seed| format!("key{seed}")).collect::<Vec<_>>(), "threshold": self.threshold})
    }
}

#[derive(Clone)]
pub struct Repository {
    pub roles: BTreeMap<&'static str, Role>,
    pub files: Files,
    pub expires: &'static str,
}

fn key(seed: u8) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub fn keys(seeds: &[u8]) -> Value {
    let described = |seed: &u8| {
        let pem = key(*seed).verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        (
            format!("key{seed}"),
            json!({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}),
        )
    };
    Value::Object(seeds.iter().map(described).collect())
}

pub fn sign(signed: &Value, seeds: &[u8]) -> Vec<u8> {
    // Members are in order, and a line feed is the one character that serde_json escapes and TUF does not.
    let canonical = signed.to_string().replace("\\n", "\n");
    let signature = |seed: &u8| {
        let signature: p256::ecdsa::Signature = key(*seed).sign(canonical.as_bytes());
        json!({"keyid": format!("key{seed}"), "sig": to_hex(signature.to_der().as_bytes())})
    };
    json!({"signatures": seeds.iter().map(signature).collect::<Vec<_>>(), "signed": signed})
        .to_string()
        .into_bytes()
}

pub fn target(content: &[u8]) -> Value {
    json!({"length": content.len(), "hashes": {"sha256": Digest::sha256(content).to_hex()}})
}

pub const TOP: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

impl Repository {
    pub fn new() -> Self {
        let roles = TOP.into_iter().zip(1..).map(|(name, seed)| (name, Role::new(seed))).collect();
        let mut repository = Self { roles, files: Files::new(), expires: "2036-01-01T00:00:00Z" };
        repository.roles.get_mut("targets").unwrap().targets = json!({"a": target(b"a")});
        repository.publish_root(&[1]);
        repository.publish();
        repository
    }

    pub fn role(&mut self, name: &'static str) -> &mut Role {
        self.roles.get_mut(name).unwrap()
    }

    pub fn publish_root(&mut self, signers: &[u8]) {
        let all: Vec<u8> = TOP.iter().flat_map(|name| self.roles[name].seeds.clone()).collect();
        let roles: serde_json::Map<_, _> =
            TOP.iter().map(|name| ((*name).to_owned(), self.roles[name].described())).collect();
        let version = self.roles["root"].version;
        let signed = json!({"_type": "root", "consistent_snapshot": true, "expires": "2036-01-01T00:00:00Z",
            "keys": keys(&all), "roles": roles, "spec_version": "1.0", "version": version});
        self.files.insert(format!("{version}.root.json"), sign(&signed, signers));
    }

    /// Writes all but the root, each of its version.
    pub fn publish(&mut self) {
        let listed = |version: u64| json!({"version": version});
        let mut meta = serde_json::Map::new();
        for (name, role) in &self.roles {
            if !["root", "timestamp", "snapshot"].contains(name) {
                let mut signed = json!({"_type": "targets", "expires": self.expires, "spec_version": "1.0",
                    "targets": role.targets, "version": role.version});
                if !role.delegations.is_null() {
                    signed["delegations"] = role.delegations.clone();
                }
                self.files.insert(format!("{}.{name}.json", role.version), sign(&signed, &role.seeds));
                meta.insert(format!("{name}.json"), listed(role.version));
            }
        }
        let snapshot = &self.roles["snapshot"];
        let signed = json!({"_type": "snapshot", "expires": self.expires, "meta": meta, "spec_version": "1.0", "version": snapshot.version});
        self.files.insert(format!("{}.snapshot.json", snapshot.version), sign(&signed, &snapshot.seeds));
        let timestamp = &self.roles["timestamp"];
        let signed = json!({"_type": "timestamp", "expires": self.expires, "meta": {"snapshot.json": listed(snapshot.version)},
            "spec_version": "1.0", "version": timestamp.version});
        self.files.insert("timestamp.json".to_owned(), sign(&signed, &timestamp.seeds));
    }

    /// Lets `from` delegate to roles: name, seed, what it may say, and whether nothing after it counts.
    pub fn delegate(&mut self, from: &'static str, to: &[(&'static str, u8, Value, bool)]) {
        let seeds: Vec<u8> = to.iter().map(|(_, seed, ..)| *seed).collect();
        let described = |(name, seed, may_say, terminating): &(&'static str, u8, Value, bool)| {
            let mut role = may_say.clone();
            role["name"] = json!(name);
            role["keyids"] = json!([format!("key{seed}")]);
            role["threshold"] = json!(1);
            role["terminating"] = json!(terminating);
            role
        };
        let roles: Vec<Value> = to.iter().map(described).collect();
        self.role(from).delegations = json!({"keys": keys(&seeds), "roles": roles});
        for (name, seed, ..) in to {
            self.roles.entry(name).or_insert_with(|| Role::new(*seed));
        }
    }
}
