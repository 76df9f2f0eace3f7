//! Verdicts, and what runs, in the forms that other programs and people read.
//!
//! | file | holds |
//! |---|---|
//! | `policy_report` | `PolicyReport` and `Report`, as Kubernetes keeps them |
//! | `sarif` | [`to_sarif`](sarif::to_sarif): for viewers of static analysis |
//! | `summary` | [`Verdict::to_summaries`](crate::Verdict::to_summaries): SLSA verification summaries |
//! | `page` | [`Page`](page::Page): HTML |

pub(crate) mod page;
pub(crate) mod policy_report;
pub(crate) mod sarif;
mod summary;
