//! What a result says of an exception or an error beside the text that every peer knows: the object
//! under `_reserved.exception`.

use std::error::Error;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::class::Class;
use super::{Object, shorten, shorten_to};

/// How many causes are told, and kept of what a peer tells.
pub(crate) const MOST_CAUSES: usize = 32;

/// How long one of them may be, in characters.
pub(crate) const LONGEST_CAUSE: usize = 1000;

/// The details, each left out where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    /// Of an error: an exception has it in its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trace: Vec<String>,
    /// Of an exception: an error has it as its typed form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Value>,
    #[serde(rename = "args", skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<Value>,
}

impl Details {
    /// What is told of an error of this type.
    pub(crate) fn of_error<E: ?Sized>(trace: Vec<String>) -> Self {
        let class = Class::of::<E>().map(|Class { module, name }| (module, name));
        let (module, class) = class.unzip();
        Self { module, class, trace, ..Self::default() }.bounded()
    }

    /// With no more than is told of each.
    pub(crate) fn bounded(mut self) -> Self {
        self.module = self.module.map(|module| shorten(&module).into_owned());
        self.class = self.class.map(|class| shorten(&class).into_owned());
        self.trace.truncate(MOST_CAUSES);
        for cause in &mut self.trace {
            if let std::borrow::Cow::Owned(short) = shorten_to(cause, LONGEST_CAUSE) {
                *cause = short;
            }
        }
        self
    }

    /// Without what a service may keep to itself: how it is built, and what went wrong inside.
    pub(crate) fn without_traces(self) -> Self {
        Self { module: None, trace: Vec::new(), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads what a peer says. What is of another form is passed over, each by itself.
    pub(super) fn read(json: &RawValue) -> Self {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            module: Option<&'a RawValue>,
            #[serde(borrow)]
            class: Option<&'a RawValue>,
            #[serde(borrow)]
            trace: Option<&'a RawValue>,
            #[serde(borrow)]
            state: Option<&'a RawValue>,
            #[serde(borrow)]
            args: Option<&'a RawValue>,
        }
        let Ok(Object::<Wire<'_>>(wire)) = serde_json::from_str(json.get()) else {
            return Self::default();
        };
        let details = Self {
            module: read(wire.module),
            class: read(wire.class),
            trace: read(wire.trace).map(|Trace(causes)| causes).unwrap_or_default(),
            state: read(wire.state),
            arguments: read(wire.args).unwrap_or_default(),
        };
        details.bounded()
    }
}

fn read<'a, T: Deserialize<'a>>(json: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(json?.get()).ok()
}

/// The first texts of a list.
struct Trace(Vec<String>);

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Trace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Trace, A::Error> {
                let mut causes = Vec::new();
                while let Some(item) = list.next_element::<&RawValue>()? {
                    if causes.len() < MOST_CAUSES {
                        causes.extend(serde_json::from_str::<String>(item.get()));
                    }
                }
                Ok(Trace(causes))
            }
        }

        deserializer.deserialize_seq(Texts)
    }
}

/// The texts of this cause of an error, and of its own.
pub(crate) fn causes(nearest: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let chain = std::iter::successors(nearest, |&cause| cause.source());
    chain.take(MOST_CAUSES).map(|cause| cause.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(details: &Value) -> Details {
        Details::read(&serde_json::value::to_raw_value(details).unwrap())
    }

    fn written(details: &Details) -> String {
        serde_json::to_string(details).unwrap()
    }

    fn everything() -> Details {
        Details {
            module: Some("shop::stock".to_owned()),
            class: Some("SoldOut".to_owned()),
            trace: vec!["the shelf is empty".to_owned(), "no such shelf".to_owned()],
            state: Some(json!({"left": 0})),
            arguments: vec![json!("anvil"), json!(2)],
        }
    }

    #[test]
    fn everything_is_written_and_read_again() {
        let json = written(&everything());
        assert_eq!(
            json,
            r#"{"module":"shop::stock","class":"SoldOut","trace":["the shelf is empty","no such shelf"],"state":{"left":0},"args":["anvil",2]}"#
        );
        assert_eq!(read(&serde_json::from_str(&json).unwrap()), everything());
    }

    #[test]
    fn what_there_is_not_is_left_out() {
        assert_eq!(written(&Details::default()), "{}");
        let class = Details { class: Some("E".to_owned()), ..Details::default() };
        assert_eq!(written(&class), r#"{"class":"E"}"#);
        assert!(Details::default().is_empty() && !class.is_empty());
    }

    #[test]
    fn what_is_of_another_form_is_passed_over_by_itself_and_unknown_keys_too() {
        for nothing in [json!(null), json!([1]), json!("text"), json!({"more": {"deep": [1]}})] {
            assert!(read(&nothing).is_empty(), "{nothing}");
        }
        let odd = json!({
            "module": 1, "class": "E", "trace": ["a", 2, ["b"], "c"], "state": null, "args": {},
            "later": true
        });
        let told = Details {
            class: Some("E".to_owned()),
            trace: vec!["a".to_owned(), "c".to_owned()],
            ..Details::default()
        };
        assert_eq!(read(&odd), told);
        let args = read(&json!({"trace": "no list", "args": [null]}));
        assert_eq!(args, Details { arguments: vec![Value::Null], ..Details::default() });
    }

    #[test]
    fn a_long_trace_and_long_texts_are_bounded_in_what_is_read_and_in_what_is_sent() {
        let long = "x".repeat(100_000);
        let details = Details {
            module: Some(long.clone()),
            class: Some(long.clone()),
            trace: vec![long; 1000],
            ..Details::default()
        };
        for bounded in [details.clone().bounded(), read(&serde_json::to_value(&details).unwrap())] {
            let length = |text: &Option<String>| text.as_ref().unwrap().chars().count();
            assert_eq!((length(&bounded.module), length(&bounded.class)), (200, 200));
            assert_eq!(bounded.trace.len(), MOST_CAUSES);
            assert!(bounded.trace.iter().all(|cause| cause.chars().count() == LONGEST_CAUSE));
        }
    }

    #[test]
    fn the_causes_of_an_error_are_told_from_the_nearest_on_and_an_endless_chain_ends() {
        #[derive(Debug, thiserror::Error)]
        #[error("cause {0}")]
        struct Cause(u32, #[source] Option<Box<Cause>>);

        /// Its own cause.
        #[derive(Debug, thiserror::Error)]
        #[error("round and round")]
        struct Round;
        #[derive(Debug)]
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Round.fmt(f)
            }
        }
        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Endless)
            }
        }

        let chain = Cause(0, Some(Box::new(Cause(1, Some(Box::new(Cause(2, None)))))));
        assert_eq!(causes(chain.source()), ["cause 1", "cause 2"]);
        assert_eq!(causes(Round.source()), [""; 0]);
        assert_eq!(causes(Endless.source()), ["round and round"; MOST_CAUSES]);
    }
}
