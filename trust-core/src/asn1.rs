//! Walking DER over the bytes received, so that signatures are checked over them and never over a re-encoding.

use der::asn1::ObjectIdentifier;
use der::{Tag, TagNumber};

/// The bytes are not the DER that was expected; the caller's error says which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<der::Error> for Malformed {
    fn from(_: der::Error) -> Self {
        Self
    }
}

/// One element: its tag, its content and its whole encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) encoding: &'a [u8],
}

impl<'a> Element<'a> {
    /// The only element in `bytes`.
    pub(crate) fn only(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut elements = Elements::new(bytes);
        let element = elements.next()?;
        elements.end()?;
        Ok(element)
    }

    /// Whether it has the tag `tag`.
    pub(crate) fn is(&self, tag: Tag) -> bool {
        self.tag == octet(tag)
    }

    /// The elements inside, if this one has the tag `tag`.
    pub(crate) fn open(self, tag: Tag) -> Result<Elements<'a>, Malformed> {
        if self.is(tag) { Ok(Elements::new(self.content)) } else { Err(Malformed) }
    }

    /// This element as a value of `T`, by its whole encoding.
    pub(crate) fn decode<T: der::Decode<'a, Error = der::Error>>(self) -> Result<T, Malformed> {
        Ok(T::from_der(self.encoding)?)
    }

    /// The content, if this one has the tag `tag`.
    pub(crate) fn content_of(self, tag: Tag) -> Result<&'a [u8], Malformed> {
        if self.is(tag) { Ok(self.content) } else { Err(Malformed) }
    }
}

/// The elements of a constructed value, one after the other.
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Malformed> {
        let (tag, head_len, len) = header(self.0).ok_or(Malformed)?;
        let end = head_len.checked_add(len).ok_or(Malformed)?;
        let (encoding, rest) = self.0.split_at_checked(end).ok_or(Malformed)?;
        self.0 = rest;
        let content = encoding.get(head_len..).ok_or(Malformed)?;
        Ok(Element { tag, content, encoding })
    }

    /// The next element if it has the tag `tag`; nothing is consumed otherwise.
    pub(crate) fn next_if(&mut self, tag: Tag) -> Result<Option<Element<'a>>, Malformed> {
        let before = self.0;
        if self.is_empty() {
            return Ok(None);
        }
        let element = self.next()?;
        if !element.is(tag) {
            self.0 = before;
            return Ok(None);
        }
        Ok(Some(element))
    }

    pub(crate) fn next_oid(&mut self) -> Result<ObjectIdentifier, Malformed> {
        let content = self.next()?.content_of(Tag::ObjectIdentifier)?;
        ObjectIdentifier::from_bytes(content).map_err(|_| Malformed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Tag, length of the header, and length of the content (X.690 sections 8.1.2 and 10.1): a tag of one byte, and the
/// shortest form of a definite length.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    const HIGH_TAG: u8 = 0x1f;
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    if tag & HIGH_TAG == HIGH_TAG {
        return None;
    }
    if first < 0x80 {
        return Some((tag, 2, first.into()));
    }
    let len_bytes = rest.get(..usize::from(first & 0x7f)).filter(|bytes| (1..=4).contains(&bytes.len()))?;
    let len = len_bytes.iter().fold(0_u32, |len, &byte| len << 8 | u32::from(byte));
    let is_shortest = len >= 0x80 && len_bytes.first() != Some(&0);
    is_shortest.then_some((tag, 2 + len_bytes.len(), usize::try_from(len).ok()?))
}

/// A tag's one byte; 0, which no element has, where it needs more.
fn octet(tag: Tag) -> u8 {
    let constructed = if tag.is_constructed() { 0x20 } else { 0 };
    match u8::try_from(tag.number().value()) {
        Ok(number @ ..0x1f) => tag.class().bits() | constructed | number,
        _ => 0,
    }
}

/// The tag `[number]` of a constructed, context-specific element.
pub(crate) fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// The tag `[number]` of a primitive, context-specific element.
pub(crate) fn context_primitive(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: false, number: TagNumber(number) }
}

/// `content` behind a header with a one-byte tag and the shortest length.
pub(crate) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let first = content.len().leading_zeros() as usize / 8;
    let len = len.get(first..).unwrap_or_default();
    let mut out = Vec::with_capacity(2 + len.len() + content.len());
    out.push(tag);
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(len.len()).unwrap_or_default());
    }
    // No byte is the length 0, whose one byte is 0.
    out.extend_from_slice(if len.is_empty() { &[0] } else { len });
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use der::Decode as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encoding_uses_the_shortest_length() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let encoded = encode(0x30, &vec![0; len]);
            let element = Element::only(&encode(0x30, &vec![0; len])).map(|e| e.content.len());
            // SEQUENCE content of zeros is not walked into here.
            assert_eq!(element, Ok(len), "{:?}", encoded.get(..4));
        }
    }

    #[test]
    fn only_the_shortest_length_is_read() {
        let content = [0; 0x100];
        for head in
            [&[0x30, 0x81, 0x7f][..], &[0x30, 0x82, 0, 0xff], &[0x30, 0x80], &[0x30, 0xff], &[0x1f, 0x81, 1]]
        {
            let bytes = [head, &content].concat();
            assert_eq!(Elements::new(&bytes).next().err(), Some(Malformed), "{head:x?}");
        }
        for bytes in [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x81], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(Elements::new(bytes).next().err(), Some(Malformed), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn headers_are_read_as_the_library_reads_them(tag in 0_u8..0xff, len_bytes: [u8; 3], content: [u8; 20]) {
            let bytes = [&[tag][..], &len_bytes, &content].concat();
            // The library knows tags of several bytes, and refuses universal ones that it does not know.
            if let Ok(any) = der::asn1::AnyRef::decode(&mut der::SliceReader::new(&bytes).unwrap())
                && tag & 0x1f != 0x1f
            {
                let element = Elements::new(&bytes).next().unwrap();
                prop_assert_eq!(element.content, any.value());
                prop_assert!(element.is(der::Tagged::tag(&any)));
            }
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(Element::only(&[0x05, 0x00]).is_ok());
        assert_eq!(Element::only(&[0x05, 0x00, 0x00]).err(), Some(Malformed));
    }
}
