//! What the [types](https://github.com/package-url/purl-spec/tree/main/types) require of the parts.

use super::{PurlError, PurlParts};

/// The types that the specification registers.
pub(super) const KNOWN: [&str; 41] = [
    "alpm",
    "apk",
    "bazel",
    "bitbucket",
    "bitnami",
    "cargo",
    "chrome-extension",
    "cocoapods",
    "composer",
    "conan",
    "conda",
    "cpan",
    "cran",
    "deb",
    "docker",
    "gem",
    "generic",
    "git",
    "github",
    "golang",
    "hackage",
    "hex",
    "huggingface",
    "julia",
    "luarocks",
    "maven",
    "mlflow",
    "npm",
    "nuget",
    "oci",
    "opam",
    "otp",
    "pub",
    "pypi",
    "qpkg",
    "rpm",
    "swid",
    "swift",
    "vcpkg",
    "vscode-extension",
    "yocto",
];
/// Puts the parts into the form of their type.
pub(super) fn apply(parts: &mut PurlParts) -> Result<(), PurlError> {
    let rule = |rule| Err(PurlError::Rule { package_type: parts.package_type.clone(), rule });
    let require = |is_so: bool, text: &'static str| if is_so { Ok(()) } else { rule(text) };
    match parts.package_type.as_str() {
        "conan" if parts.namespace.is_some() => require(
            parts.qualifiers.contains_key("channel")
                || parts.qualifiers.contains_key("rrev")
                || parts.version.is_some(),
            "with a namespace needs a version or a channel",
        )?,
        "cpan" => require(
            parts.namespace.is_none() || !parts.name.contains("::"),
            "with a namespace is a distribution, whose name holds no `::`",
        )?,
        "cran" => require(parts.version.is_some(), "needs a version")?,
        "julia" => require(parts.qualifiers.contains_key("uuid"), "needs the qualifier `uuid`")?,
        "swid" => require(parts.qualifiers.contains_key("tag_id"), "needs the qualifier `tag_id`")?,
        "swift" => {
            require(parts.namespace.is_some(), "needs a namespace")?;
            require(parts.version.is_some(), "needs a version")?;
        }
        "vcpkg" | "oci" => require(parts.namespace.is_none(), "has no namespace")?,
        "vscode-extension" => require(parts.namespace.is_some(), "needs a namespace")?,
        "chrome-extension" => {
            let is_id = parts.name.len() == 32 && parts.name.bytes().all(|byte| matches!(byte, b'a'..=b'p'));
            require(is_id, "has a name of 32 letters from `a` to `p`")?;
            let is_version = |version: &String| {
                let numbers: Vec<&str> = version.split('.').collect();
                numbers.len() <= 4
                    && numbers
                        .iter()
                        .all(|one| !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit()))
            };
            require(parts.version.as_ref().is_none_or(is_version), "has a version of one to four numbers")?;
        }
        _ => {}
    }
    let (lower_namespace, lower_name) = lower_case(&parts.package_type);
    if lower_namespace {
        parts.namespace = parts.namespace.take().map(|namespace| namespace.to_lowercase());
    }
    if lower_name {
        parts.name = parts.name.to_lowercase();
    }
    match parts.package_type.as_str() {
        // The host, and the path of the repository there.
        "git" => {
            let path = format!("{}/{}", parts.namespace.as_deref().unwrap_or_default(), parts.name);
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            if let Some((host, path)) = segments.join("/").split_once('/') {
                (parts.namespace, parts.name) = (Some(host.to_owned()), path.to_owned());
            }
        }
        "pypi" => parts.name = parts.name.replace('_', "-"),
        "pub" => parts.name = parts.name.replace(|byte: char| !byte.is_ascii_alphanumeric(), "_"),
        "huggingface" | "oci" | "vscode-extension" => {
            parts.version = parts.version.take().map(|version| version.to_lowercase());
        }
        // Databricks' names have no case, Azure's do.
        "mlflow" if parts.qualifiers.get("repository_url").is_some_and(|url| url.contains("databricks")) => {
            parts.name = parts.name.to_lowercase();
        }
        _ => {}
    }
    Ok(())
}

/// Whether namespace and name have no case.
fn lower_case(package_type: &str) -> (bool, bool) {
    match package_type {
        "alpm" | "apk" | "bitbucket" | "brew" | "composer" | "deb" | "git" | "github" | "gitlab"
        | "golang" | "hex" | "luarocks" | "vscode-extension" => (true, true),
        "qpkg" | "rpm" => (true, false),
        "bitnami" | "npm" | "oci" | "pub" | "pypi" => (false, true),
        _ => (false, false),
    }
}

/// The segments of the name that a slash separates: only in a repository's path is it not a part of the name.
pub(super) fn segments_of_name(parts: &PurlParts) -> impl Iterator<Item = &str> {
    let is_path = parts.package_type == "git";
    parts.name.split(move |character| is_path && character == '/')
}
