//! Certificates, logs and timestamp authorities that a policy names itself, instead of those of the trust root.

use trust_core::internal::pem;
use trust_core::{Authority, LogKey, PublicKey, TimeWindow};

use crate::language::reader::signer::certificates_of;
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::policy_set::Lint;
use crate::policy::signer::{Attestor, OwnRoots, Signer};

#[derive(Clone)]
pub(super) struct Logs {
    needs_log_entry: bool,
    needs_certificate_log: bool,
    roots: OwnRoots,
    /// What of them cannot be used.
    unsupported: Option<&'static str>,
}

impl Logs {
    pub(super) fn apply(self, attestor: &mut Attestor) {
        attestor.needs_log_entry = self.needs_log_entry;
        attestor.needs_certificate_log = self.needs_certificate_log;
        if self.roots != OwnRoots::default() {
            attestor.roots = Some(Box::new(self.roots));
        }
        if let Some(what) = self.unsupported {
            attestor.signer = Signer::Unsupported(what);
        }
    }
}

/// `rekor` and `ctlog`: whether log entries are needed, and which logs and timestamp authorities are trusted instead of the
/// trust root's.
pub(super) fn read_logs(fields: &mut Fields<'_>, lints: &mut Vec<Lint>) -> Result<Logs, PolicyError> {
    let mut logs = Logs {
        needs_log_entry: true,
        needs_certificate_log: true,
        roots: OwnRoots::default(),
        unsupported: None,
    };
    if let Some(rekor) = fields.get("rekor") {
        let mut fields = rekor.fields()?;
        let url = fields.get("url").map(|url| url.text()).transpose()?.unwrap_or_default();
        logs.needs_log_entry = !fields.get("ignoreTlog").map(|at| at.boolean()).transpose()?.unwrap_or(false);
        logs.roots.transparency_logs = log_keys(fields.get("pubkey"), url, &mut logs.unsupported, lints);
        fields.finish()?;
    }
    if let Some(ctlog) = fields.get("ctlog") {
        let mut fields = ctlog.fields()?;
        let url = fields.get("url").map(|url| url.text()).transpose()?.unwrap_or_default();
        logs.needs_certificate_log =
            !fields.get("ignoreSCT").map(|at| at.boolean()).transpose()?.unwrap_or(false);
        logs.roots.certificate_logs = log_keys(fields.get("pubkey"), url, &mut logs.unsupported, lints);
        if let Some(at) = fields.get("tsaCertChain").filter(|at| at.text() != Ok("")) {
            match certificates_of(&at) {
                Ok(chain) => {
                    let authority = Authority::assertion("the policy", chain, TimeWindow::ALWAYS);
                    logs.roots.timestamp_authorities = Some(vec![authority]);
                }
                Err(problem) => {
                    lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
                    logs.unsupported = Some("signatures with a timestamp authority that cannot be read");
                }
            }
        }
        fields.finish()?;
    }
    Ok(logs)
}

/// The keys of a log that the policy names.
fn log_keys(
    at: Option<At<'_>>,
    url: &str,
    unsupported: &mut Option<&'static str>,
    lints: &mut Vec<Lint>,
) -> Option<Vec<LogKey>> {
    let at = at.filter(|at| at.text() != Ok(""))?;
    let blocks = pem::split_blocks(at.text().unwrap_or_default());
    let keys: Result<Vec<_>, _> = blocks.into_iter().map(PublicKey::from_pem).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => {
            Some(keys.into_iter().map(|key| LogKey::assertion(url, key, TimeWindow::ALWAYS)).collect())
        }
        _ => {
            lints.push(at.lint("cannot be used, so it can never be satisfied"));
            *unsupported = Some("signatures in a log whose key cannot be read");
            None
        }
    }
}
