use core::cmp::Ordering;

use proptest::prelude::*;

use super::VersionScheme;

const SCHEMES: [&str; 13] = [
    "apk", "alpm", "cargo", "deb", "gem", "generic", "golang", "maven", "npm", "nuget", "pypi", "rpm",
    "semver",
];

/// Each line's versions are older than those after them; those in one place are equal.
#[test]
fn versions_stand_in_order() {
    for (scheme, lines) in [
        (
            "semver",
            "1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0 = 1.0.0+build = v1 < 1.0.1",
        ),
        ("golang", "v1.0.0-20200101000000-abcdef < v1.0.0 = v1.0.0+incompatible < v1.10.0"),
        (
            "pypi",
            "1.dev0 < 1.0a_ = 1.0a0 < 1.0a1.dev1 < 1.0a1 < 1.0a1.post1 < 1.0b2 < 1.0rc1 = 1.0-c1 < 1.0 = 1 < 1.0+a < 1.0+1 < 1.0.post1.dev1 < 1.0-1 = 1.0.post1 < 1.1 < 1!0.1",
        ),
        ("deb", "1.0~~ < 1.0~beta1 < 1.0 < 1.0-1 < 1.0-1+b1 < 1.0a < 1.0+dfsg-1 < 1.0.1 < 1:0.1"),
        ("rpm", "1.0~rc1 < 1.0 = 1_0 < 1.0- < 1.0^git1 < 1.0.a < 1.0.1 < 1:0.1"),
        (
            "apk",
            "1.0_alpha < 1.0_alpha2 < 1.0_beta < 1.0_pre < 1.0_rc1 < 1.0 < 1.0-r1 < 1.0_p1 < 1.0a < 1.1 < 1.10",
        ),
        (
            "gem",
            "1.0.B < 1.a.2 < 1.0.b1 < 1.rc1 = 1.0.0.rc1 = 1.0rc1.0 < 1 = 1.0 = 1.0.0 < 1.0.1-pre < 1.0.1 < 1.10",
        ),
        (
            "maven",
            "1-alpha = 1-a0 < 1-beta-1 < 1-milestone < 1-rc = 1-cr = 1.rc < 1-snapshot < 1 = 1.0 = 1-ga = 1.final < 1-sp < 1-abc < 1-1 < 1.1 < 1.10",
        ),
        ("nuget", "1.0.0-alpha = 1.0-ALPHA < 1 = 1.0.0.0 < 1.0.0.1"),
        ("generic", "1.0-rc1 < 1.0 = v1 < 1.0.1 < 1.0.10"),
    ] {
        let compare = |a: &str, b: &str| VersionScheme::from_name(scheme).unwrap().compare(a, b);
        let places: Vec<Vec<&str>> = lines.split(" < ").map(|place| place.split(" = ").collect()).collect();
        for (index, place) in places.iter().enumerate() {
            for a in place {
                assert_eq!(compare(a, place[0]), Some(Ordering::Equal), "{scheme} {a} {}", place[0]);
                for b in places[index + 1..].iter().flatten() {
                    assert_eq!(compare(a, b), Some(Ordering::Less), "{scheme} {a} {b}");
                    assert_eq!(compare(b, a), Some(Ordering::Greater), "{scheme} {b} {a}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_version_has_no_order() {
    for (scheme, text) in [
        ("semver", "latest"),
        ("npm", "1.x"),
        ("pypi", "1.0.0.final"),
        ("pypi", ""),
        ("deb", "a:1"),
        ("deb", "1 2"),
        ("apk", "1.0_x"),
        ("apk", "1..0"),
        ("gem", "a"),
        ("nuget", "1.0.0.0.0"),
    ] {
        let scheme = VersionScheme::from_name(scheme).unwrap();
        assert_eq!(scheme.compare(text, text), None, "{scheme} {text}");
    }
}

proptest! {
    #[test]
    fn every_order_is_total(
        which in 0..SCHEMES.len(),
        versions in prop::collection::vec("v?[0-2]([.-][0-1a-b]|[_~^+](alpha|p|rc)[0-1]?|\\.|-|01|post|_){0,4}", 3),
    ) {
        let scheme = VersionScheme::from_name(SCHEMES[which]).unwrap();
        let [a, b, c] = [&versions[0], &versions[1], &versions[2]];
        let (ab, ba, bc, ac) =
            (scheme.total_order(a, b), scheme.total_order(b, a), scheme.total_order(b, c), scheme.total_order(a, c));
        prop_assert_eq!(ab, ba.map(Ordering::reverse));
        if let (Some(ab), Some(bc), Some(ac)) = (ab, bc, ac)
            && !matches!(scheme, VersionScheme::Alpm | VersionScheme::Maven)
        {
            if ab == bc { prop_assert_eq!(ac, ab, "{} {} {} {}", scheme, a, b, c); }
            if ab.is_eq() { prop_assert_eq!(ac, bc, "{} {} {} {}", scheme, a, b, c); }
        }
    }

    #[test]
    fn no_text_panics(which in 0..SCHEMES.len(), a in "\\PC*", b in "\\PC*") {
        let _ = VersionScheme::from_name(SCHEMES[which]).unwrap().compare(&a, &b);
    }
}
