//! Reading what a registry lists and says: referrers, the next page, errors
//! ([distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md)).

use serde::Deserialize;
use trust_core::Digest;
use trust_core::internal::json::{self, JsonError};
use url::Url;

use crate::transport::HttpResponse;

/// The digests of a page of referrers. What else the page says of them is not believed. An object that lists nothing is an empty
/// page, as Harbor writes it.
pub(super) fn referrers(body: &[u8]) -> Result<Vec<Digest>, String> {
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        manifests: Option<Vec<Descriptor>>,
        errors: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Descriptor {
        digest: String,
    }
    let index: Index = json::from_slice(body).map_err(|error: JsonError| error.to_string())?;
    if index.errors.is_some() {
        return Err("found errors, expected an index of referrers".to_owned());
    }
    let digest = |one: Descriptor| {
        one.digest.parse().map_err(|error| format!("digest `{}`: {error}", shortened(&one.digest)))
    };
    index.manifests.into_iter().flatten().map(digest).collect()
}

/// The next page, if there is one ([Link](https://www.rfc-editor.org/rfc/rfc8288#section-3)): of the same host, for what is sent
/// there are the credentials of this one.
///
/// # Errors
/// If it is elsewhere, or the header cannot be read: then there may be more.
pub(super) fn next_page(response: &HttpResponse, of: &Url) -> Result<Option<Url>, String> {
    let links = response.headers.iter().filter(|(name, _)| name == "link");
    for (_, value) in links {
        let mut rest = value.trim();
        while !rest.is_empty() {
            let unreadable = || format!("header Link `{}` cannot be read", shortened(value));
            let (target, after) =
                rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or_else(unreadable)?;
            let (parameters, more) = parameters_of(after);
            rest = more;
            let is_next = parameters.split(';').any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                let relations = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.split_whitespace().any(|one| one.eq_ignore_ascii_case("next"))
            });
            if is_next {
                let next = of.join(target).map_err(|error| format!("link to the next page: {error}"))?;
                return match next.origin() == of.origin() {
                    true => Ok(Some(next)),
                    false => Err("the next page is on another host".to_owned()),
                };
            }
        }
    }
    Ok(None)
}

/// The parameters of a link, up to the comma after which the next one begins, and the rest.
fn parameters_of(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '"';
        *c == ',' && !is_quoted
    });
    match end.and_then(|(at, _)| text.split_at_checked(at)) {
        Some((parameters, rest)) => (parameters, rest.trim_start_matches([',', ' '])),
        None => (text, ""),
    }
}

/// What a registry says of an error, in some words: its status, and the first of its errors.
pub(super) fn problem(response: &HttpResponse) -> String {
    let status = response.status;
    match first_error(&response.body) {
        Some((code, message)) => format!("status {status}, {code}: {message}"),
        None => format!("status {status}"),
    }
}

fn first_error(body: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
        #[serde(default)]
        message: String,
    }
    let errors: Errors = json::from_slice(body).ok()?;
    let first = errors.errors.into_iter().next()?;
    Some((shortened(&first.code), shortened(&first.message)))
}

/// Some words of a stranger, without what a terminal could obey.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)], body: &str) -> HttpResponse {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HttpResponse::new(404, headers.collect(), body.as_bytes().to_vec())
    }

    #[test]
    fn pages_follow_on_the_same_host_alone() {
        let of: Url = "https://r.example/v2/a/referrers/sha256:0".parse().unwrap();
        let next =
            |link: &str| next_page(&answer(&[("link", link)], ""), &of).map(|url| url.map(String::from));
        let expected = Some("https://r.example/v2/a/referrers/sha256:0?n=2".to_owned());
        for link in [
            "</v2/a/referrers/sha256:0?n=2>; rel=\"next\"",
            "<?n=2>; title=x; rel=next",
            "<https://r.example/first>; rel=first, <https://r.example/v2/a/referrers/sha256:0?n=2>; REL=\"Next\"",
            "<?n=2>; rel=\"last next\"",
            "<?x=1>; title=\"a,b\"; rel=prev,<?n=2>;rel=next",
        ] {
            assert_eq!(next(link), Ok(expected.clone()), "{link}");
        }
        for none in ["", "<x>; rel=prev", "<>", "<x>; title=next"] {
            assert_eq!(next(none), Ok(None), "{none}");
        }
        let commas = next("<?last=a,b>; rel=next").unwrap().unwrap();
        assert!(commas.ends_with("?last=a,b"), "{commas}");
        for unreadable in ["x; rel=next", "<x", "<x>; rel=prev, y"] {
            assert!(next(unreadable).is_err(), "{unreadable}");
        }
        for elsewhere in [
            "<https://evil.example/>; rel=next",
            "<//evil.example/>; rel=next",
            "<http://r.example/>; rel=next",
        ] {
            assert!(next(elsewhere).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn errors_are_said_in_some_words() {
        let body = r#"{"errors": [{"code": "DENIED", "message": "no\u001b[2J way"}]}"#;
        assert_eq!(problem(&answer(&[], body)), "status 404, DENIED: no[2J way");
        for other in ["", "<html>", "{}", r#"{"errors": []}"#, r#"{"errors": {}}"#] {
            assert_eq!(problem(&answer(&[], other)), "status 404");
        }
    }

    #[test]
    fn referrers_are_digests_or_refused() {
        let digest = Digest::sha256(b"x");
        let good = format!(r#"{{"manifests": [{{"digest": "{digest}", "artifactType": 3}}]}}"#);
        assert_eq!(referrers(good.as_bytes()), Ok(vec![digest]));
        for empty in ["{}", r#"{"manifests": null}"#, r#"{"manifests": []}"#] {
            assert_eq!(referrers(empty.as_bytes()), Ok(vec![]), "{empty}");
        }
        for bad in [
            "",
            "[]",
            r#"{"errors": []}"#,
            r#"{"manifests": [{}]}"#,
            r#"{"manifests": [{"digest": "../x"}]}"#,
            "\u{ff}",
        ] {
            assert!(referrers(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
