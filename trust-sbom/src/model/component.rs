//! [`Component`]: a part of the software, with everything that identifies it.

use std::sync::Arc;

use serde::Serialize;

use crate::model::license::LicenseClaim;

/// Which component of an [`Sbom`](crate::Sbom): its place in [`Sbom::components`](crate::Sbom::components).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ComponentId(pub(crate) u32);

impl ComponentId {
    /// The index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of the software, as the document's author describes it. Everything in it is a claim, hashes too: nothing was
/// compared with the software.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Component {
    /// What the document calls it: `bom-ref`, `SPDXID` or `spdxId`. Unique where the author kept the rules.
    pub reference: Option<String>,
    /// What it is.
    pub kind: ComponentKind,
    /// Namespace of its name: a Maven group, an npm scope.
    pub group: Option<String>,
    /// Its name; empty if the document gives none, which is a diagnostic.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The versions that it may have, a [`Vers`](crate::Vers), for a part that comes from elsewhere (CycloneDX 1.7).
    pub version_range: Option<String>,
    /// It is expected from elsewhere, and not part of the artifact (CycloneDX 1.7).
    pub is_external: bool,
    /// Its [package URLs](https://github.com/package-url/purl-spec), as written; see [`Purl`](crate::Purl).
    pub purls: Vec<String>,
    /// Its [CPE](https://nvd.nist.gov/products/cpe) names, 2.2 or 2.3, as written.
    pub cpes: Vec<String>,
    /// Its SWID tag identifiers.
    pub swids: Vec<String>,
    /// Its [SWHIDs](https://www.swhid.org/).
    pub swhids: Vec<String>,
    /// Its `gitoid`s ([OmniBOR](https://omnibor.io/)).
    pub gitoids: Vec<String>,
    /// Hashes of its content, as claimed.
    pub hashes: Vec<Hash>,
    /// Who supplied it: from whom it was got.
    pub supplier: Option<Arc<Agent>>,
    /// Who made it: `manufacturer`, or `originator`.
    pub producer: Option<Arc<Agent>>,
    /// Who wrote it.
    pub authors: Vec<Arc<Agent>>,
    /// Who published it.
    pub publisher: Option<String>,
    /// Its copyright notice.
    pub copyright: Option<Stated>,
    /// What it is, in words.
    pub description: Option<String>,
    /// Whether it is needed at run time.
    pub scope: Option<Scope>,
    /// Its licenses, each with who says so.
    pub licenses: Vec<LicenseClaim>,
    /// Where it was got from.
    pub download: Option<Stated>,
    /// Name of the file that it came in.
    pub file_name: Option<String>,
    /// Whether its files were looked at (SPDX 2: `filesAnalyzed`).
    pub files_analyzed: Option<bool>,
    /// Further addresses.
    pub external_references: Vec<ExternalReference>,
    /// Properties of particular tools, by name, in the document's order.
    pub properties: Vec<(String, String)>,
}

impl Component {
    /// Value of the first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Its name with its group before it, as people write it.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.group {
            Some(group) => format!("{group}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A value that a document may also refuse to give, which is not the same as saying nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stated {
    /// The value.
    Value(String),
    /// `NONE`: there is none.
    None,
    /// `NOASSERTION`: the author does not say.
    NoAssertion,
}

impl Stated {
    pub(crate) fn from_spdx(text: String) -> Self {
        match text.as_str() {
            "NONE" => Self::None,
            "NOASSERTION" => Self::NoAssertion,
            _ => Self::Value(text),
        }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value(value) => Some(value),
            Self::None | Self::NoAssertion => None,
        }
    }
}

/// What a component is. Both formats' words, in CycloneDX's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ComponentKind {
    /// The document does not say.
    #[default]
    Unstated,
    /// A program.
    Application,
    /// A framework.
    Framework,
    /// A library.
    Library,
    /// A container image.
    Container,
    /// A runtime.
    Platform,
    /// An operating system.
    OperatingSystem,
    /// Hardware.
    Device,
    /// A driver.
    DeviceDriver,
    /// Firmware.
    Firmware,
    /// A file.
    File,
    /// Source code.
    Source,
    /// An archive.
    Archive,
    /// Something that installs.
    Install,
    /// A model.
    MachineLearningModel,
    /// Data.
    Data,
    /// A key, a certificate, an algorithm.
    CryptographicAsset,
    /// Another word, as written.
    Other(String),
}

impl ComponentKind {
    const WORDS: [(&'static str, Self); 17] = [
        ("application", Self::Application),
        ("framework", Self::Framework),
        ("library", Self::Library),
        ("container", Self::Container),
        ("platform", Self::Platform),
        ("operating-system", Self::OperatingSystem),
        ("device", Self::Device),
        ("device-driver", Self::DeviceDriver),
        ("firmware", Self::Firmware),
        ("file", Self::File),
        ("source", Self::Source),
        ("archive", Self::Archive),
        ("install", Self::Install),
        ("machine-learning-model", Self::MachineLearningModel),
        ("model", Self::MachineLearningModel),
        ("data", Self::Data),
        ("cryptographic-asset", Self::CryptographicAsset),
    ];

    /// The kind of this name: in any case, with `-` or `_` (`OPERATING_SYSTEM`), as SPDX 3 joins it (`operatingSystem`).
    pub(crate) fn from_name(name: &str) -> Self {
        let letters = |text: &str| {
            text.chars()
                .filter(|c| c.is_ascii_alphanumeric())
                .map(|c| c.to_ascii_lowercase())
                .collect::<String>()
        };
        let wanted = letters(name);
        Self::WORDS
            .iter()
            .find(|(word, _)| letters(word) == wanted)
            .map_or_else(|| Self::Other(name.to_owned()), |(_, kind)| kind.clone())
    }

    /// Its name, in CycloneDX's spelling; empty if it is not stated.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            kind => Self::WORDS.iter().find(|(_, one)| one == kind).map_or("", |(word, _)| word),
        }
    }
}

/// Whether a component is needed ([CycloneDX](https://cyclonedx.org/docs/1.6/json/#components_items_scope)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Scope {
    /// At run time.
    Required,
    /// Not reachable in the default use.
    Optional,
    /// Used to build or test, and not part of what runs.
    Excluded,
    /// Another word, as written.
    Other(String),
}

/// A hash, as claimed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Hash {
    /// Its algorithm in lower case without separators: `sha256`, `blake2b256`; an unknown one likewise.
    pub algorithm: String,
    /// Its value, in lower case.
    pub value: String,
}

impl Hash {
    pub(crate) fn new(algorithm: &str, value: &str) -> Self {
        let mut algorithm = algorithm.to_ascii_lowercase();
        algorithm.retain(char::is_alphanumeric);
        Self { algorithm, value: value.trim().to_ascii_lowercase() }
    }

    /// The algorithm as [CycloneDX](https://cyclonedx.org/docs/1.6/json/#components_items_hashes_items_alg) spells it,
    /// `None` if it has no such algorithm.
    #[must_use]
    pub fn cyclonedx_name(&self) -> Option<&'static str> {
        let of = |name: &'static str| (name, Self::new(name, "").algorithm);
        [
            "MD5",
            "SHA-1",
            "SHA-256",
            "SHA-384",
            "SHA-512",
            "SHA3-256",
            "SHA3-384",
            "SHA3-512",
            "BLAKE2b-256",
            "BLAKE2b-384",
            "BLAKE2b-512",
            "BLAKE3",
        ]
        .map(of)
        .into_iter()
        .find(|(_, algorithm)| *algorithm == self.algorithm)
        .map(|(name, _)| name)
    }
}

/// A person, an organization, or what stands for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Agent {
    /// Which.
    pub kind: AgentKind,
    /// The name.
    pub name: Option<String>,
    /// The mail addresses.
    pub emails: Vec<String>,
    /// The addresses on the web.
    pub urls: Vec<String>,
}

/// Who an [`Agent`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AgentKind {
    /// An organization.
    #[default]
    Organization,
    /// A person.
    Person,
    /// A program.
    Software,
}

impl Agent {
    /// Whether it says how to reach them, or at least who they are.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let says = |text: &String| !text.trim().is_empty();
        self.name.as_ref().is_some_and(says) || self.is_reachable()
    }

    /// Whether it has an address: mail, or web.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.emails.iter().chain(&self.urls).any(|text| !text.trim().is_empty())
    }
}

/// A program that worked on the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Tool {
    /// Who made it.
    pub vendor: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// An address of something about a component.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct ExternalReference {
    /// What is there: CycloneDX's type (`vcs`, `website`, `distribution`), or SPDX's category and type.
    pub kind: String,
    /// Where.
    pub url: String,
    /// Hashes of what is there.
    pub hashes: Vec<Hash>,
}
