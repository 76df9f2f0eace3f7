//! What `watch` keeps between two runs: the last checkpoint, as the log signed it, and the tree up to it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use trust_core::internal::encoding;
use trust_rekor::{Checkpoint, Frontier};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The checkpoint, with its signatures.
    pub(crate) note: String,
    /// The subtrees of the tree, in base64.
    subtrees: Vec<String>,
}

impl State {
    pub(crate) fn new(note: String, frontier: &Frontier) -> Self {
        Self { note, subtrees: frontier.subtrees().iter().map(|hash| encoding::to_base64(hash)).collect() }
    }

    /// The state in a file; `None` if there is no such file.
    pub(crate) fn load(file: &Path) -> Result<Option<Self>, String> {
        match fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| format!("{}: {error}", file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    /// Writes a new file and puts it in the old one's place, so that a crash leaves one of the two.
    pub(crate) fn save(&self, file: &Path) -> Result<(), String> {
        let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = serde_json::to_string_pretty(self).map_err(|error| problem(&error))?;
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = file.with_file_name(name);
        fs::write(&new, text).and_then(|()| fs::rename(&new, file)).map_err(|error| problem(&error))
    }

    /// The tree, if it is made of as many subtrees as the checkpoint's size says.
    pub(crate) fn frontier(&self, checkpoint: &Checkpoint) -> Result<Frontier, String> {
        let hash = |text: &String| encoding::from_base64(text).and_then(|bytes| bytes.try_into().ok());
        let subtrees: Option<Vec<_>> = self.subtrees.iter().map(hash).collect();
        subtrees
            .and_then(|subtrees| Frontier::from_parts(checkpoint.size(), subtrees))
            .ok_or_else(|| "the state does not hold the tree of its checkpoint".to_owned())
    }
}
