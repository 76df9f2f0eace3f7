//! What every policy language compiles to.
//!
//! | file | holds |
//! |---|---|
//! | `mode` | [`Mode`](crate::Mode): what a violation does |
//! | `notation_trust` | [`NotationTrust`](crate::NotationTrust): the signers that a trust policy of the Notary Project trusts |
//! | `signer` | [`AttestorSet`](crate::AttestorSet): who must have signed |
//! | `resource_match` | [`ResourceMatch`](crate::ResourceMatch): which requests a rule is about |
//! | `shape` | [`Shape`](crate::Shape): what a JSON value must be, field by field |
//! | `overlay` | [`Overlay`](crate::Overlay): forms of resources |
//! | `check` | [`Check`](crate::Check): an embedder's own requirement |
//! | `validation` | [`ValidationRule`](crate::ValidationRule): what expressions in CEL require |
//! | `image_rule` | [`ImageRule`](crate::ImageRule): what is required of images |
//! | `policy_set` | [`PolicySet`](crate::PolicySet): policies, their rules, their exceptions |

pub(crate) mod mode;
pub(crate) mod notation_trust;
pub(crate) mod shape;

pub(crate) mod signer;

pub(crate) mod resource_match;

pub(crate) mod overlay;

pub(crate) mod check;
pub(crate) mod image_rule;
pub(crate) mod validation;

pub(crate) mod policy_set;
