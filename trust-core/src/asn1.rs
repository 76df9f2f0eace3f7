//! Walking DER over the bytes received, so that signatures are checked over them and never over a re-encoding.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber};

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
    pub(crate) tag: Tag,
    pub(crate) content: &'a [u8],
    pub(crate) encoding: &'a [u8],
}

impl<'a> Element<'a> {
    /// The only element in `bytes`.
    pub(crate) fn only(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut elements = Elements::new(bytes)?;
        let element = elements.next()?;
        elements.end()?;
        Ok(element)
    }

    /// The elements inside, if this one has the tag `tag`.
    pub(crate) fn open(self, tag: Tag) -> Result<Elements<'a>, Malformed> {
        if self.tag == tag { Elements::new(self.content) } else { Err(Malformed) }
    }

    /// This element as a value of `T`, by its whole encoding.
    pub(crate) fn decode<T: der::Decode<'a, Error = der::Error>>(self) -> Result<T, Malformed> {
        Ok(T::from_der(self.encoding)?)
    }

    /// The content, if this one has the tag `tag`.
    pub(crate) fn content_of(self, tag: Tag) -> Result<&'a [u8], Malformed> {
        if self.tag == tag { Ok(self.content) } else { Err(Malformed) }
    }
}

/// The elements of a constructed value, one after the other.
pub(crate) struct Elements<'a>(SliceReader<'a>);

impl<'a> Elements<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self(SliceReader::new(bytes)?))
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Malformed> {
        let encoding = self.0.tlv_bytes()?;
        let any = AnyRef::from_der(encoding)?;
        Ok(Element { tag: der::Tagged::tag(&any), content: any.value(), encoding })
    }

    /// The next element if it has the tag `tag`; nothing is consumed otherwise.
    pub(crate) fn next_if(&mut self, tag: Tag) -> Result<Option<Element<'a>>, Malformed> {
        if self.is_empty() || Tag::peek(&self.0)? != tag {
            return Ok(None);
        }
        self.next().map(Some)
    }

    pub(crate) fn next_oid(&mut self) -> Result<ObjectIdentifier, Malformed> {
        self.next()?.decode()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_finished()
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
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
    let len: Vec<u8> = len.into_iter().skip_while(|&byte| byte == 0).collect();
    let mut out = vec![tag];
    match content.len() {
        0..=0x7f => out.push(u8::try_from(content.len()).unwrap_or_default()),
        _ => {
            out.push(0x80 | u8::try_from(len.len()).unwrap_or_default());
            out.extend_from_slice(&len);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
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
    fn trailing_bytes_are_refused() {
        assert!(Element::only(&[0x05, 0x00]).is_ok());
        assert_eq!(Element::only(&[0x05, 0x00, 0x00]).err(), Some(Malformed));
    }
}
