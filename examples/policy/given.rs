//! What a run of suites is given beside them: images, objects, a trust root, a time.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use trust_core::{Reasons, TrustRoot, UnixTime};
use trust_examples::ImageSource;
use trust_gate::Repositories;
use trust_policy::{Resource, Trust};

use super::{at, text};

/// What a run is given.
pub(crate) struct Given {
    pub(crate) images: Vec<ImageSource>,
    pub(crate) objects: Vec<Resource>,
    pub(crate) trust: Trust,
    pub(crate) now: UnixTime,
}

impl Given {
    /// Reads the command line: folders first, then options.
    pub(crate) fn parse<'a>(words: &[&'a str]) -> Result<(Vec<&'a str>, Self), String> {
        let mut given = Self {
            images: Vec::new(),
            objects: Vec::new(),
            trust: TrustRoot::public_good().into(),
            now: clock(),
        };
        let (mut folders, mut words) = (Vec::new(), words.iter());
        while let Some(word) = words.next() {
            if !word.starts_with("--") {
                folders.push(*word);
                continue;
            }
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (*word, words.next().copied()),
            };
            let value = value.ok_or_else(|| format!("`{option}` needs a value"))?;
            match option {
                "--image" => given.images.push(value.parse()?),
                "--object" => {
                    let file = Path::new(value);
                    let read = Resource::from_yaml(&text(file)?).map_err(|error| at(file, &error))?;
                    given.objects.extend(read);
                }
                "--trust-root" => {
                    let file = Path::new(value);
                    let root = TrustRoot::from_json(text(file)?.as_bytes());
                    given.trust = root.map_err(|error| at(file, &Reasons(&error)))?.into();
                }
                "--now" => given.now = value.parse().map_err(|error| format!("--now: {error}"))?,
                _ => return Err(format!("`{option}` is not an option")),
            }
        }
        if folders.is_empty() {
            Err("expected a folder with suites".to_owned())
        } else {
            Ok((folders, given))
        }
    }

    pub(crate) fn repositories(&self) -> Result<Repositories, String> {
        trust_examples::repositories(&self.images)
    }
}

fn clock() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}
