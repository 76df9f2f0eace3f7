//! How often authorities must have vouched, as policies on the whole count it: the lengths of lists and structs, and conditions of which
//! the fields contradict one another, so that the policy fails where they hold.
//!
//! ```cue
//! import "list"
//! authorityMatches: {
//!   release: signatures: list.MinItems(1)
//!   if len(authorityMatches.audit.attestations) < 2 { enough: true, enough: false }
//! }
//! ```

use super::{AUTHORITY_MATCHES, Reader, Token};
use crate::policy::image_rule::{Vouched, VouchedCount};
use crate::policy::shape::Shape;

impl Reader<'_> {
    pub(super) fn authority_matches(&mut self) -> Result<(), String> {
        if !self.takes(&Token::Symbol('{')) {
            return self.authority();
        }
        self.skip_ends();
        while !self.takes(&Token::Symbol('}')) {
            match self.peek(0) == Some(&Token::Name("if".to_owned())) {
                true => self.condition()?,
                false => self.authority()?,
            }
            self.skip_ends();
        }
        Ok(())
    }

    /// `NAME: signatures: BOUNDS`, or with the second field in braces.
    fn authority(&mut self) -> Result<(), String> {
        let authority = self.name()?;
        self.expect(':')?;
        let in_braces = self.takes(&Token::Symbol('{'));
        self.skip_ends();
        let of = self.vouched()?;
        self.expect(':')?;
        let count = self.bounds(VouchedCount::new(authority, of))?;
        self.counts.push(count);
        if in_braces {
            self.skip_ends();
            self.expect('}')?;
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, String> {
        let Some(Token::Name(name) | Token::Text(name)) = self.peek(0).cloned() else {
            return self.wrong("the name of an authority");
        };
        self.at += 1;
        Ok(name)
    }

    fn vouched(&mut self) -> Result<Vouched, String> {
        for (name, of) in [("signatures", Vouched::Signatures), ("attestations", Vouched::Attestations)] {
            if self.takes(&Token::Name(name.to_owned())) {
                return Ok(of);
            }
        }
        self.wrong("`signatures` or `attestations`")
    }

    /// `list.MinItems(1) & list.MaxItems(2)` of a list, and `struct.MinFields(1)` of a struct.
    fn bounds(&mut self, mut count: VouchedCount) -> Result<VouchedCount, String> {
        let (package, least, most) = match count.of {
            Vouched::Attestations => ("struct", "MinFields", "MaxFields"),
            Vouched::Signatures => ("list", "MinItems", "MaxItems"),
        };
        loop {
            self.expect_name(package)?;
            self.expect('.')?;
            let is_least = self.takes(&Token::Name(least.to_owned()));
            if !is_least {
                self.expect_name(most)?;
            }
            self.expect('(')?;
            let bound = self.number()?;
            self.expect(')')?;
            match is_least {
                true => count.at_least = count.at_least.max(bound),
                false => count.at_most = Some(count.at_most.map_or(bound, |most| most.min(bound))),
            }
            if !self.takes(&Token::Symbol('&')) {
                return Ok(count);
            }
        }
    }

    /// `if len(authorityMatches.NAME.attestations) < 2 { a: 1, a: 2 }`
    fn condition(&mut self) -> Result<(), String> {
        self.expect_name("if")?;
        let in_brackets = self.takes(&Token::Symbol('('));
        self.expect_name("len")?;
        self.expect('(')?;
        self.expect_name(AUTHORITY_MATCHES)?;
        self.expect('.')?;
        let authority = self.name()?;
        self.expect('.')?;
        let of = self.vouched()?;
        self.expect(')')?;
        self.expect('<')?;
        let at_least = self.number()?;
        if in_brackets {
            self.expect(')')?;
        }
        self.expect('{')?;
        let fields = self.fields(1)?;
        self.expect('}')?;
        let contradict = |(name, one): &(String, Shape)| {
            let is_other = |(other_name, other): &(String, Shape)| {
                name == other_name
                    && matches!((one, other), (Shape::Exactly(one), Shape::Exactly(other)) if one != other)
            };
            fields.iter().any(is_other)
        };
        if !fields.iter().any(contradict) {
            return self.wrong("fields before it that contradict one another");
        }
        self.counts.push(VouchedCount { at_least, ..VouchedCount::new(authority, of) });
        Ok(())
    }

    fn number(&mut self) -> Result<usize, String> {
        let number = match self.peek(0) {
            Some(Token::Number(number)) => number.parse().ok(),
            _ => None,
        };
        let Some(number) = number else { return self.wrong("a whole number") };
        self.at += 1;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn signatures_and_attestations_are_counted() {
        let text = "import \"list\"\nimport \"struct\"\nauthorityMatches: {\n  a: {\n    attestations: struct.MaxFields(3) & struct.MinFields(1)\n  },\n  \
                    if (len(authorityMatches.b.attestations) < 2) {\n    x: 2\n    x: \"Error\"\n  },\n  \"c-d\": signatures: list.MinItems(1)\n}\n";
        let counts = read(text, &[AUTHORITY_MATCHES]).unwrap().counts;
        let count = |name: &str, of, at_least, at_most| VouchedCount {
            at_least,
            at_most,
            ..VouchedCount::new(name, of)
        };
        let expected = [
            count("a", Vouched::Attestations, 1, Some(3)),
            count("b", Vouched::Attestations, 2, None),
            count("c-d", Vouched::Signatures, 1, None),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn what_counts_in_another_way_is_refused_by_its_line() {
        for (text, problem) in [
            (
                "authorityMatches: a: signatures: struct.MinFields(1)",
                "line 1: found `struct`, expected `list`",
            ),
            (
                "authorityMatches: a: signatures: list.MinItems(-1)",
                "line 1: found `-1`, expected a whole number",
            ),
            ("authorityMatches: a: signatures: list.Sort(1)", "line 1: found `Sort`, expected `MaxItems`"),
            ("authorityMatches: a: keys: list.MinItems(1)", "line 1: found `keys`, expected `signatures` or"),
            ("authorityMatches: {\nif len(authorityMatches.a.signatures) < 1 {x: 1, x: 1}\n}", "contradict"),
            (
                "authorityMatches: {\nif len(authorityMatches.a.signatures) > 1 {x: 1, x: 2}\n}",
                "line 2: found `>`, expected `<`",
            ),
            ("authorityMatches: {\nif len(config) < 1 {x: 1, x: 2}\n}", "line 2: found `config`"),
            ("authorityMatches: {a: signatures: list.MinItems(1)", "expected the name of an authority"),
            ("authorityMatches: {}", "found no field"),
        ] {
            let error = read(text, &[AUTHORITY_MATCHES]).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
