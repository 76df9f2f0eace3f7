//! [`Each`]: lists that are read one item at a time.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::error::SbomError;

/// A list whose items are taken as they come. `null` is an empty list.
///
/// What `take` refuses ends the reading, and stays in `failure` with its type.
pub(crate) struct Each<'a, T, F> {
    take: F,
    failure: &'a mut Option<SbomError>,
    item: PhantomData<T>,
}

impl<'a, T, F: FnMut(T) -> Result<(), SbomError>> Each<'a, T, F> {
    pub(crate) fn new(failure: &'a mut Option<SbomError>, take: F) -> Self {
        Self { take, failure, item: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), SbomError>> DeserializeSeed<'de> for Each<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), SbomError>> Visitor<'de> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            if let Err(error) = (self.take)(item) {
                *self.failure = Some(error);
                return Err(de::Error::custom("refused"));
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
