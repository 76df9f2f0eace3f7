//! [`Challenge`]: how a registry wants to be asked
//! ([WWW-Authenticate](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1),
//! [token authentication](https://distribution.github.io/distribution/spec/auth/token/)).

use url::Url;

use crate::transport::HttpResponse;

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With user name and password.
    Basic,
    /// With a token, which is handed out elsewhere.
    Bearer { realm: Url, service: Option<String> },
}

impl Challenge {
    /// The challenge of an answer of status 401; `None` if it has none that is known.
    pub(super) fn of(response: &HttpResponse) -> Option<Self> {
        let headers = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
        let challenges: Vec<Self> = headers.flat_map(|(_, value)| Self::parse(value)).collect();
        // A token shows less to the registry than a password does.
        let bearer = challenges.iter().find(|one| matches!(one, Self::Bearer { .. }));
        bearer.or(challenges.first()).cloned()
    }

    /// All that are known in a header; of a malformed header those before it goes wrong.
    fn parse(header: &str) -> Vec<Self> {
        let parsed = http_auth::parser::ChallengeParser::new(header).map_while(Result::ok);
        let known = |challenge: http_auth::ChallengeRef<'_>| {
            let parameter = |wanted: &str| {
                let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
                Some(found.1.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                return Some(Self::Basic);
            }
            let realm = parameter("realm")?.parse().ok()?;
            let is_bearer = challenge.scheme.eq_ignore_ascii_case("bearer");
            is_bearer.then(|| Self::Bearer { realm, service: parameter("service") })
        };
        parsed.filter_map(known).collect()
    }
}

/// Whether a registry may send credentials for `registry` to `realm`: it is of the same owner by its name, or Docker Hub's.
///
/// The realm is what the answer to an unauthenticated request says, so an attacker who can forge that would get the password
/// (CVE-2020-15157, CVE-2026-24845).
pub(super) fn may_have_credentials(realm: &Url, registry: &Url) -> bool {
    let is_as_safe = realm.scheme() == "https" || registry.scheme() == "http" && realm.scheme() == "http";
    let (Some(realm), Some(registry)) = (realm.host_str(), registry.host_str()) else { return false };
    is_as_safe && (realm == registry || is_same_owner(realm, registry))
}

/// Whether two names are of one owner: one is below the other, or both are directly below a name that has
/// [one owner](is_owned).
fn is_same_owner(one: &str, other: &str) -> bool {
    let is_address = |host: &str| host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    if is_address(one) || is_address(other) {
        return false;
    }
    let is_below = |lower: &str, upper: &str| {
        lower.strip_suffix(upper).is_some_and(|rest| rest.ends_with('.')) && upper.contains('.')
    };
    let parent = |host: &str| host.split_once('.').map(|(_, parent)| parent.to_owned());
    let is_sibling = match (parent(one), parent(other)) {
        (Some(ours), Some(theirs)) => ours == theirs && is_owned(&ours),
        _ => false,
    };
    is_below(one, other) || is_below(other, one) || is_sibling
}

/// Whether a name such as `example.com` has one owner, and is not a suffix that many share, such as `co.uk`.
fn is_owned(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    // Two short labels are a suffix: `co.uk`, `com.au`.
    let is_suffix = matches!(labels[..], [second, top] if top.len() == 2 && second.len() <= 3);
    labels.len() > 1 && !is_suffix && !SHARED.contains(&name)
}

/// Suffixes of clouds below which every customer has names.
const SHARED: [&str; 14] = [
    "amazonaws.com",
    "appspot.com",
    "azurecr.io",
    "azurewebsites.net",
    "cloudfront.net",
    "digitaloceanspaces.com",
    "fly.dev",
    "github.io",
    "herokuapp.com",
    "netlify.app",
    "pages.dev",
    "run.app",
    "vercel.app",
    "workers.dev",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let headers =
            values.iter().map(|value| ("www-authenticate".to_owned(), (*value).to_owned())).collect();
        Challenge::of(&HttpResponse::new(401, headers, Vec::new()))
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.parse().unwrap(), service: service.map(str::to_owned) })
        };
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#;
        assert_eq!(of(&[docker]), bearer("https://auth.docker.io/token", Some("registry.docker.io")));
        let github =
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        assert_eq!(of(&[github]), bearer("https://ghcr.io/token", Some("ghcr.io")));
        assert_eq!(of(&[r#"Basic realm="x""#]), Some(Challenge::Basic));
        assert_eq!(of(&[r#"basic realm="x""#, docker]), of(&[docker]));
        assert_eq!(
            of(&[r#"Basic realm="x", Bearer realm="https://a.example/t""#]),
            bearer("https://a.example/t", None)
        );
        for none in
            [&[][..], &["Negotiate"], &["Bearer"], &[r#"Bearer realm="not a url""#], &["\u{0}"], &["=,=,"]]
        {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn credentials_stay_with_their_owner() {
        for (realm, registry, expected) in [
            ("https://auth.docker.io/token", "https://registry-1.docker.io", true),
            ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com", true),
            ("https://gitlab.example.com/jwt/auth", "https://registry.example.com", true),
            ("https://gitlab.example.co.uk/jwt/auth", "https://registry.example.co.uk", true),
            ("https://ghcr.io/token", "https://ghcr.io", true),
            ("https://ghcr.io:8443/token", "https://ghcr.io", true),
            ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000", true),
            ("http://ghcr.io/token", "https://ghcr.io", false),
            ("https://evil.example/token", "https://ghcr.io", false),
            ("https://evil.co.uk/token", "https://registry.co.uk", false),
            ("https://evil.azurecr.io/token", "https://acme.azurecr.io", false),
            ("https://evilghcr.io/token", "https://ghcr.io", false),
            ("https://10.0.0.2/token", "https://10.0.0.1", false),
            ("https://io/token", "https://ghcr.io", false),
        ] {
            let found = may_have_credentials(&realm.parse().unwrap(), &registry.parse().unwrap());
            assert_eq!(found, expected, "{realm} for {registry}");
        }
    }
}
