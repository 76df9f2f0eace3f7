//! What the checks of a signature of the Notary Project found, for verdicts.

use trust_core::notation::{Action, Check, CheckError, Checked, EnvelopeError, VerifiedEnvelope};
use trust_core::revocation::RevocationError;
use trust_core::{Certificate, Reasons, UnixTime};

use crate::verdict::Explanation;
use crate::verdict::reason::ReasonCode;

/// The signer, by the subject of its certificate: what tells signers apart.
pub(super) fn signer_of(verified: &VerifiedEnvelope) -> String {
    let leaf = verified.certificates().first();
    let subject = || leaf.map(Certificate::subject).unwrap_or_default();
    verified.identity().map_or_else(|_| subject(), |name| name.to_string())
}

/// Each check with its result, and with details of the signature where it counts.
pub(super) fn explained(
    checks: &[Checked],
    known: Option<(&VerifiedEnvelope, Option<UnixTime>)>,
) -> Vec<Explanation> {
    let explain = |one: &Checked| match (&one.problem, one.action) {
        (None, _) => Explanation::pass(one.check.name(), passed(one.check, known)),
        (Some(problem), Action::Enforce) => {
            Explanation::fail(one.check.name(), code_of(problem), Reasons(problem).to_string())
        }
        (Some(problem), _) => {
            let message = format!("fails, which the policy only logs: {}", Reasons(problem));
            Explanation::skip(one.check.name(), message)
        }
    };
    checks.iter().map(explain).collect()
}

fn passed(check: Check, known: Option<(&VerifiedEnvelope, Option<UnixTime>)>) -> String {
    let Some((verified, signed)) = known else { return "holds".to_owned() };
    match check {
        Check::Integrity => {
            let leaf = verified.certificates().first().map(ToString::to_string).unwrap_or_default();
            format!("signed with the key of {leaf}")
        }
        Check::Authenticity => format!("by `{}`", signer_of(verified)),
        Check::Expiry => match verified.attributes().expiry {
            Some(expiry) => format!("the signature expires at {expiry}"),
            None => "the signature does not expire".to_owned(),
        },
        Check::AuthenticTimestamp => match signed {
            Some(time) => format!("the certificates were valid when it was signed, by {time}"),
            None => "the certificates are valid now".to_owned(),
        },
        _ => "no certificate up to the trusted one is revoked".to_owned(),
    }
}

/// The checks that fail and are enforced, in order.
pub(super) fn enforced(checks: &[Checked]) -> impl Iterator<Item = (Check, &CheckError)> {
    let enforced = checks.iter().filter(|one| one.action == Action::Enforce);
    enforced.filter_map(|one| Some((one.check, one.problem.as_ref()?)))
}

/// The reason code of a signature that fails a check.
pub(super) fn code(checks: &[Checked]) -> ReasonCode {
    enforced(checks).next().map_or(ReasonCode::UnusablePolicy, |(_, problem)| code_of(problem))
}

fn code_of(problem: &CheckError) -> ReasonCode {
    match problem {
        CheckError::Envelope(EnvelopeError::Signature(_)) => ReasonCode::WrongKey,
        CheckError::Envelope(EnvelopeError::Chain(_)) => ReasonCode::NotTrusted,
        CheckError::Envelope(_) => ReasonCode::Malformed,
        CheckError::NoStore { .. } => ReasonCode::UnusablePolicy,
        CheckError::Identity { .. } => ReasonCode::WrongIdentity,
        CheckError::Expired { .. } => ReasonCode::TooOld,
        CheckError::Revocation(RevocationError::Revoked { .. }) => ReasonCode::Revoked,
        CheckError::Revocation(RevocationError::Unknown { .. }) => ReasonCode::NotFetched,
        _ => ReasonCode::NotTrusted,
    }
}
