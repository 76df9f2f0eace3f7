//! Names of signers, as trust policies write them.

use trust_core::notation::DistinguishedName;

fn parse(text: &str) -> Result<DistinguishedName, String> {
    DistinguishedName::parse(text).map_err(|error| error.to_string())
}

#[test]
fn a_name_has_one_value_for_each_type() {
    let name = parse("C=US, ST=WA, L=Seattle, O=wabbit-networks.io, OU=Security Tools").unwrap();
    for part in [
        "C=US, ST=WA, O=wabbit-networks.io",
        "O=wabbit-networks.io,ST=WA,C=US",
        "c=US, s=WA, o=wabbit-networks.io, ou=Security Tools",
        " C = US , ST=WA,   O=wabbit-networks.io ",
        "C=US, ST=W\\41, O=wabbit-networks.io",
    ] {
        assert!(parse(part).unwrap().is_part_of(&name), "{part}");
    }
    for other in [
        "C=US, ST=WA, O=Wabbit-networks.io",
        "C=US, ST=WA, O=wabbit-networks.io, CN=a",
        "C=US, ST=WA, O=wabbit-networks.i\u{43e}",
        "C=US, ST=WA, O=wabbit-networks.io.evil.example",
        "C=US, ST=WA, O=wabbit-networks.io, OU=security tools",
    ] {
        assert!(!parse(other).unwrap().is_part_of(&name), "{other}");
    }
    assert!(!name.is_part_of(&parse("C=US, ST=WA, O=wabbit-networks.io").unwrap()));
}

#[test]
fn signs_are_escaped() {
    for (written, shown) in [
        ("a\\, b", "a\\, b"),
        ("a\\2C b", "a\\, b"),
        ("a\\+b\\=c", "a\\+b\\=c"),
        ("a=b", "a\\=b"),
        ("\\#a#", "\\#a#"),
        ("\\ a b\\ ", "\\ a b\\ "),
        ("\\ ", "\\ "),
        ("a\\\\", "a\\\\"),
        ("\\C3\\A4", "\u{e4}"),
        ("a\\0Ab", "a\\0ab"),
    ] {
        let name = parse(&format!("C=US, ST=WA, O={written}")).unwrap();
        let text = name.to_string();
        assert_eq!(text, format!("C=US, ST=WA, O={shown}"), "{written}");
        assert_eq!(parse(&text).unwrap(), name, "{written}: means the same when it is read again");
    }
}

/// [CVE-2023-25656](https://github.com/notaryproject/notation-go/security/advisories/GHSA-87x9-7grx-m28v) and its like.
#[test]
fn what_cannot_be_compared_is_refused() {
    for (text, expected) in [
        ("", "has no `=`"),
        ("*", "has no `=`"),
        ("C=US, ST=WA", "name has no `O`"),
        ("C=US, O=a", "name has no `ST`"),
        ("ST=WA, O=a", "name has no `C`"),
        ("C=US, ST=WA, O=#04024869", "is a value in hexadecimal"),
        ("C=US, ST=WA, O= #04024869", "is a value in hexadecimal"),
        ("C=US, ST=WA, O=a+OU=b", "with another one in one part"),
        ("C=US, ST=WA, O=a, O=b", "`O` occurs twice"),
        ("C=US, ST=WA, S=OR, O=a", "`ST` occurs twice"),
        ("C=US, ST=WA, O=", "attribute `O` has no text"),
        ("C=US, ST=WA, O=  ", "attribute `O` has no text"),
        ("C=US, ST=WA, O=a,", "has no `=`"),
        ("C=US,, ST=WA, O=a", "is not known"),
        ("C=US, ST=WA, O=a; OU=b", "must be escaped with `\\`"),
        ("C=US, ST=WA, O=\"a, b\"", "must be escaped with `\\`"),
        ("C=US, ST=WA, O=a\\", "ends with `\\`"),
        ("C=US, ST=WA, O=a\\zz", "two hexadecimal digits"),
        ("C=US, ST=WA, O=a\\4", "two hexadecimal digits"),
        ("C=US, ST=WA, O=a\\00b", "has a NUL character"),
        ("C=US, ST=WA, O=a\\ff", "is not UTF-8"),
        ("C=US, ST=WA, O=a, 2.5.4.3=b", "`2.5.4.3` is not known"),
        ("C=US, ST=WA, O=a, MAIL=b", "`MAIL` is not known"),
    ] {
        let found = parse(text).expect_err(text);
        assert!(found.contains(expected), "{text}: {found}, expected {expected}");
    }
    assert!(parse(&format!("C=US, ST=WA, O={}", "a".repeat(5000))).unwrap_err().contains("expected at most"));
}
