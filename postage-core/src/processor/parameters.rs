//! From the JSON of the parameters straight into a handler's arguments.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::Error as PlainError;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::value::RawValue;

use crate::message::{Object, is_empty_object, shorten};

/// The parameters of a handler, as a tuple, read by their names.
pub trait Parameters<'de>: Sized {
    /// Reads them from JSON.
    ///
    /// # Errors
    /// [`BadParameters`] names the parameter that is missing or of the wrong form.
    fn read(json: &'de str, names: &'static [&'static str]) -> Result<Self, BadParameters>;
}

/// Parameters that a handler cannot take. The caller gets it as the exception
/// `InvalidParameters`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadParameters {
    reason: String,
}

impl BadParameters {
    /// For this reason, which may quote the caller's text: the middle of a long one is left out.
    pub(super) fn new(reason: impl fmt::Display) -> Self {
        Self { reason: shorten(&reason.to_string()).into_owned() }
    }
}

/// Reads the parameters of a command from its content. Where that has nothing else, as nearly all
/// have, no more than the parameters is read.
pub(super) fn of_command<'de, T: Parameters<'de>>(
    content: &'de str,
    names: &'static [&'static str],
) -> Result<T, BadParameters> {
    // Who wants none looks at nothing, not even whether there is more.
    if !names.is_empty()
        && let Some(only) = only_parameters(content)
        && let Ok(parameters) = T::read(only, names)
    {
        return Ok(parameters);
    }
    T::read(within_command(content)?, names)
}

/// What is written between the head of the parameters, as we write it, and the end of the content.
/// Where there is more in the content than the parameters, this is no JSON.
fn only_parameters(content: &str) -> Option<&str> {
    let only = content.strip_prefix(r#"{"parameters":"#)?.strip_suffix('}')?;
    // That stands for none.
    Some(only).filter(|only| only.trim_ascii() != "null")
}

/// The JSON of the parameters of a command; an empty map where it has none.
pub(super) fn within_command(content: &str) -> Result<&str, BadParameters> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        parameters: Option<&'a RawValue>,
    }
    let Object::<Content<'_>>(content) = serde_json::from_str(content)
        .map_err(|error| BadParameters::new(format_args!("the content: {error}")))?;
    Ok(content.parameters.map_or("{}", RawValue::get))
}

/// Finds the place of a parameter by its name.
struct Place(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Place {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a parameter")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name))
    }
}

/// What a parameter is when the caller left it out: `None` for an `Option`, else an error.
struct Missing(&'static str);

impl<'de> Deserializer<'de> for Missing {
    type Error = PlainError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, PlainError> {
        Err(PlainError::custom(format_args!("the parameter `{}` is missing", self.0)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PlainError> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn found_or_missing<'de, T: Deserialize<'de>>(
    found: Option<T>,
    name: &'static str,
) -> Result<T, BadParameters> {
    match found {
        Some(value) => Ok(value),
        None => T::deserialize(Missing(name)).map_err(BadParameters::new),
    }
}

fn is_map(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

fn not_a_map(names: &[&str]) -> BadParameters {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    BadParameters {
        reason: format!("the parameters must be a map with the keys {}", names.join(", ")),
    }
}

impl<'de> Parameters<'de> for () {
    fn read(_: &'de str, _: &'static [&'static str]) -> Result<Self, BadParameters> {
        Ok(())
    }
}

macro_rules! read_by_name {
    () => {};
    ($($slot:ident)*) => {
        impl<'de, $($slot: Deserialize<'de>),*> Parameters<'de> for ($($slot,)*) {
            fn read(json: &'de str, names: &'static [&'static str]) -> Result<Self, BadParameters> {
                if !is_map(json) {
                    return read_by_name!(@bare json names $($slot)*);
                }
                let mut reader = serde_json::Deserializer::from_str(json);
                let slots = ByName::<($($slot,)*)> { names, slots: PhantomData };
                let slots = reader.deserialize_map(slots).map_err(BadParameters::new)?;
                reader.end().map_err(BadParameters::new)?;
                read_by_name!(@whole json slots $($slot)*);
                read_by_name!(@take slots names $($slot)*)
            }
        }

        impl<'de, $($slot: Deserialize<'de>),*> Visitor<'de> for ByName<($($slot,)*)> {
            type Value = ($(Option<$slot>,)*);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of parameters by name")
            }

            #[allow(non_snake_case)]
            fn visit_map<Access: MapAccess<'de>>(self, mut map: Access) -> Result<Self::Value, Access::Error> {
                $(let mut $slot = None;)*
                while let Some(place) = map.next_key_seed(Place(self.names))? {
                    let Some(place) = place else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let mut next = 0;
                    $(
                        if place == next {
                            $slot = Some(map.next_value().map_err(|error| {
                                let name = self.names[place];
                                Access::Error::custom(format_args!("the parameter `{name}`: {error}"))
                            })?);
                            continue;
                        }
                        next += 1;
                    )*
                    let _ = next;
                }
                Ok(($($slot,)*))
            }
        }
    };
    // A bare value stands for a single parameter.
    (@bare $json:ident $names:ident $only:ident) => {
        match serde_json::from_str($json) {
            Ok(value) => Ok((value,)),
            Err(error) => {
                let name = $names.first().copied().unwrap_or_default();
                Err(BadParameters::new(format_args!("the parameter `{name}`: {error}")))
            }
        }
    };
    (@bare $json:ident $names:ident $($slot:ident)*) => { Err(not_a_map($names)) };
    // So does a map that does not have the single parameter's name.
    (@whole $json:ident $slots:ident $only:ident) => {
        if $slots.0.is_none() && !is_empty_object($json) {
            if let Ok(value) = serde_json::from_str($json) {
                return Ok((value,));
            }
        }
    };
    (@whole $json:ident $slots:ident $($slot:ident)*) => {};
    (@take $slots:ident $names:ident $($slot:ident)*) => {{
        #[allow(non_snake_case)]
        let ($($slot,)*) = $slots;
        let mut names = $names.iter().copied();
        Ok(($(found_or_missing($slot, names.next().unwrap_or_default())?,)*))
    }};
}

/// Reads a map into the slots of a tuple.
struct ByName<T> {
    names: &'static [&'static str],
    slots: PhantomData<T>,
}

crate::arity::for_each_arity!(read_by_name);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Text;

    const PLACE: &[&str] = &["item", "quantity"];

    /// What is read of a content, however it is written, is what is read of its parameters alone.
    fn agrees<T: for<'a> Parameters<'a> + PartialEq + fmt::Debug>(
        content: &str,
        names: &'static [&'static str],
    ) {
        let alone = within_command(content).and_then(|parameters| T::read(parameters, names));
        assert_eq!(of_command::<T>(content, names), alone, "{content}");
    }

    #[test]
    fn a_command_is_read_the_same_with_a_look_at_its_content_and_without() {
        let values =
            ["null", " null ", "1", r#""a""#, "{}", "[1]", r#"{"item":null}"#, r#"{"item":2}"#];
        let more =
            ["", r#","parameters":1"#, r#","more":2"#, r#","more":{"item":3}"#, "}", ",", " "];
        for (value, more) in values.into_iter().flat_map(|value| more.map(|more| (value, more))) {
            for content in [
                format!(r#"{{"parameters":{value}{more}}}"#),
                format!(r#"{{ "parameters":{value}{more}}}"#),
            ] {
                agrees::<(serde_json::Value,)>(&content, &["item"]);
                agrees::<(Option<u8>,)>(&content, &["item"]);
                agrees::<((),)>(&content, &["item"]);
                agrees::<(String,)>(&content, &["item"]);
                agrees::<(u8, Option<u8>)>(&content, PLACE);
                agrees::<()>(&content, &[]);
            }
        }
    }

    #[test]
    fn a_command_has_its_parameters_wherever_they_stand_in_its_content() {
        for content in [
            r#"{"parameters":{"item":"anvil","quantity":2}}"#,
            r#"{ "parameters" : {"item":"anvil","quantity":2} }"#,
            r#"{"parameters":{"item":"anvil","quantity":2},"more":{"quantity":3}}"#,
            r#"{"more":{"item":"}"},"parameters":{"quantity":2,"item":"anvil"}}"#,
        ] {
            let (item, quantity): (Text<'_>, u32) = of_command(content, PLACE).unwrap();
            assert_eq!((&*item, quantity), ("anvil", 2), "{content}");
        }
        for (content, expected) in [
            (r#"{"parameters":"a}b"}"#, "a}b"),
            (r#"{"parameters":"a","more":"b"}"#, "a"),
            (r#"{"parameters":{"item":"a"}}"#, "a"),
        ] {
            let (item,): (Text<'_>,) = of_command(content, &["item"]).unwrap();
            assert_eq!(&*item, expected, "{content}");
        }
        for (content, named) in [
            (r#"{"parameters":null}"#, "`item`"),
            (r#"{"parameters":{"item":1}}"#, "`item`"),
            (r#"{"parameters":{"item":"a"},"parameters":{"item":"b"}}"#, "duplicate"),
            (r#"{}"#, "`item`"),
            (r#"["a"]"#, "the content"),
        ] {
            let error = of_command::<(Text<'_>,)>(content, &["item"]).unwrap_err().to_string();
            assert!(error.contains(named), "{error} should name {named}");
        }
    }

    #[test]
    fn parameters_are_taken_by_name_in_any_order_and_unknown_ones_passed_over() {
        let json = r#"{"quantity":2,"note":{"deep":[1]},"item":"anvil"}"#;
        let (item, quantity) = <(Text<'_>, u32)>::read(json, PLACE).unwrap();
        assert_eq!((&*item, quantity), ("anvil", 2));
    }

    #[test]
    fn a_missing_option_is_none_and_any_other_missing_parameter_is_named() {
        let read = <(Option<Text<'_>>, Option<u32>)>::read("{}", PLACE).unwrap();
        assert_eq!(read, (None, None));
        let error = <(Text<'_>, u32)>::read(r#"{"item":"anvil"}"#, PLACE).unwrap_err();
        assert_eq!(error.to_string(), "the parameter `quantity` is missing");
    }

    #[test]
    fn an_empty_map_has_no_parameter_however_it_is_spaced() {
        for empty in ["{}", "{ }"] {
            let read = <(Option<std::collections::BTreeMap<String, u32>>,)>::read(empty, &["map"]);
            assert_eq!(read.unwrap(), (None,), "{empty}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_fraction_arrives_as_it_was_sent(sent: f64) {
            let json = format!(r#"{{"share":{}}}"#, serde_json::to_string(&sent).unwrap());
            let (read,) = <(f64,)>::read(&json, &["share"]).unwrap();
            proptest::prop_assert_eq!(read.to_bits(), sent.to_bits());
        }
    }

    #[test]
    fn a_wrong_type_names_the_parameter() {
        let error = <(Text<'_>, u32)>::read(r#"{"item":"anvil","quantity":"two"}"#, PLACE)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`quantity`") && error.contains("two"), "{error}");
    }

    #[test]
    fn a_long_text_of_the_wrong_type_makes_no_long_error() {
        let long = "x".repeat(1_000_000);
        let named = format!(r#"{{"item":"anvil","quantity":"{long}"}}"#);
        let bare = format!("\"{long}\"");
        let errors = [
            <(Text<'_>, u32)>::read(&named, PLACE).unwrap_err().to_string(),
            <(u32,)>::read(&bare, &["quantity"]).unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(error.len() < 300, "{error}");
            assert!(error.contains("`quantity`") && error.contains("expected u32"), "{error}");
        }
    }

    #[test]
    fn a_bare_value_stands_for_a_single_parameter() {
        assert_eq!(<(u32,)>::read("7", &["n"]).unwrap(), (7,));
        assert_eq!(&*<(Text<'_>,)>::read(r#""hi""#, &["n"]).unwrap().0, "hi");
        assert_eq!(<(Vec<u8>,)>::read("[1,2]", &["n"]).unwrap(), (vec![1, 2],));
        let error = <(u32, u32)>::read("7", &["n", "m"]).unwrap_err().to_string();
        assert!(error.contains("`n`") && error.contains("`m`"), "{error}");
    }

    #[test]
    fn a_map_without_the_single_parameters_name_is_the_parameter_itself() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Size {
            w: u32,
            h: u32,
        }
        let size = (Size { w: 10, h: 4 },);
        assert_eq!(<(Size,)>::read(r#"{"w":10,"h":4}"#, &["size"]).unwrap(), size);
        assert_eq!(<(Size,)>::read(r#"{"size":{"w":10,"h":4}}"#, &["size"]).unwrap(), size);
        let error = <(Size,)>::read(r#"{"x":1}"#, &["size"]).unwrap_err();
        assert_eq!(error.to_string(), "the parameter `size` is missing");
    }

    #[test]
    fn nesting_too_deep_is_an_error_not_a_crash() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(<(serde_json::Value,)>::read(&deep, &["a"]).is_err());
        let named = format!(r#"{{"other":{deep},"a":1}}"#);
        assert_eq!(<(u32,)>::read(&named, &["a"]).unwrap(), (1,));
    }
}
