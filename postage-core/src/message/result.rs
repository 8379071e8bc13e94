use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Message, MessageError, Object, shorten};

/// The content of a result: the three ways in which a call can end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResultContent<V> {
    /// It succeeded.
    Success {
        /// What it answers.
        value: V,
    },
    /// It went wrong in a documented way.
    Error {
        /// What went wrong.
        message: String,
    },
    /// It raised.
    Exception {
        /// The exception's name; `value` on the wire.
        name: String,
        /// Its text.
        message: String,
    },
}

impl<V: Serialize> Serialize for ResultContent<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut content = serializer.serialize_struct("result", 3)?;
        match self {
            Self::Success { value } => {
                content.serialize_field("type", "success")?;
                content.serialize_field("value", value)?;
                content.serialize_field("message", "")?;
            }
            Self::Error { message } => {
                content.serialize_field("type", "error")?;
                content.serialize_field("value", &())?;
                content.serialize_field("message", message)?;
            }
            Self::Exception { name, message } => {
                content.serialize_field("type", "exception")?;
                content.serialize_field("value", name)?;
                content.serialize_field("message", message)?;
            }
        }
        content.end()
    }
}

impl<'a> ResultContent<&'a RawValue> {
    /// The JSON of the value where the result is a success, written as ours is. Where it is anything
    /// else, this is no JSON.
    pub(crate) fn only_value(message: &Message<'a>) -> Option<&'a str> {
        let value = message.content().get().strip_prefix(r#"{"type":"success","value":"#)?;
        value.strip_suffix(r#","message":""}"#)
    }

    /// Reads the result that a message bears.
    ///
    /// # Errors
    /// [`MessageError::Result`] when the content is not one of the three.
    pub fn of(message: &Message<'a>) -> Result<Self, MessageError> {
        let Object::<WireResult<'a>>(wire) = serde_json::from_str(message.content().get())
            .map_err(|error| MessageError::Result {
                reason: shorten(&error.to_string()).into_owned(),
            })?;
        let text = |raw: &RawValue| {
            // Python answers whatever the handler gave; only a JSON string is unquoted.
            serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
        };
        match &*wire.kind {
            "success" => Ok(Self::Success { value: wire.value }),
            "error" => Ok(Self::Error { message: text(wire.message) }),
            "exception" => {
                Ok(Self::Exception { name: text(wire.value), message: text(wire.message) })
            }
            other => Err(MessageError::Result {
                reason: format!(
                    "its type is `{}`; allowed are `success`, `error` and `exception`",
                    shorten(other)
                ),
            }),
        }
    }
}

#[derive(serde::Deserialize)]
struct WireResult<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// The name of the exception that tells any caller that its call was rejected.
pub(crate) const WAS_REJECTED: &str = "Rejected";

/// The name of the exception that tells any caller that its contract is another than the service's.
pub(crate) const INCOMPATIBLE: &str = "Incompatible";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Envelope;

    #[test]
    fn a_value_is_found_without_reading_the_result_only_where_it_is_one() {
        let of = |content: &str| {
            let body = format!(
                r#"{{"type":"result","name":"none","category":"message","content":{content}}}"#
            );
            let message = Message::from_json(body.as_bytes()).unwrap();
            let value = ResultContent::only_value(&message)?;
            serde_json::from_str::<serde_json::Value>(value).ok()
        };
        for value in ["1", "null", r#""a\"""#, r#"{"type":"success"}"#, r#"[",\"message\":"]"#] {
            let written = serde_json::to_string(&Envelope::success(to_value(value)).content);
            assert_eq!(of(&written.unwrap()), Some(to_value(value)), "{value}");
        }
        for other in [
            r#"{"type":"error","value":null,"message":""}"#,
            r#"{"type":"success","value":1,"message":"a"}"#,
            r#"{"type":"success","value":1,"value":2,"message":""}"#,
            r#"{"type":"success","value":1,"type":"error","message":""}"#,
            r#"{"type":"success","message":""}"#,
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    fn to_value(json: &str) -> serde_json::Value {
        serde_json::from_str(json).unwrap()
    }
}
