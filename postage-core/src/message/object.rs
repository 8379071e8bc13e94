use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A struct that is read from a JSON object and from nothing else. Derived code takes a list of
/// its fields' values too, and so would take `["success", 1, ""]` for a result.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyAnObject(PhantomData)).map(Self)
    }
}

struct OnlyAnObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyAnObject<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Whether this JSON is an object with nothing in it, however it is spaced.
pub(crate) fn is_empty_object(json: &str) -> bool {
    let inside = json.trim_ascii().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_nothing_in_it_is_empty_however_it_is_spaced() {
        for empty in ["{}", "{ }", " {\n\t} "] {
            assert!(is_empty_object(empty), "{empty}");
        }
        for other in ["", "{", "[]", "null", "{\"a\": 1}", "{}{}"] {
            assert!(!is_empty_object(other), "{other}");
        }
    }
}
