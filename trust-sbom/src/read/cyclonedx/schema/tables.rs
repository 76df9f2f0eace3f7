//! The objects of CycloneDX, their fields and values, by version of the specification.
//!
//! `tests.rs` compares them with the published schemas, field by field, so a new version shows as the lines that are lacking here.
//! The facts are those of the [JSON schemas](https://github.com/CycloneDX/specification/tree/master/schema) 1.2 (strict)
//! to 1.7, as of August 2026. An object is called as the schema's definition that it stands in; each field has the first
//! and the last minor version that have it so, each list of values the first one.

use super::Rule::{AtLeastOne, ExactlyOne, NotTogether};
use super::Shape::{
    Any, Array, Boolean, DateTime, Either, Enum, HashContent, Integer, LicenseId, Nonempty, Number,
    Object as Of, SerialNumber, Set, Text,
};
use super::{Object, Values, object, optional, required};

const AFFECTED_STATUS: Values = &[(4, "affected|unaffected|unknown")];
const AGGREGATE_TYPE: Values = &[
    (
        3,
        "complete|incomplete|incomplete_first_party_only|incomplete_third_party_only|unknown|\
         not_specified",
    ),
    (
        5,
        "incomplete_first_party_proprietary_only|incomplete_first_party_opensource_only|\
         incomplete_third_party_proprietary_only|incomplete_third_party_opensource_only",
    ),
];
const ATTACHMENT_ENCODING: Values = &[(2, "base64")];
const BOM_BOM_FORMAT: Values = &[(2, "CycloneDX")];
const CO2_MEASURE_UNIT: Values = &[(6, "tCO2eq")];
const COMPONENT_DATA_TYPE: Values = &[(5, "source-code|configuration|dataset|definition|other")];
const COMPONENT_EVIDENCE_IDENTITY_FIELD: Values = &[(5, "group|name|version|purl|cpe|swid|hash")];
const COMPONENT_EVIDENCE_IDENTITY_METHODS_TECHNIQUE: Values = &[(
    5,
    "source-code-analysis|binary-analysis|manifest-analysis|ast-fingerprint|hash-comparison|\
         instrumentation|dynamic-analysis|filename|attestation|other",
)];
const COMPONENT_IDENTITY_EVIDENCE_FIELD: Values =
    &[(6, "group|name|version|purl|cpe|omniborId|swhid|swid|hash")];
const COMPONENT_IDENTITY_EVIDENCE_METHODS_TECHNIQUE: Values = &[(
    6,
    "source-code-analysis|binary-analysis|manifest-analysis|ast-fingerprint|hash-comparison|\
         instrumentation|dynamic-analysis|filename|attestation|other",
)];
const COMPONENT_SCOPE: Values = &[(2, "required|optional|excluded")];
const COMPONENT_TYPE: Values = &[
    (2, "application|framework|library|container|operating-system|device|firmware|file"),
    (5, "platform|device-driver|machine-learning-model|data"),
    (6, "cryptographic-asset"),
];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_CERTIFICATION_LEVEL: Values = &[(
    6,
    "none|fips140-1-l1|fips140-1-l2|fips140-1-l3|fips140-1-l4|fips140-2-l1|fips140-2-l2|\
         fips140-2-l3|fips140-2-l4|fips140-3-l1|fips140-3-l2|fips140-3-l3|fips140-3-l4|cc-eal1|\
         cc-eal1+|cc-eal2|cc-eal2+|cc-eal3|cc-eal3+|cc-eal4|cc-eal4+|cc-eal5|cc-eal5+|cc-eal6|\
         cc-eal6+|cc-eal7|cc-eal7+|other|unknown",
)];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_CRYPTO_FUNCTIONS: Values = &[(
    6,
    "generate|keygen|encrypt|decrypt|digest|tag|keyderive|sign|verify|encapsulate|decapsulate|\
         other|unknown",
)];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_EXECUTION_ENVIRONMENT: Values =
    &[(6, "software-plain-ram|software-encrypted-ram|software-tee|hardware|other|unknown")];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_IMPLEMENTATION_PLATFORM: Values = &[(
    6,
    "generic|x86_32|x86_64|armv7-a|armv7-m|armv8-a|armv8-m|armv9-a|armv9-m|s390x|ppc64|ppc64le|\
         other|unknown",
)];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_MODE: Values =
    &[(6, "cbc|ecb|ccm|gcm|cfb|ofb|ctr|other|unknown")];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_PADDING: Values =
    &[(6, "pkcs5|pkcs7|pkcs1v15|oaep|raw|other|unknown")];
const CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_PRIMITIVE: Values = &[
    (
        6,
        "drbg|mac|block-cipher|stream-cipher|signature|hash|pke|xof|kdf|key-agree|kem|ae|combiner|\
         other|unknown",
    ),
    (7, "key-wrap"),
];
const CRYPTO_PROPERTIES_ASSET_TYPE: Values = &[(6, "algorithm|certificate|protocol|related-crypto-material")];
const CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS_COMMON_EXTENSION_NAME: Values = &[(
    7,
    "basicConstraints|keyUsage|extendedKeyUsage|subjectAlternativeName|authorityKeyIdentifier|\
         subjectKeyIdentifier|authorityInformationAccess|certificatePolicies|crlDistributionPoints|\
         signedCertificateTimestamp",
)];
const CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE_STATE: Values =
    &[(7, "pre-activation|active|suspended|deactivated|revoked|destroyed")];
const CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES_TYPE: Values =
    &[(6, "tls|ssh|ipsec|ike|sstp|wpa|other|unknown"), (7, "dtls|quic|eap-aka|eap-aka-prime|prins|5g-aka")];
const CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES_STATE: Values =
    &[(6, "pre-activation|active|suspended|deactivated|compromised|destroyed")];
const CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES_TYPE: Values = &[(
    6,
    "private-key|public-key|secret-key|key|ciphertext|signature|digest|initialization-vector|\
         nonce|seed|salt|shared-secret|tag|additional-data|password|credential|token|other|unknown",
)];
const DATA_FLOW: Values = &[(2, "inbound|outbound|bi-directional|unknown")];
const DATA_FLOW_DIRECTION: Values = &[(5, "inbound|outbound|bi-directional|unknown")];
const ENERGY_CONSUMPTION_ACTIVITY: Values = &[(
    6,
    "design|data-collection|data-preparation|training|fine-tuning|validation|deployment|\
         inference|other",
)];
const ENERGY_MEASURE_UNIT: Values = &[(6, "kWh")];
const ENERGY_PROVIDER_ENERGY_SOURCE: Values =
    &[(6, "coal|oil|natural-gas|nuclear|wind|solar|geothermal|hydropower|biofuel|unknown|other")];
pub(crate) const EXTERNAL_REFERENCE_TYPE: Values = &[
    (
        2,
        "vcs|issue-tracker|website|advisories|bom|mailing-list|social|chat|documentation|support|\
         distribution|license|build-meta|build-system|other",
    ),
    (4, "release-notes"),
    (
        5,
        "distribution-intake|security-contact|model-card|log|configuration|evidence|formulation|\
         attestation|threat-model|adversary-model|risk-assessment|vulnerability-assertion|\
         exploitability-statement|pentest-report|static-analysis-report|dynamic-analysis-report|\
         runtime-analysis-report|component-analysis-report|maturity-report|certification-report|\
         codified-infrastructure|quality-metrics|poam",
    ),
    (6, "source-distribution|electronic-signature|digital-signature|rfc-9116"),
    (7, "patent|patent-family|patent-assertion|citation"),
];
const HASH_ALG: Values = &[
    (
        2,
        "MD5|SHA-1|SHA-256|SHA-384|SHA-512|SHA3-256|SHA3-384|SHA3-512|BLAKE2b-256|BLAKE2b-384|\
         BLAKE2b-512|BLAKE3",
    ),
    (7, "Streebog-256|Streebog-512"),
];
pub(crate) const IMPACT_ANALYSIS_JUSTIFICATION: Values = &[(
    4,
    "code_not_present|code_not_reachable|requires_configuration|requires_dependency|\
         requires_environment|protected_by_compiler|protected_at_runtime|protected_at_perimeter|\
         protected_by_mitigating_control",
)];
pub(crate) const IMPACT_ANALYSIS_STATE: Values =
    &[(4, "resolved|resolved_with_pedigree|exploitable|in_triage|false_positive|not_affected")];
const ISSUE_TYPE: Values = &[(2, "defect|enhancement|security")];
const LICENSE_ACKNOWLEDGEMENT_ENUMERATION: Values = &[(6, "declared|concluded")];
const LICENSE_LICENSING_LICENSE_TYPES: Values = &[(
    5,
    "academic|appliance|client-access|concurrent-user|core-points|custom-metric|device|\
         evaluation|named-user|node-locked|oem|perpetual|processor-points|subscription|user|other",
)];
const LICENSING_LICENSE_TYPES: Values = &[(
    7,
    "academic|appliance|client-access|concurrent-user|core-points|custom-metric|device|\
         evaluation|named-user|node-locked|oem|perpetual|processor-points|subscription|user|other",
)];
const METADATA_LIFECYCLES_PHASE: Values =
    &[(5, "design|pre-build|build|post-build|operations|discovery|decommission")];
const MODEL_CARD_MODEL_PARAMETERS_APPROACH_TYPE: Values =
    &[(5, "supervised|unsupervised|reinforcement-learning|semi-supervised|self-supervised")];
const OUTPUT_TYPE_TYPE: Values = &[(5, "artifact|attestation|log|evidence|metrics|other")];
const PATCH_TYPE: Values = &[(2, "unofficial|monkey|backport|cherry-pick")];
const PATENT_ASSERTIONS_ASSERTION_TYPE: Values = &[(
    7,
    "ownership|license|third-party-claim|standards-inclusion|prior-art|exclusive-rights|\
         non-assertion|research-or-evaluation",
)];
const PATENT_PATENT_LEGAL_STATUS: Values = &[(
    7,
    "pending|granted|revoked|expired|lapsed|withdrawn|abandoned|suspended|reinstated|opposed|\
         terminated|invalidated|in-force",
)];
pub(crate) const SCORE_METHOD: Values = &[(4, "CVSSv2|CVSSv3|CVSSv31|OWASP|other"), (5, "CVSSv4|SSVC")];
const SEVERITY: Values = &[(4, "critical|high|medium|low|info|none|unknown")];
const TASK_TYPE: Values = &[(5, "copy|clone|lint|scan|merge|build|test|deliver|deploy|release|clean|other")];
const TLP_CLASSIFICATION: Values = &[(7, "CLEAR|GREEN|AMBER|AMBER_AND_STRICT|RED")];
const TRIGGER_TYPE: Values = &[(5, "manual|api|webhook|scheduled")];
const VOLUME_MODE: Values = &[(5, "filesystem|block")];
pub(crate) const VULNERABILITY_ANALYSIS_RESPONSE: Values =
    &[(4, "can_not_fix|will_not_fix|update|rollback|workaround_available")];
const WORKSPACE_ACCESS_MODE: Values = &[(5, "read-only|read-write|read-write-once|write-once|write-only")];

static ADVISORY: Object = object(&[optional("title", 4, 7, Text), required("url", 4, 7, Text)], &[]);
static ANNOTATIONS: Object = object(
    &[
        optional("bom-ref", 5, 7, Nonempty),
        required("subjects", 5, 5, Set(&Either(&[Any, Text]))),
        required("subjects", 6, 7, Set(&Either(&[Nonempty, Text]))),
        required("annotator", 5, 7, Of(&ANNOTATIONS_ANNOTATOR)),
        required("timestamp", 5, 7, DateTime),
        required("text", 5, 7, Text),
        optional("signature", 5, 7, Any),
    ],
    &[],
);
static ANNOTATIONS_ANNOTATOR: Object = object(
    &[
        optional("organization", 5, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 5, 7, Of(&ORGANIZATIONAL_CONTACT)),
        optional("component", 5, 7, Of(&COMPONENT)),
        optional("service", 5, 7, Of(&SERVICE)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"], &["component"], &["service"]])],
);
static ATTACHMENT: Object = object(
    &[
        optional("contentType", 2, 7, Text),
        optional("encoding", 2, 7, Enum(ATTACHMENT_ENCODING)),
        required("content", 2, 7, Text),
    ],
    &[],
);
pub(super) static BOM: Object = object(
    &[
        optional("$schema", 2, 7, Text),
        required("bomFormat", 2, 7, Enum(BOM_BOM_FORMAT)),
        required("specVersion", 2, 7, Text),
        optional("serialNumber", 2, 7, SerialNumber),
        optional("version", 2, 7, Integer),
        optional("metadata", 2, 7, Of(&METADATA)),
        optional("components", 2, 7, Set(&Of(&COMPONENT))),
        optional("services", 2, 7, Set(&Of(&SERVICE))),
        optional("externalReferences", 2, 7, Array(&Of(&EXTERNAL_REFERENCE))),
        optional("dependencies", 2, 7, Set(&Of(&DEPENDENCY))),
        optional("compositions", 3, 7, Set(&Of(&COMPOSITIONS))),
        optional("vulnerabilities", 4, 7, Set(&Of(&VULNERABILITY))),
        optional("signature", 4, 7, Any),
        optional("annotations", 5, 7, Set(&Of(&ANNOTATIONS))),
        optional("formulation", 5, 7, Set(&Of(&FORMULA))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
        optional("declarations", 6, 7, Of(&BOM_DECLARATIONS)),
        optional("definitions", 6, 7, Of(&BOM_DEFINITIONS)),
        optional("citations", 7, 7, Set(&Of(&CITATION))),
    ],
    &[],
);
static BOM_DECLARATIONS: Object = object(
    &[
        optional("assessors", 6, 7, Array(&Of(&BOM_DECLARATIONS_ASSESSORS))),
        optional("attestations", 6, 7, Array(&Of(&BOM_DECLARATIONS_ATTESTATIONS))),
        optional("claims", 6, 7, Array(&Of(&BOM_DECLARATIONS_CLAIMS))),
        optional("evidence", 6, 7, Array(&Of(&BOM_DECLARATIONS_EVIDENCE))),
        optional("targets", 6, 7, Of(&BOM_DECLARATIONS_TARGETS)),
        optional("affirmation", 6, 7, Of(&BOM_DECLARATIONS_AFFIRMATION)),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static BOM_DECLARATIONS_AFFIRMATION: Object = object(
    &[
        optional("statement", 6, 7, Text),
        optional("signatories", 6, 7, Array(&Of(&BOM_DECLARATIONS_AFFIRMATION_SIGNATORIES))),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static BOM_DECLARATIONS_AFFIRMATION_SIGNATORIES: Object = object(
    &[
        optional("name", 6, 7, Text),
        optional("role", 6, 7, Text),
        optional("signature", 6, 7, Any),
        optional("organization", 6, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("externalReference", 6, 7, Of(&EXTERNAL_REFERENCE)),
    ],
    &[ExactlyOne(&[&["signature"], &["externalReference", "organization"]])],
);
static BOM_DECLARATIONS_ASSESSORS: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("thirdParty", 6, 7, Boolean),
        optional("organization", 6, 7, Of(&ORGANIZATIONAL_ENTITY)),
    ],
    &[],
);
static BOM_DECLARATIONS_ATTESTATIONS: Object = object(
    &[
        optional("summary", 6, 7, Text),
        optional("assessor", 6, 7, Nonempty),
        optional("map", 6, 7, Array(&Of(&BOM_DECLARATIONS_ATTESTATIONS_MAP))),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static BOM_DECLARATIONS_ATTESTATIONS_MAP: Object = object(
    &[
        optional("requirement", 6, 7, Nonempty),
        optional("claims", 6, 7, Array(&Nonempty)),
        optional("counterClaims", 6, 7, Array(&Nonempty)),
        optional("conformance", 6, 7, Of(&BOM_DECLARATIONS_ATTESTATIONS_MAP_CONFORMANCE)),
        optional("confidence", 6, 7, Of(&BOM_DECLARATIONS_ATTESTATIONS_MAP_CONFIDENCE)),
    ],
    &[],
);
static BOM_DECLARATIONS_ATTESTATIONS_MAP_CONFIDENCE: Object =
    object(&[optional("score", 6, 7, Number), optional("rationale", 6, 7, Text)], &[]);
static BOM_DECLARATIONS_ATTESTATIONS_MAP_CONFORMANCE: Object = object(
    &[
        optional("score", 6, 7, Number),
        optional("rationale", 6, 7, Text),
        optional("mitigationStrategies", 6, 7, Array(&Nonempty)),
    ],
    &[],
);
static BOM_DECLARATIONS_CLAIMS: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("target", 6, 7, Nonempty),
        optional("predicate", 6, 7, Text),
        optional("mitigationStrategies", 6, 7, Array(&Nonempty)),
        optional("reasoning", 6, 7, Text),
        optional("evidence", 6, 7, Array(&Nonempty)),
        optional("counterEvidence", 6, 7, Array(&Nonempty)),
        optional("externalReferences", 6, 7, Array(&Of(&EXTERNAL_REFERENCE))),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static BOM_DECLARATIONS_EVIDENCE: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("propertyName", 6, 7, Text),
        optional("description", 6, 7, Text),
        optional("data", 6, 7, Array(&Of(&BOM_DECLARATIONS_EVIDENCE_DATA))),
        optional("created", 6, 7, DateTime),
        optional("expires", 6, 7, DateTime),
        optional("author", 6, 7, Of(&ORGANIZATIONAL_CONTACT)),
        optional("reviewer", 6, 7, Of(&ORGANIZATIONAL_CONTACT)),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static BOM_DECLARATIONS_EVIDENCE_DATA: Object = object(
    &[
        optional("name", 6, 7, Text),
        optional("contents", 6, 7, Of(&BOM_DECLARATIONS_EVIDENCE_DATA_CONTENTS)),
        optional("classification", 6, 7, Text),
        optional("sensitiveData", 6, 7, Array(&Text)),
        optional("governance", 6, 7, Of(&DATA_GOVERNANCE)),
    ],
    &[],
);
static BOM_DECLARATIONS_EVIDENCE_DATA_CONTENTS: Object =
    object(&[optional("attachment", 6, 7, Of(&ATTACHMENT)), optional("url", 6, 7, Text)], &[]);
static BOM_DECLARATIONS_TARGETS: Object = object(
    &[
        optional("organizations", 6, 7, Array(&Of(&ORGANIZATIONAL_ENTITY))),
        optional("components", 6, 7, Array(&Of(&COMPONENT))),
        optional("services", 6, 7, Array(&Of(&SERVICE))),
    ],
    &[],
);
static BOM_DEFINITIONS: Object = object(
    &[
        optional("standards", 6, 7, Array(&Of(&STANDARD))),
        optional("patents", 7, 7, Array(&Either(&[Of(&PATENT), Of(&PATENT_FAMILY)]))),
    ],
    &[],
);
static CIPHER_SUITE: Object = object(
    &[
        optional("name", 6, 7, Text),
        optional("algorithms", 6, 7, Array(&Nonempty)),
        optional("identifiers", 6, 7, Array(&Text)),
        optional("tlsGroups", 7, 7, Array(&Text)),
        optional("tlsSignatureSchemes", 7, 7, Array(&Text)),
    ],
    &[],
);
static CITATION: Object = object(
    &[
        optional("bom-ref", 7, 7, Nonempty),
        optional("pointers", 7, 7, Array(&Text)),
        optional("expressions", 7, 7, Array(&Text)),
        required("timestamp", 7, 7, DateTime),
        optional("attributedTo", 7, 7, Nonempty),
        optional("process", 7, 7, Nonempty),
        optional("note", 7, 7, Text),
        optional("signature", 7, 7, Any),
    ],
    &[ExactlyOne(&[&["pointers"], &["expressions"]]), AtLeastOne(&[&["attributedTo"], &["process"]])],
);
static CO2_MEASURE: Object =
    object(&[required("value", 6, 7, Number), required("unit", 6, 7, Enum(CO2_MEASURE_UNIT))], &[]);
static COMMAND: Object =
    object(&[optional("executed", 5, 7, Text), optional("properties", 5, 7, Array(&Of(&PROPERTY)))], &[]);
static COMMIT: Object = object(
    &[
        optional("uid", 2, 7, Text),
        optional("url", 2, 7, Text),
        optional("author", 2, 7, Of(&IDENTIFIABLE_ACTION)),
        optional("committer", 2, 7, Of(&IDENTIFIABLE_ACTION)),
        optional("message", 2, 7, Text),
    ],
    &[],
);
pub(super) static COMPONENT: Object = object(
    &[
        required("type", 2, 7, Enum(COMPONENT_TYPE)),
        optional("mime-type", 2, 7, Text),
        optional("bom-ref", 2, 7, Nonempty),
        optional("supplier", 2, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("author", 2, 7, Text),
        optional("publisher", 2, 7, Text),
        optional("group", 2, 7, Text),
        required("name", 2, 7, Text),
        required("version", 2, 3, Text),
        optional("version", 4, 7, Text),
        optional("description", 2, 7, Text),
        optional("scope", 2, 7, Enum(COMPONENT_SCOPE)),
        optional("hashes", 2, 7, Array(&Of(&HASH))),
        optional("licenses", 2, 2, Array(&Of(&COMPONENT_LICENSES))),
        optional("licenses", 3, 4, Array(&Of(&LICENSE_CHOICE))),
        optional("licenses", 5, 6, Either(&[Array(&Of(&LICENSE_CHOICE)), Array(&Of(&LICENSE_CHOICE_1))])),
        optional("licenses", 7, 7, Array(&Either(&[Of(&LICENSE_CHOICE), Of(&LICENSE_CHOICE_1)]))),
        optional("copyright", 2, 7, Text),
        optional("cpe", 2, 7, Text),
        optional("purl", 2, 7, Text),
        optional("swid", 2, 7, Of(&SWID)),
        optional("modified", 2, 7, Boolean),
        optional("pedigree", 2, 7, Of(&COMPONENT_PEDIGREE)),
        optional("externalReferences", 2, 7, Array(&Of(&EXTERNAL_REFERENCE))),
        optional("components", 2, 7, Set(&Of(&COMPONENT))),
        optional("evidence", 3, 7, Of(&COMPONENT_EVIDENCE)),
        optional("properties", 3, 7, Array(&Of(&PROPERTY))),
        optional("releaseNotes", 4, 7, Of(&RELEASE_NOTES)),
        optional("signature", 4, 7, Any),
        optional("modelCard", 5, 7, Of(&MODEL_CARD)),
        optional("data", 5, 7, Array(&Of(&COMPONENT_DATA))),
        optional("manufacturer", 6, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("authors", 6, 7, Array(&Of(&ORGANIZATIONAL_CONTACT))),
        optional("omniborId", 6, 7, Array(&Text)),
        optional("swhid", 6, 7, Array(&Text)),
        optional("cryptoProperties", 6, 7, Of(&CRYPTO_PROPERTIES)),
        optional("tags", 6, 7, Array(&Text)),
        optional("versionRange", 7, 7, Nonempty),
        optional("isExternal", 7, 7, Boolean),
        optional("patentAssertions", 7, 7, Array(&Of(&PATENT_ASSERTIONS))),
    ],
    &[NotTogether(&[&["version", "versionRange"]])],
);
static COMPONENT_DATA: Object = object(
    &[
        optional("bom-ref", 5, 7, Nonempty),
        required("type", 5, 7, Enum(COMPONENT_DATA_TYPE)),
        optional("name", 5, 7, Text),
        optional("contents", 5, 7, Of(&COMPONENT_DATA_CONTENTS)),
        optional("classification", 5, 7, Text),
        optional("sensitiveData", 5, 7, Array(&Text)),
        optional("graphics", 5, 7, Of(&GRAPHICS_COLLECTION)),
        optional("description", 5, 7, Text),
        optional("governance", 5, 7, Of(&DATA_GOVERNANCE)),
    ],
    &[],
);
static COMPONENT_DATA_CONTENTS: Object = object(
    &[
        optional("attachment", 5, 7, Of(&ATTACHMENT)),
        optional("url", 5, 7, Text),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static COMPONENT_EVIDENCE: Object = object(
    &[
        optional("licenses", 3, 4, Array(&Of(&LICENSE_CHOICE))),
        optional("licenses", 5, 6, Either(&[Array(&Of(&LICENSE_CHOICE)), Array(&Of(&LICENSE_CHOICE_1))])),
        optional("licenses", 7, 7, Array(&Either(&[Of(&LICENSE_CHOICE), Of(&LICENSE_CHOICE_1)]))),
        optional("copyright", 3, 7, Array(&Of(&COPYRIGHT))),
        optional("identity", 5, 5, Of(&COMPONENT_EVIDENCE_IDENTITY)),
        optional(
            "identity",
            6,
            7,
            Either(&[Array(&Of(&COMPONENT_IDENTITY_EVIDENCE)), Of(&COMPONENT_IDENTITY_EVIDENCE)]),
        ),
        optional("occurrences", 5, 7, Array(&Of(&COMPONENT_EVIDENCE_OCCURRENCES))),
        optional("callstack", 5, 7, Of(&COMPONENT_EVIDENCE_CALLSTACK)),
    ],
    &[],
);
static COMPONENT_EVIDENCE_CALLSTACK: Object =
    object(&[optional("frames", 5, 7, Array(&Of(&COMPONENT_EVIDENCE_CALLSTACK_FRAMES)))], &[]);
static COMPONENT_EVIDENCE_CALLSTACK_FRAMES: Object = object(
    &[
        optional("package", 5, 7, Text),
        required("module", 5, 7, Text),
        optional("function", 5, 7, Text),
        optional("parameters", 5, 7, Array(&Text)),
        optional("line", 5, 7, Integer),
        optional("column", 5, 7, Integer),
        optional("fullFilename", 5, 7, Text),
    ],
    &[],
);
static COMPONENT_EVIDENCE_IDENTITY: Object = object(
    &[
        required("field", 5, 7, Enum(COMPONENT_EVIDENCE_IDENTITY_FIELD)),
        optional("confidence", 5, 7, Number),
        optional("methods", 5, 7, Array(&Of(&COMPONENT_EVIDENCE_IDENTITY_METHODS))),
        optional("tools", 5, 7, Set(&Either(&[Any, Text]))),
    ],
    &[],
);
static COMPONENT_EVIDENCE_IDENTITY_METHODS: Object = object(
    &[
        required("technique", 5, 7, Enum(COMPONENT_EVIDENCE_IDENTITY_METHODS_TECHNIQUE)),
        required("confidence", 5, 7, Number),
        optional("value", 5, 7, Text),
    ],
    &[],
);
static COMPONENT_EVIDENCE_OCCURRENCES: Object = object(
    &[
        optional("bom-ref", 5, 7, Nonempty),
        required("location", 5, 7, Text),
        optional("line", 6, 7, Integer),
        optional("offset", 6, 7, Integer),
        optional("symbol", 6, 7, Text),
        optional("additionalContext", 6, 7, Text),
    ],
    &[],
);
static COMPONENT_IDENTITY_EVIDENCE: Object = object(
    &[
        required("field", 6, 7, Enum(COMPONENT_IDENTITY_EVIDENCE_FIELD)),
        optional("confidence", 6, 7, Number),
        optional("concludedValue", 6, 7, Text),
        optional("methods", 6, 7, Array(&Of(&COMPONENT_IDENTITY_EVIDENCE_METHODS))),
        optional("tools", 6, 7, Set(&Either(&[Nonempty, Text]))),
    ],
    &[],
);
static COMPONENT_IDENTITY_EVIDENCE_METHODS: Object = object(
    &[
        required("technique", 6, 7, Enum(COMPONENT_IDENTITY_EVIDENCE_METHODS_TECHNIQUE)),
        required("confidence", 6, 7, Number),
        optional("value", 6, 7, Text),
    ],
    &[],
);
static COMPONENT_LICENSES: Object = object(
    &[optional("license", 2, 7, Of(&LICENSE)), optional("expression", 2, 7, Text)],
    &[ExactlyOne(&[&["license"], &["expression"]])],
);
static COMPONENT_PEDIGREE: Object = object(
    &[
        optional("ancestors", 2, 7, Array(&Of(&COMPONENT))),
        optional("descendants", 2, 7, Array(&Of(&COMPONENT))),
        optional("variants", 2, 7, Array(&Of(&COMPONENT))),
        optional("commits", 2, 7, Array(&Of(&COMMIT))),
        optional("patches", 2, 7, Array(&Of(&PATCH))),
        optional("notes", 2, 7, Text),
    ],
    &[],
);
static COMPOSITIONS: Object = object(
    &[
        required("aggregate", 3, 7, Enum(AGGREGATE_TYPE)),
        optional("assemblies", 3, 4, Set(&Text)),
        optional("assemblies", 5, 5, Set(&Either(&[Any, Text]))),
        optional("assemblies", 6, 7, Set(&Either(&[Nonempty, Text]))),
        optional("dependencies", 3, 7, Set(&Text)),
        optional("signature", 4, 7, Any),
        optional("bom-ref", 5, 7, Nonempty),
        optional("vulnerabilities", 5, 7, Set(&Text)),
    ],
    &[],
);
static CONDITION: Object = object(
    &[
        optional("description", 5, 7, Text),
        optional("expression", 5, 7, Text),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static COPYRIGHT: Object = object(&[required("text", 3, 7, Text)], &[]);
static CRYPTO_PROPERTIES: Object = object(
    &[
        required("assetType", 6, 7, Enum(CRYPTO_PROPERTIES_ASSET_TYPE)),
        optional("algorithmProperties", 6, 7, Of(&CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES)),
        optional("certificateProperties", 6, 7, Of(&CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES)),
        optional(
            "relatedCryptoMaterialProperties",
            6,
            7,
            Of(&CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES),
        ),
        optional("protocolProperties", 6, 7, Of(&CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES)),
        optional("oid", 6, 7, Text),
    ],
    &[],
);
static CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES: Object = object(
    &[
        optional("primitive", 6, 7, Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_PRIMITIVE)),
        optional("parameterSetIdentifier", 6, 7, Text),
        optional("curve", 6, 7, Text),
        optional(
            "executionEnvironment",
            6,
            7,
            Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_EXECUTION_ENVIRONMENT),
        ),
        optional(
            "implementationPlatform",
            6,
            7,
            Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_IMPLEMENTATION_PLATFORM),
        ),
        optional(
            "certificationLevel",
            6,
            7,
            Array(&Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_CERTIFICATION_LEVEL)),
        ),
        optional("mode", 6, 7, Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_MODE)),
        optional("padding", 6, 7, Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_PADDING)),
        optional(
            "cryptoFunctions",
            6,
            7,
            Array(&Enum(CRYPTO_PROPERTIES_ALGORITHM_PROPERTIES_CRYPTO_FUNCTIONS)),
        ),
        optional("classicalSecurityLevel", 6, 7, Integer),
        optional("nistQuantumSecurityLevel", 6, 7, Integer),
        optional("algorithmFamily", 7, 7, Text),
        optional("ellipticCurve", 7, 7, Text),
    ],
    &[],
);
static CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES: Object = object(
    &[
        optional("subjectName", 6, 7, Text),
        optional("issuerName", 6, 7, Text),
        optional("notValidBefore", 6, 7, DateTime),
        optional("notValidAfter", 6, 7, DateTime),
        optional("signatureAlgorithmRef", 6, 7, Nonempty),
        optional("subjectPublicKeyRef", 6, 7, Nonempty),
        optional("certificateFormat", 6, 7, Text),
        optional("certificateExtension", 6, 7, Text),
        optional("serialNumber", 7, 7, Text),
        optional("certificateFileExtension", 7, 7, Text),
        optional("fingerprint", 7, 7, Of(&HASH)),
        optional(
            "certificateState",
            7,
            7,
            Array(&Either(&[
                Of(&CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE),
                Of(&CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE_1),
            ])),
        ),
        optional("creationDate", 7, 7, DateTime),
        optional("activationDate", 7, 7, DateTime),
        optional("deactivationDate", 7, 7, DateTime),
        optional("revocationDate", 7, 7, DateTime),
        optional("destructionDate", 7, 7, DateTime),
        optional(
            "certificateExtensions",
            7,
            7,
            Array(&Either(&[
                Of(&CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS),
                Of(&CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS_1),
            ])),
        ),
        optional("relatedCryptographicAssets", 7, 7, Array(&Of(&RELATED_CRYPTOGRAPHIC_ASSET))),
    ],
    &[],
);
static CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS: Object = object(
    &[
        required(
            "commonExtensionName",
            7,
            7,
            Enum(CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS_COMMON_EXTENSION_NAME),
        ),
        required("commonExtensionValue", 7, 7, Text),
    ],
    &[],
);
static CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_EXTENSIONS_1: Object =
    object(&[required("customExtensionName", 7, 7, Text), optional("customExtensionValue", 7, 7, Text)], &[]);
static CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE: Object = object(
    &[
        required("state", 7, 7, Enum(CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE_STATE)),
        optional("reason", 7, 7, Text),
    ],
    &[],
);
static CRYPTO_PROPERTIES_CERTIFICATE_PROPERTIES_CERTIFICATE_STATE_1: Object = object(
    &[required("name", 7, 7, Text), optional("description", 7, 7, Text), optional("reason", 7, 7, Text)],
    &[],
);
static CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES: Object = object(
    &[
        optional("type", 6, 7, Enum(CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES_TYPE)),
        optional("version", 6, 7, Text),
        optional("cipherSuites", 6, 7, Array(&Of(&CIPHER_SUITE))),
        optional(
            "ikev2TransformTypes",
            6,
            7,
            Of(&CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES_IKEV2_TRANSFORM_TYPES),
        ),
        optional("cryptoRefArray", 6, 7, Array(&Nonempty)),
        optional("relatedCryptographicAssets", 7, 7, Array(&Of(&RELATED_CRYPTOGRAPHIC_ASSET))),
    ],
    &[],
);
static CRYPTO_PROPERTIES_PROTOCOL_PROPERTIES_IKEV2_TRANSFORM_TYPES: Object = object(
    &[
        optional("encr", 6, 6, Array(&Nonempty)),
        optional("encr", 7, 7, Either(&[Array(&Of(&IKE_V2_ENC)), Array(&Nonempty)])),
        optional("prf", 6, 6, Array(&Nonempty)),
        optional("prf", 7, 7, Either(&[Array(&Of(&IKE_V2_PRF)), Array(&Nonempty)])),
        optional("integ", 6, 6, Array(&Nonempty)),
        optional("integ", 7, 7, Either(&[Array(&Of(&IKE_V2_INTEG)), Array(&Nonempty)])),
        optional("ke", 6, 6, Array(&Nonempty)),
        optional("ke", 7, 7, Either(&[Array(&Of(&IKE_V2_KE)), Array(&Nonempty)])),
        optional("esn", 6, 7, Boolean),
        optional("auth", 6, 6, Array(&Nonempty)),
        optional("auth", 7, 7, Either(&[Array(&Of(&IKE_V2_AUTH)), Array(&Nonempty)])),
    ],
    &[],
);
static CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES: Object = object(
    &[
        optional("type", 6, 7, Enum(CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES_TYPE)),
        optional("id", 6, 7, Text),
        optional("state", 6, 7, Enum(CRYPTO_PROPERTIES_RELATED_CRYPTO_MATERIAL_PROPERTIES_STATE)),
        optional("algorithmRef", 6, 7, Nonempty),
        optional("creationDate", 6, 7, DateTime),
        optional("activationDate", 6, 7, DateTime),
        optional("updateDate", 6, 7, DateTime),
        optional("expirationDate", 6, 7, DateTime),
        optional("value", 6, 7, Text),
        optional("size", 6, 7, Integer),
        optional("format", 6, 7, Text),
        optional("securedBy", 6, 7, Of(&SECURED_BY)),
        optional("fingerprint", 7, 7, Of(&HASH)),
        optional("relatedCryptographicAssets", 7, 7, Array(&Of(&RELATED_CRYPTOGRAPHIC_ASSET))),
    ],
    &[],
);
static DATA_CLASSIFICATION: Object =
    object(&[required("flow", 2, 7, Enum(DATA_FLOW)), required("classification", 2, 7, Text)], &[]);
static DATA_GOVERNANCE: Object = object(
    &[
        optional("custodians", 5, 7, Array(&Of(&DATA_GOVERNANCE_RESPONSIBLE_PARTY))),
        optional("stewards", 5, 7, Array(&Of(&DATA_GOVERNANCE_RESPONSIBLE_PARTY))),
        optional("owners", 5, 7, Array(&Of(&DATA_GOVERNANCE_RESPONSIBLE_PARTY))),
    ],
    &[],
);
static DATA_GOVERNANCE_RESPONSIBLE_PARTY: Object = object(
    &[
        optional("organization", 5, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("contact", 5, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["contact"]])],
);
static DEPENDENCY: Object = object(
    &[
        required("ref", 2, 4, Nonempty),
        required("ref", 5, 5, Any),
        required("ref", 6, 7, Nonempty),
        optional("dependsOn", 2, 4, Set(&Nonempty)),
        optional("dependsOn", 5, 5, Set(&Any)),
        optional("dependsOn", 6, 7, Set(&Nonempty)),
        optional("provides", 6, 7, Set(&Nonempty)),
    ],
    &[],
);
static DIFF: Object = object(&[optional("text", 2, 7, Of(&ATTACHMENT)), optional("url", 2, 7, Text)], &[]);
static ENERGY_CONSUMPTION: Object = object(
    &[
        required("activity", 6, 7, Enum(ENERGY_CONSUMPTION_ACTIVITY)),
        required("energyProviders", 6, 7, Array(&Of(&ENERGY_PROVIDER))),
        required("activityEnergyCost", 6, 7, Of(&ENERGY_MEASURE)),
        optional("co2CostEquivalent", 6, 7, Of(&CO2_MEASURE)),
        optional("co2CostOffset", 6, 7, Of(&CO2_MEASURE)),
        optional("properties", 6, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static ENERGY_MEASURE: Object =
    object(&[required("value", 6, 7, Number), required("unit", 6, 7, Enum(ENERGY_MEASURE_UNIT))], &[]);
static ENERGY_PROVIDER: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("description", 6, 7, Text),
        required("organization", 6, 7, Of(&ORGANIZATIONAL_ENTITY)),
        required("energySource", 6, 7, Enum(ENERGY_PROVIDER_ENERGY_SOURCE)),
        required("energyProvided", 6, 7, Of(&ENERGY_MEASURE)),
        optional("externalReferences", 6, 7, Array(&Of(&EXTERNAL_REFERENCE))),
    ],
    &[],
);
static ENVIRONMENTAL_CONSIDERATIONS: Object = object(
    &[
        optional("energyConsumptions", 6, 7, Array(&Of(&ENERGY_CONSUMPTION))),
        optional("properties", 6, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static EVENT: Object = object(
    &[
        optional("uid", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("timeReceived", 5, 7, DateTime),
        optional("data", 5, 7, Of(&ATTACHMENT)),
        optional("source", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("target", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static EXTERNAL_REFERENCE: Object = object(
    &[
        required("url", 2, 7, Text),
        optional("comment", 2, 7, Text),
        required("type", 2, 7, Enum(EXTERNAL_REFERENCE_TYPE)),
        optional("hashes", 3, 7, Array(&Of(&HASH))),
        optional("properties", 7, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static FAIRNESS_ASSESSMENT: Object = object(
    &[
        optional("groupAtRisk", 5, 7, Text),
        optional("benefits", 5, 7, Text),
        optional("harms", 5, 7, Text),
        optional("mitigationStrategy", 5, 7, Text),
    ],
    &[],
);
static FORMULA: Object = object(
    &[
        optional("bom-ref", 5, 7, Nonempty),
        optional("components", 5, 7, Set(&Of(&COMPONENT))),
        optional("services", 5, 7, Set(&Of(&SERVICE))),
        optional("workflows", 5, 7, Set(&Of(&WORKFLOW))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static GRAPHIC: Object =
    object(&[optional("name", 5, 7, Text), optional("image", 5, 7, Of(&ATTACHMENT))], &[]);
static GRAPHICS_COLLECTION: Object =
    object(&[optional("description", 5, 7, Text), optional("collection", 5, 7, Array(&Of(&GRAPHIC)))], &[]);
static HASH: Object =
    object(&[required("alg", 2, 7, Enum(HASH_ALG)), required("content", 2, 7, HashContent)], &[]);
static IDENTIFIABLE_ACTION: Object = object(
    &[optional("timestamp", 2, 7, DateTime), optional("name", 2, 7, Text), optional("email", 2, 7, Text)],
    &[],
);
static IKE_V2_AUTH: Object =
    object(&[optional("name", 7, 7, Text), optional("algorithm", 7, 7, Nonempty)], &[]);
static IKE_V2_ENC: Object = object(
    &[
        optional("name", 7, 7, Text),
        optional("keyLength", 7, 7, Integer),
        optional("algorithm", 7, 7, Nonempty),
    ],
    &[],
);
static IKE_V2_INTEG: Object =
    object(&[optional("name", 7, 7, Text), optional("algorithm", 7, 7, Nonempty)], &[]);
static IKE_V2_KE: Object =
    object(&[optional("group", 7, 7, Integer), optional("algorithm", 7, 7, Nonempty)], &[]);
static IKE_V2_PRF: Object =
    object(&[optional("name", 7, 7, Text), optional("algorithm", 7, 7, Nonempty)], &[]);
static INPUT_OUTPUT_MLPARAMETERS: Object = object(&[optional("format", 5, 7, Text)], &[]);
static INPUT_TYPE: Object = object(
    &[
        optional("source", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("target", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("resource", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("parameters", 5, 7, Set(&Of(&PARAMETER))),
        optional("environmentVars", 5, 7, Set(&Either(&[Of(&PROPERTY), Text]))),
        optional("data", 5, 7, Of(&ATTACHMENT)),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[ExactlyOne(&[&["resource"], &["parameters"], &["environmentVars"], &["data"]])],
);
static ISSUE: Object = object(
    &[
        required("type", 2, 7, Enum(ISSUE_TYPE)),
        optional("id", 2, 7, Text),
        optional("name", 2, 7, Text),
        optional("description", 2, 7, Text),
        optional("source", 2, 7, Of(&ISSUE_SOURCE)),
        optional("references", 2, 2, Array(&Any)),
        optional("references", 3, 7, Array(&Text)),
    ],
    &[],
);
static ISSUE_SOURCE: Object = object(&[optional("name", 2, 7, Text), optional("url", 2, 7, Text)], &[]);
static LICENSE: Object = object(
    &[
        optional("id", 2, 7, LicenseId),
        optional("name", 2, 7, Text),
        optional("text", 2, 7, Of(&ATTACHMENT)),
        optional("url", 2, 7, Text),
        optional("bom-ref", 5, 7, Nonempty),
        optional("licensing", 5, 6, Of(&LICENSE_LICENSING)),
        optional("licensing", 7, 7, Of(&LICENSING)),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
        optional("acknowledgement", 6, 7, Enum(LICENSE_ACKNOWLEDGEMENT_ENUMERATION)),
    ],
    &[ExactlyOne(&[&["id"], &["name"]])],
);
static LICENSE_CHOICE: Object = object(
    &[
        optional("license", 3, 4, Of(&LICENSE)),
        required("license", 5, 7, Of(&LICENSE)),
        optional("expression", 3, 4, Text),
    ],
    &[ExactlyOne(&[&["license"], &["expression"]])],
);
static LICENSE_CHOICE_1: Object = object(
    &[
        required("expression", 5, 7, Text),
        optional("bom-ref", 5, 7, Nonempty),
        optional("acknowledgement", 6, 7, Enum(LICENSE_ACKNOWLEDGEMENT_ENUMERATION)),
        optional("expressionDetails", 7, 7, Array(&Of(&LICENSE_CHOICE_1_EXPRESSION_DETAILS))),
        optional("licensing", 7, 7, Of(&LICENSING)),
        optional("properties", 7, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static LICENSE_CHOICE_1_EXPRESSION_DETAILS: Object = object(
    &[
        required("licenseIdentifier", 7, 7, Text),
        optional("bom-ref", 7, 7, Nonempty),
        optional("text", 7, 7, Of(&ATTACHMENT)),
        optional("url", 7, 7, Text),
    ],
    &[],
);
static LICENSE_LICENSING: Object = object(
    &[
        optional("altIds", 5, 7, Array(&Text)),
        optional("licensor", 5, 7, Of(&LICENSE_LICENSING_LICENSOR)),
        optional("licensee", 5, 7, Of(&LICENSE_LICENSING_LICENSEE)),
        optional("purchaser", 5, 7, Of(&LICENSE_LICENSING_PURCHASER)),
        optional("purchaseOrder", 5, 7, Text),
        optional("licenseTypes", 5, 7, Array(&Enum(LICENSE_LICENSING_LICENSE_TYPES))),
        optional("lastRenewal", 5, 7, DateTime),
        optional("expiration", 5, 7, DateTime),
    ],
    &[],
);
static LICENSE_LICENSING_LICENSEE: Object = object(
    &[
        optional("organization", 5, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 5, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static LICENSE_LICENSING_LICENSOR: Object = object(
    &[
        optional("organization", 5, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 5, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static LICENSE_LICENSING_PURCHASER: Object = object(
    &[
        optional("organization", 5, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 5, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static LICENSING: Object = object(
    &[
        optional("altIds", 7, 7, Array(&Text)),
        optional("licensor", 7, 7, Of(&LICENSING_LICENSOR)),
        optional("licensee", 7, 7, Of(&LICENSING_LICENSEE)),
        optional("purchaser", 7, 7, Of(&LICENSING_PURCHASER)),
        optional("purchaseOrder", 7, 7, Text),
        optional("licenseTypes", 7, 7, Array(&Enum(LICENSING_LICENSE_TYPES))),
        optional("lastRenewal", 7, 7, DateTime),
        optional("expiration", 7, 7, DateTime),
    ],
    &[],
);
static LICENSING_LICENSEE: Object = object(
    &[
        optional("organization", 7, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 7, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static LICENSING_LICENSOR: Object = object(
    &[
        optional("organization", 7, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 7, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static LICENSING_PURCHASER: Object = object(
    &[
        optional("organization", 7, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("individual", 7, 7, Of(&ORGANIZATIONAL_CONTACT)),
    ],
    &[ExactlyOne(&[&["organization"], &["individual"]])],
);
static METADATA: Object = object(
    &[
        optional("timestamp", 2, 7, DateTime),
        optional("tools", 2, 4, Array(&Of(&TOOL))),
        optional("tools", 5, 7, Either(&[Of(&METADATA_TOOLS), Array(&Of(&TOOL))])),
        optional("authors", 2, 7, Array(&Of(&ORGANIZATIONAL_CONTACT))),
        optional("component", 2, 7, Of(&COMPONENT)),
        optional("manufacture", 2, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("supplier", 2, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("licenses", 3, 4, Array(&Of(&LICENSE_CHOICE))),
        optional("licenses", 5, 6, Either(&[Array(&Of(&LICENSE_CHOICE)), Array(&Of(&LICENSE_CHOICE_1))])),
        optional("licenses", 7, 7, Array(&Either(&[Of(&LICENSE_CHOICE), Of(&LICENSE_CHOICE_1)]))),
        optional("properties", 3, 7, Array(&Of(&PROPERTY))),
        optional("lifecycles", 5, 7, Array(&Either(&[Of(&METADATA_LIFECYCLES), Of(&METADATA_LIFECYCLES_1)]))),
        optional("manufacturer", 6, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("distributionConstraints", 7, 7, Of(&METADATA_DISTRIBUTION_CONSTRAINTS)),
    ],
    &[],
);
static METADATA_DISTRIBUTION_CONSTRAINTS: Object =
    object(&[optional("tlp", 7, 7, Enum(TLP_CLASSIFICATION))], &[]);
static METADATA_LIFECYCLES: Object = object(&[required("phase", 5, 7, Enum(METADATA_LIFECYCLES_PHASE))], &[]);
static METADATA_LIFECYCLES_1: Object =
    object(&[required("name", 5, 7, Text), optional("description", 5, 7, Text)], &[]);
static METADATA_TOOLS: Object = object(
    &[optional("components", 5, 7, Set(&Of(&COMPONENT))), optional("services", 5, 7, Set(&Of(&SERVICE)))],
    &[],
);
static MODEL_CARD: Object = object(
    &[
        optional("bom-ref", 5, 7, Nonempty),
        optional("modelParameters", 5, 7, Of(&MODEL_CARD_MODEL_PARAMETERS)),
        optional("quantitativeAnalysis", 5, 7, Of(&MODEL_CARD_QUANTITATIVE_ANALYSIS)),
        optional("considerations", 5, 7, Of(&MODEL_CARD_CONSIDERATIONS)),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static MODEL_CARD_CONSIDERATIONS: Object = object(
    &[
        optional("users", 5, 7, Array(&Text)),
        optional("useCases", 5, 7, Array(&Text)),
        optional("technicalLimitations", 5, 7, Array(&Text)),
        optional("performanceTradeoffs", 5, 7, Array(&Text)),
        optional("ethicalConsiderations", 5, 7, Array(&Of(&RISK))),
        optional("fairnessAssessments", 5, 7, Array(&Of(&FAIRNESS_ASSESSMENT))),
        optional("environmentalConsiderations", 6, 7, Of(&ENVIRONMENTAL_CONSIDERATIONS)),
    ],
    &[],
);
static MODEL_CARD_MODEL_PARAMETERS: Object = object(
    &[
        optional("approach", 5, 7, Of(&MODEL_CARD_MODEL_PARAMETERS_APPROACH)),
        optional("task", 5, 7, Text),
        optional("architectureFamily", 5, 7, Text),
        optional("modelArchitecture", 5, 7, Text),
        optional(
            "datasets",
            5,
            7,
            Array(&Either(&[Of(&COMPONENT_DATA), Of(&MODEL_CARD_MODEL_PARAMETERS_DATASETS_1)])),
        ),
        optional("inputs", 5, 7, Array(&Of(&INPUT_OUTPUT_MLPARAMETERS))),
        optional("outputs", 5, 7, Array(&Of(&INPUT_OUTPUT_MLPARAMETERS))),
    ],
    &[],
);
static MODEL_CARD_MODEL_PARAMETERS_APPROACH: Object =
    object(&[optional("type", 5, 7, Enum(MODEL_CARD_MODEL_PARAMETERS_APPROACH_TYPE))], &[]);
static MODEL_CARD_MODEL_PARAMETERS_DATASETS_1: Object = object(
    &[optional("ref", 5, 5, Either(&[Any, Text])), optional("ref", 6, 7, Either(&[Nonempty, Text]))],
    &[],
);
static MODEL_CARD_QUANTITATIVE_ANALYSIS: Object = object(
    &[
        optional("performanceMetrics", 5, 7, Array(&Of(&PERFORMANCE_METRIC))),
        optional("graphics", 5, 7, Of(&GRAPHICS_COLLECTION)),
    ],
    &[],
);
static NOTE: Object = object(&[optional("locale", 4, 7, Text), required("text", 4, 7, Of(&ATTACHMENT))], &[]);
static ORGANIZATIONAL_CONTACT: Object = object(
    &[
        optional("name", 2, 7, Text),
        optional("email", 2, 7, Text),
        optional("phone", 2, 7, Text),
        optional("bom-ref", 5, 7, Nonempty),
    ],
    &[],
);
static ORGANIZATIONAL_ENTITY: Object = object(
    &[
        optional("name", 2, 7, Text),
        optional("url", 2, 2, Array(&Any)),
        optional("url", 3, 7, Array(&Text)),
        optional("contact", 2, 7, Array(&Of(&ORGANIZATIONAL_CONTACT))),
        optional("bom-ref", 5, 7, Nonempty),
        optional("address", 6, 7, Of(&POSTAL_ADDRESS)),
    ],
    &[],
);
static OUTPUT_TYPE: Object = object(
    &[
        optional("type", 5, 7, Enum(OUTPUT_TYPE_TYPE)),
        optional("source", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("target", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("resource", 5, 7, Of(&RESOURCE_REFERENCE_CHOICE)),
        optional("data", 5, 7, Of(&ATTACHMENT)),
        optional("environmentVars", 5, 7, Set(&Either(&[Of(&PROPERTY), Text]))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[ExactlyOne(&[&["resource"], &["environmentVars"], &["data"]])],
);
static PARAMETER: Object = object(
    &[optional("name", 5, 7, Text), optional("value", 5, 7, Text), optional("dataType", 5, 7, Text)],
    &[],
);
static PATCH: Object = object(
    &[
        required("type", 2, 7, Enum(PATCH_TYPE)),
        optional("diff", 2, 7, Of(&DIFF)),
        optional("resolves", 2, 7, Array(&Of(&ISSUE))),
    ],
    &[],
);
static PATENT: Object = object(
    &[
        optional("bom-ref", 7, 7, Nonempty),
        required("patentNumber", 7, 7, Text),
        optional("applicationNumber", 7, 7, Text),
        required("jurisdiction", 7, 7, Text),
        optional("priorityApplication", 7, 7, Of(&PRIORITY_APPLICATION)),
        optional("publicationNumber", 7, 7, Text),
        optional("title", 7, 7, Text),
        optional("abstract", 7, 7, Text),
        optional("filingDate", 7, 7, Text),
        optional("grantDate", 7, 7, Text),
        optional("patentExpirationDate", 7, 7, Text),
        required("patentLegalStatus", 7, 7, Enum(PATENT_PATENT_LEGAL_STATUS)),
        optional(
            "patentAssignee",
            7,
            7,
            Array(&Either(&[Of(&ORGANIZATIONAL_CONTACT), Of(&ORGANIZATIONAL_ENTITY)])),
        ),
        optional("externalReferences", 7, 7, Array(&Of(&EXTERNAL_REFERENCE))),
    ],
    &[],
);
static PATENT_ASSERTIONS: Object = object(
    &[
        optional("bom-ref", 7, 7, Nonempty),
        required("assertionType", 7, 7, Enum(PATENT_ASSERTIONS_ASSERTION_TYPE)),
        optional("patentRefs", 7, 7, Array(&Nonempty)),
        required(
            "asserter",
            7,
            7,
            Either(&[Of(&ORGANIZATIONAL_ENTITY), Of(&ORGANIZATIONAL_CONTACT), Nonempty]),
        ),
        optional("notes", 7, 7, Text),
    ],
    &[],
);
static PATENT_FAMILY: Object = object(
    &[
        optional("bom-ref", 7, 7, Nonempty),
        required("familyId", 7, 7, Text),
        optional("priorityApplication", 7, 7, Of(&PRIORITY_APPLICATION)),
        optional("members", 7, 7, Array(&Nonempty)),
        optional("externalReferences", 7, 7, Array(&Of(&EXTERNAL_REFERENCE))),
    ],
    &[],
);
static PERFORMANCE_METRIC: Object = object(
    &[
        optional("type", 5, 7, Text),
        optional("value", 5, 7, Text),
        optional("slice", 5, 7, Text),
        optional("confidenceInterval", 5, 7, Of(&PERFORMANCE_METRIC_CONFIDENCE_INTERVAL)),
    ],
    &[],
);
static PERFORMANCE_METRIC_CONFIDENCE_INTERVAL: Object =
    object(&[optional("lowerBound", 5, 7, Text), optional("upperBound", 5, 7, Text)], &[]);
static POSTAL_ADDRESS: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("country", 6, 7, Text),
        optional("region", 6, 7, Text),
        optional("locality", 6, 7, Text),
        optional("postOfficeBoxNumber", 6, 7, Text),
        optional("postalCode", 6, 7, Text),
        optional("streetAddress", 6, 7, Text),
    ],
    &[],
);
static PRIORITY_APPLICATION: Object = object(
    &[
        required("applicationNumber", 7, 7, Text),
        required("jurisdiction", 7, 7, Text),
        required("filingDate", 7, 7, Text),
    ],
    &[],
);
static PROPERTY: Object =
    object(&[optional("name", 3, 5, Text), required("name", 6, 7, Text), optional("value", 3, 7, Text)], &[]);
static RATING: Object = object(
    &[
        optional("source", 4, 7, Of(&VULNERABILITY_SOURCE)),
        optional("score", 4, 7, Number),
        optional("severity", 4, 7, Enum(SEVERITY)),
        optional("method", 4, 7, Enum(SCORE_METHOD)),
        optional("vector", 4, 7, Text),
        optional("justification", 4, 7, Text),
    ],
    &[],
);
static RELATED_CRYPTOGRAPHIC_ASSET: Object =
    object(&[optional("type", 7, 7, Text), optional("ref", 7, 7, Nonempty)], &[]);
static RELEASE_NOTES: Object = object(
    &[
        required("type", 4, 7, Text),
        optional("title", 4, 7, Text),
        optional("featuredImage", 4, 7, Text),
        optional("socialImage", 4, 7, Text),
        optional("description", 4, 7, Text),
        optional("timestamp", 4, 7, DateTime),
        optional("aliases", 4, 7, Array(&Text)),
        optional("tags", 4, 7, Array(&Text)),
        optional("resolves", 4, 7, Array(&Of(&ISSUE))),
        optional("notes", 4, 7, Array(&Of(&NOTE))),
        optional("properties", 4, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static RESOURCE_REFERENCE_CHOICE: Object = object(
    &[
        optional("ref", 5, 5, Either(&[Any, Text])),
        optional("ref", 6, 7, Either(&[Nonempty, Text])),
        optional("externalReference", 5, 7, Of(&EXTERNAL_REFERENCE)),
    ],
    &[ExactlyOne(&[&["ref"], &["externalReference"]])],
);
static RISK: Object =
    object(&[optional("name", 5, 7, Text), optional("mitigationStrategy", 5, 7, Text)], &[]);
static SECURED_BY: Object =
    object(&[optional("mechanism", 6, 7, Text), optional("algorithmRef", 6, 7, Nonempty)], &[]);
static SERVICE: Object = object(
    &[
        optional("bom-ref", 2, 7, Nonempty),
        optional("provider", 2, 7, Of(&ORGANIZATIONAL_ENTITY)),
        optional("group", 2, 7, Text),
        required("name", 2, 7, Text),
        optional("version", 2, 7, Text),
        optional("description", 2, 7, Text),
        optional("endpoints", 2, 2, Array(&Any)),
        optional("endpoints", 3, 7, Array(&Text)),
        optional("authenticated", 2, 7, Boolean),
        optional("x-trust-boundary", 2, 7, Boolean),
        optional("data", 2, 4, Array(&Of(&DATA_CLASSIFICATION))),
        optional("data", 5, 7, Array(&Of(&SERVICE_DATA))),
        optional("licenses", 2, 2, Array(&Of(&SERVICE_LICENSES))),
        optional("licenses", 3, 4, Array(&Of(&LICENSE_CHOICE))),
        optional("licenses", 5, 6, Either(&[Array(&Of(&LICENSE_CHOICE)), Array(&Of(&LICENSE_CHOICE_1))])),
        optional("licenses", 7, 7, Array(&Either(&[Of(&LICENSE_CHOICE), Of(&LICENSE_CHOICE_1)]))),
        optional("externalReferences", 2, 7, Array(&Of(&EXTERNAL_REFERENCE))),
        optional("services", 2, 7, Set(&Of(&SERVICE))),
        optional("properties", 3, 7, Array(&Of(&PROPERTY))),
        optional("releaseNotes", 4, 7, Of(&RELEASE_NOTES)),
        optional("signature", 4, 7, Any),
        optional("trustZone", 5, 7, Text),
        optional("tags", 6, 7, Array(&Text)),
        optional("patentAssertions", 7, 7, Array(&Of(&PATENT_ASSERTIONS))),
    ],
    &[],
);
static SERVICE_DATA: Object = object(
    &[
        required("flow", 5, 7, Enum(DATA_FLOW_DIRECTION)),
        required("classification", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("governance", 5, 7, Of(&DATA_GOVERNANCE)),
        optional("source", 5, 7, Array(&Text)),
        optional("destination", 5, 7, Array(&Text)),
    ],
    &[],
);
static SERVICE_LICENSES: Object = object(
    &[optional("license", 2, 7, Of(&LICENSE)), optional("expression", 2, 7, Text)],
    &[ExactlyOne(&[&["license"], &["expression"]])],
);
static STANDARD: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("name", 6, 7, Text),
        optional("version", 6, 7, Text),
        optional("description", 6, 7, Text),
        optional("owner", 6, 7, Text),
        optional("requirements", 6, 7, Array(&Of(&STANDARD_REQUIREMENTS))),
        optional("levels", 6, 7, Array(&Of(&STANDARD_LEVELS))),
        optional("externalReferences", 6, 7, Array(&Of(&EXTERNAL_REFERENCE))),
        optional("signature", 6, 7, Any),
    ],
    &[],
);
static STANDARD_LEVELS: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("identifier", 6, 7, Text),
        optional("title", 6, 7, Text),
        optional("description", 6, 7, Text),
        optional("requirements", 6, 7, Array(&Nonempty)),
    ],
    &[],
);
static STANDARD_REQUIREMENTS: Object = object(
    &[
        optional("bom-ref", 6, 7, Nonempty),
        optional("identifier", 6, 7, Text),
        optional("title", 6, 7, Text),
        optional("text", 6, 7, Text),
        optional("descriptions", 6, 7, Array(&Text)),
        optional("openCre", 6, 7, Array(&Text)),
        optional("parent", 6, 7, Nonempty),
        optional("properties", 6, 7, Array(&Of(&PROPERTY))),
        optional("externalReferences", 6, 7, Array(&Of(&EXTERNAL_REFERENCE))),
    ],
    &[],
);
static STEP: Object = object(
    &[
        optional("name", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("commands", 5, 7, Array(&Of(&COMMAND))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static SWID: Object = object(
    &[
        required("tagId", 2, 7, Text),
        required("name", 2, 7, Text),
        optional("version", 2, 7, Text),
        optional("tagVersion", 2, 7, Integer),
        optional("patch", 2, 7, Boolean),
        optional("text", 2, 7, Of(&ATTACHMENT)),
        optional("url", 2, 7, Text),
    ],
    &[],
);
static TASK: Object = object(
    &[
        required("bom-ref", 5, 7, Nonempty),
        required("uid", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("resourceReferences", 5, 7, Set(&Of(&RESOURCE_REFERENCE_CHOICE))),
        required("taskTypes", 5, 7, Array(&Enum(TASK_TYPE))),
        optional("trigger", 5, 7, Of(&TRIGGER)),
        optional("steps", 5, 7, Set(&Of(&STEP))),
        optional("inputs", 5, 7, Set(&Of(&INPUT_TYPE))),
        optional("outputs", 5, 7, Set(&Of(&OUTPUT_TYPE))),
        optional("timeStart", 5, 7, DateTime),
        optional("timeEnd", 5, 7, DateTime),
        optional("workspaces", 5, 7, Set(&Of(&WORKSPACE))),
        optional("runtimeTopology", 5, 7, Set(&Of(&DEPENDENCY))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static TOOL: Object = object(
    &[
        optional("vendor", 2, 7, Text),
        optional("name", 2, 7, Text),
        optional("version", 2, 7, Text),
        optional("hashes", 2, 7, Array(&Of(&HASH))),
        optional("externalReferences", 4, 7, Array(&Of(&EXTERNAL_REFERENCE))),
    ],
    &[],
);
static TRIGGER: Object = object(
    &[
        required("bom-ref", 5, 7, Nonempty),
        required("uid", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("resourceReferences", 5, 7, Set(&Of(&RESOURCE_REFERENCE_CHOICE))),
        required("type", 5, 7, Enum(TRIGGER_TYPE)),
        optional("event", 5, 7, Of(&EVENT)),
        optional("conditions", 5, 7, Set(&Of(&CONDITION))),
        optional("timeActivated", 5, 7, DateTime),
        optional("inputs", 5, 7, Set(&Of(&INPUT_TYPE))),
        optional("outputs", 5, 7, Set(&Of(&OUTPUT_TYPE))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static VOLUME: Object = object(
    &[
        optional("uid", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("mode", 5, 7, Enum(VOLUME_MODE)),
        optional("path", 5, 7, Text),
        optional("sizeAllocated", 5, 7, Text),
        optional("persistent", 5, 7, Boolean),
        optional("remote", 5, 7, Boolean),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static VULNERABILITY: Object = object(
    &[
        optional("bom-ref", 4, 7, Nonempty),
        optional("id", 4, 7, Text),
        optional("source", 4, 7, Of(&VULNERABILITY_SOURCE)),
        optional("references", 4, 7, Array(&Of(&VULNERABILITY_REFERENCES))),
        optional("ratings", 4, 7, Array(&Of(&RATING))),
        optional("cwes", 4, 7, Array(&Integer)),
        optional("description", 4, 7, Text),
        optional("detail", 4, 7, Text),
        optional("recommendation", 4, 7, Text),
        optional("advisories", 4, 7, Array(&Of(&ADVISORY))),
        optional("created", 4, 7, DateTime),
        optional("published", 4, 7, DateTime),
        optional("updated", 4, 7, DateTime),
        optional("credits", 4, 7, Of(&VULNERABILITY_CREDITS)),
        optional("tools", 4, 4, Array(&Of(&TOOL))),
        optional("tools", 5, 7, Either(&[Of(&VULNERABILITY_TOOLS), Array(&Of(&TOOL))])),
        optional("analysis", 4, 7, Of(&VULNERABILITY_ANALYSIS)),
        optional("affects", 4, 7, Set(&Of(&VULNERABILITY_AFFECTS))),
        optional("properties", 4, 7, Array(&Of(&PROPERTY))),
        optional("workaround", 5, 7, Text),
        optional("proofOfConcept", 5, 7, Of(&VULNERABILITY_PROOF_OF_CONCEPT)),
        optional("rejected", 5, 7, DateTime),
    ],
    &[],
);
static VULNERABILITY_AFFECTS: Object = object(
    &[
        required("ref", 4, 4, Nonempty),
        required("ref", 5, 5, Either(&[Any, Text])),
        required("ref", 6, 7, Either(&[Nonempty, Text])),
        optional("versions", 4, 7, Array(&Of(&VULNERABILITY_AFFECTS_VERSIONS))),
    ],
    &[],
);
static VULNERABILITY_AFFECTS_VERSIONS: Object = object(
    &[
        optional("version", 4, 5, Nonempty),
        optional("version", 6, 7, Text),
        optional("range", 4, 7, Nonempty),
        optional("status", 4, 7, Enum(AFFECTED_STATUS)),
    ],
    &[ExactlyOne(&[&["version"], &["range"]])],
);
static VULNERABILITY_ANALYSIS: Object = object(
    &[
        optional("state", 4, 7, Enum(IMPACT_ANALYSIS_STATE)),
        optional("justification", 4, 7, Enum(IMPACT_ANALYSIS_JUSTIFICATION)),
        optional("response", 4, 7, Array(&Enum(VULNERABILITY_ANALYSIS_RESPONSE))),
        optional("detail", 4, 7, Text),
        optional("firstIssued", 5, 7, DateTime),
        optional("lastUpdated", 5, 7, DateTime),
    ],
    &[],
);
static VULNERABILITY_CREDITS: Object = object(
    &[
        optional("organizations", 4, 7, Array(&Of(&ORGANIZATIONAL_ENTITY))),
        optional("individuals", 4, 7, Array(&Of(&ORGANIZATIONAL_CONTACT))),
    ],
    &[],
);
static VULNERABILITY_PROOF_OF_CONCEPT: Object = object(
    &[
        optional("reproductionSteps", 5, 7, Text),
        optional("environment", 5, 7, Text),
        optional("supportingMaterial", 5, 7, Array(&Of(&ATTACHMENT))),
    ],
    &[],
);
static VULNERABILITY_REFERENCES: Object =
    object(&[required("id", 4, 7, Text), required("source", 4, 7, Of(&VULNERABILITY_SOURCE))], &[]);
static VULNERABILITY_SOURCE: Object =
    object(&[optional("url", 4, 7, Text), optional("name", 4, 7, Text)], &[]);
static VULNERABILITY_TOOLS: Object = object(
    &[optional("components", 5, 7, Set(&Of(&COMPONENT))), optional("services", 5, 7, Set(&Of(&SERVICE)))],
    &[],
);
static WORKFLOW: Object = object(
    &[
        required("bom-ref", 5, 7, Nonempty),
        required("uid", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("description", 5, 7, Text),
        optional("resourceReferences", 5, 7, Set(&Of(&RESOURCE_REFERENCE_CHOICE))),
        optional("tasks", 5, 7, Set(&Of(&TASK))),
        optional("taskDependencies", 5, 7, Set(&Of(&DEPENDENCY))),
        required("taskTypes", 5, 7, Array(&Enum(TASK_TYPE))),
        optional("trigger", 5, 7, Of(&TRIGGER)),
        optional("steps", 5, 7, Set(&Of(&STEP))),
        optional("inputs", 5, 7, Set(&Of(&INPUT_TYPE))),
        optional("outputs", 5, 7, Set(&Of(&OUTPUT_TYPE))),
        optional("timeStart", 5, 7, DateTime),
        optional("timeEnd", 5, 7, DateTime),
        optional("workspaces", 5, 7, Set(&Of(&WORKSPACE))),
        optional("runtimeTopology", 5, 7, Set(&Of(&DEPENDENCY))),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
static WORKSPACE: Object = object(
    &[
        required("bom-ref", 5, 7, Nonempty),
        required("uid", 5, 7, Text),
        optional("name", 5, 7, Text),
        optional("aliases", 5, 7, Array(&Text)),
        optional("description", 5, 7, Text),
        optional("resourceReferences", 5, 7, Set(&Of(&RESOURCE_REFERENCE_CHOICE))),
        optional("accessMode", 5, 7, Enum(WORKSPACE_ACCESS_MODE)),
        optional("mountPath", 5, 7, Text),
        optional("managedDataType", 5, 7, Text),
        optional("volumeRequest", 5, 7, Text),
        optional("volume", 5, 7, Of(&VOLUME)),
        optional("properties", 5, 7, Array(&Of(&PROPERTY))),
    ],
    &[],
);
