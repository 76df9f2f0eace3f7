//! Packages, licenses and systems that an SBOM must not list.

use trust_sbom::{LicensePolicy, PackagePattern, Purl, Vers, VersError};

use super::date;
use crate::language::reader::{At, PolicyError};
use crate::policy::image_rule::{DeniedPackage, EndOfLife, Tools};

pub(super) fn denied_package(at: &At<'_>) -> Result<DeniedPackage, PolicyError> {
    let mut fields = at.fields()?;
    let (purl, cpe, name) = (fields.get("purl"), fields.get("cpe"), fields.get("name"));
    let versions = fields.get("versions");
    fields.finish()?;
    let pattern = match (purl, cpe, name) {
        (Some(at), None, None) => {
            let purl: Purl =
                at.text()?.parse().map_err(|error| at.wrong(format!("a package URL: {error}")))?;
            if !purl.has_known_type() {
                let found = purl.package_type();
                return Err(at.wrong(format!("a package URL of a registered type: `{found}` is none")));
            }
            PackagePattern::Purl(Box::new(purl))
        }
        (None, Some(cpe), None) => {
            PackagePattern::Cpe(cpe.text()?.parse().map_err(|error| cpe.wrong(format!("a CPE: {error}")))?)
        }
        (None, None, Some(name)) => PackagePattern::Name(name.text()?.to_owned(), None),
        _ => return Err(at.wrong("exactly one of `purl`, `cpe` and `name`")),
    };
    let package_type = match &pattern {
        PackagePattern::Purl(purl) => Some(purl.package_type().to_owned()),
        _ => None,
    };
    let versions = match versions {
        None => None,
        Some(at) => {
            let wrong = |error: VersError| at.wrong(format!("a VERS range: {error}"));
            let range: Vers = at.text()?.parse().map_err(wrong)?;
            range.check_alternation().map_err(wrong)?;
            if let Some(package_type) = package_type.filter(|one| !range.is_for(one)) {
                return Err(
                    at.wrong(format!("a range of versions of `{package_type}`, as the package URL says"))
                );
            }
            Some(range)
        }
    };
    Ok(DeniedPackage { path: at.path().to_owned(), pattern, versions })
}

pub(super) fn licenses(at: &At<'_>) -> Result<LicensePolicy, PolicyError> {
    let mut fields = at.fields()?;
    let (allow, deny) = (fields.get("allow"), fields.get("deny"));
    fields.finish()?;
    let mut policy = LicensePolicy::new();
    if let Some(allow) = allow {
        policy = policy
            .allowing(allow.texts()?)
            .map_err(|error| allow.wrong(format!("SPDX licenses: {error}")))?;
    }
    if let Some(deny) = deny {
        policy =
            policy.denying(deny.texts()?).map_err(|error| deny.wrong(format!("SPDX licenses: {error}")))?;
    }
    Ok(policy)
}

/// Tools that an image must be without.
pub(super) fn tools(at: &At<'_>) -> Result<Tools, PolicyError> {
    Ok(match at.text()? {
        "shells" => Tools::Shells,
        "packageManagers" => Tools::PackageManagers,
        _ => return Err(at.wrong("`shells` or `packageManagers`")),
    })
}

/// A row of the table of operating systems and the ends of their lives.
pub(super) fn end_of_life(at: &At<'_>) -> Result<EndOfLife, PolicyError> {
    let mut fields = at.fields()?;
    // A number would lose its zeros: 3.10 is 3.1.
    let version = fields.require("version", "a version in quotes, such as `'10'`")?;
    if !version.text()?.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(version.wrong("a version in quotes, such as `'10'`"));
    }
    let row = EndOfLife::new(
        fields.require("name", "an operating system such as `debian`")?.text()?,
        version.text()?,
        date(&fields.require("since", "a date such as `2024-06-30`")?)?,
    );
    fields.finish()?;
    Ok(row)
}
