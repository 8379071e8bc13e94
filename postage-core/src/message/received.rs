use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::details::Details;
use super::{Category, Fingerprint, Object, Text, is_empty_object, shorten, usual};

/// A message as it came: the whole body, read without copying.
///
/// Only `type`, `name`, `category` and `content` must be there; the version is never checked, and
/// keys that are not known are passed over.
///
/// ```
/// use postage_core::{Category, Message};
///
/// let body = br#"{"type":"command","name":"echo","category":"rpc","content":{"parameters":"hi"}}"#;
/// let message = Message::from_json(body)?;
/// assert_eq!(message.name(), "echo");
/// assert_eq!(message.category(), Category::Rpc);
/// # Ok::<(), postage_core::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Message<'a> {
    pub(super) kind: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) category: Category,
    pub(super) fingerprint: Option<&'a str>,
    pub(super) content: &'a RawValue,
    pub(super) reserved: Option<&'a RawValue>,
    pub(super) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`MessageError`] says whether the body is no JSON object, lacks a key, or has a wrong value.
    pub fn from_json(body: &'a [u8]) -> Result<Self, MessageError> {
        // At once and for all: a value that is passed over would not be looked at.
        let text = std::str::from_utf8(body)
            .map_err(|error| MessageError::NotJson { reason: error.to_string() })?;
        match usual::read(text) {
            Some(message) => Ok(message),
            None => Self::from_any(text),
        }
    }

    fn from_any(text: &'a str) -> Result<Self, MessageError> {
        let body = text.as_bytes();
        let Object::<WireMessage<'a>>(wire) = serde_json::from_str(text).map_err(|error| {
            let reason = shorten(&error.to_string()).into_owned();
            match error.classify() {
                serde_json::error::Category::Data if starts_an_object(body) => {
                    MessageError::WrongValue { reason }
                }
                serde_json::error::Category::Data => MessageError::NotAnObject,
                _ => MessageError::NotJson { reason },
            }
        })?;
        let missing = |key| MessageError::MissingKey { key };
        let category = wire.category.ok_or(missing("category"))?;
        let category = match &*category {
            "message" => Category::Message,
            "rpc" => Category::Rpc,
            other => return Err(MessageError::Category { category: shorten(other).into_owned() }),
        };
        Ok(Self {
            kind: wire.kind.ok_or(missing("type"))?,
            name: wire.name.ok_or(missing("name"))?,
            category,
            fingerprint: wire.fingerprint.map(RawValue::get),
            content: wire.content.ok_or(missing("content"))?,
            reserved: wire.reserved,
            body,
        })
    }

    /// The type: `command`, `status`, `result`, `none`, or one of the sender's own.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name of the command, the text of the status, or `none`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the sender waits for an answer.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }

    /// Who sent it, when it says so in the usual six texts.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint_as().ok().flatten()
    }

    /// Who sent it, in the sender's own type; none when it does not say.
    ///
    /// # Errors
    /// [`MessageError::WrongValue`] when it says so in another form.
    pub fn fingerprint_as<F: DeserializeOwned>(&self) -> Result<Option<F>, MessageError> {
        let Some(json) = self.fingerprint.filter(|json| !is_empty_object(json)) else {
            return Ok(None);
        };
        serde_json::from_str(json).map(Some).map_err(|error| MessageError::WrongValue {
            reason: format!("the fingerprint: {}", shorten(&error.to_string())),
        })
    }

    /// What it is about, as it was written.
    #[must_use]
    pub const fn content(&self) -> &'a RawValue {
        self.content
    }

    /// The content in a type of yours, which may borrow from the message.
    ///
    /// # Errors
    /// [`MessageError::WrongValue`] when the content is of another form.
    pub fn content_as<T: Deserialize<'a>>(&self) -> Result<T, MessageError> {
        serde_json::from_str(self.content.get()).map_err(|error| MessageError::WrongValue {
            reason: format!("the content: {}", shorten(&error.to_string())),
        })
    }

    /// The whole body as JSON, to be forwarded unchanged.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The boolean value: false for the results error and exception, true for all else.
    #[must_use]
    pub fn truth(&self) -> bool {
        use super::ResultContent::{Error, Exception};
        self.kind() != "result"
            || !matches!(super::ResultContent::of(self), Ok(Error { .. } | Exception { .. }))
    }

    /// Whether it is the result of a call that its handler declined, by
    /// [`Context::reject_call`](crate::Context::reject_call). Its content is the exception
    /// `Rejected`, as others may raise one; what tells it apart is `_reserved.rejected`, true.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        self.is_exception_marked(|marks| marks.rejected)
    }

    /// Whether it is the result of a call of another contract than the service's. Its content is the
    /// exception `Incompatible`; what tells it apart is `_reserved.incompatible`, true.
    #[must_use]
    pub fn is_incompatible(&self) -> bool {
        self.is_exception_marked(|marks| marks.incompatible)
    }

    fn is_exception_marked(&self, marked: impl FnOnce(&Marks) -> bool) -> bool {
        let Some(reserved) = self.reserved.filter(|_| self.kind() == "result") else {
            return false;
        };
        serde_json::from_str::<Object<Marks>>(reserved.get())
            .is_ok_and(|Object(marks)| marked(&marks))
            && matches!(super::ResultContent::of(self), Ok(super::ResultContent::Exception { .. }))
    }

    /// The typed payload of a documented error, where the service is ours.
    pub(crate) fn error_payload(&self) -> Option<&'a RawValue> {
        #[derive(Deserialize)]
        struct Reserved<'a> {
            #[serde(borrow)]
            error: Option<&'a RawValue>,
        }
        let Object::<Reserved<'a>>(reserved) = serde_json::from_str(self.reserved?.get()).ok()?;
        reserved.error
    }

    /// What else is said of an exception or an error, where the service is ours.
    pub(crate) fn details(&self) -> Details {
        #[derive(Deserialize)]
        struct Reserved<'a> {
            #[serde(borrow)]
            exception: Option<&'a RawValue>,
        }
        let read = |raw: &'a RawValue| {
            let Object::<Reserved<'a>>(reserved) = serde_json::from_str(raw.get()).ok()?;
            reserved.exception.map(Details::read)
        };
        self.reserved.and_then(read).unwrap_or_default()
    }
}

/// What is marked beside an exception.
#[derive(Deserialize)]
struct Marks {
    #[serde(default)]
    rejected: bool,
    #[serde(default)]
    incompatible: bool,
}

fn starts_an_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    category: Option<Text<'a>>,
    #[serde(borrow)]
    fingerprint: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(rename = "_reserved", borrow)]
    reserved: Option<&'a RawValue>,
}

/// A body that is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The body is not JSON.
    #[error("the body is not JSON: {reason}")]
    NotJson {
        /// What the parser said, with line and column.
        reason: String,
    },
    /// The body is JSON, but no object.
    #[error("the body is JSON, but not an object with `type`, `name`, `category` and `content`")]
    NotAnObject,
    /// The body lacks a key, or has it without a value.
    #[error("the body lacks the key `{key}`, or it is null")]
    MissingKey {
        /// Which one.
        key: &'static str,
    },
    /// A value is of the wrong form.
    #[error("a value is of the wrong form: {reason}")]
    WrongValue {
        /// Which one, and what was expected.
        reason: String,
    },
    /// The category is unknown.
    #[error("the category is `{category}`; allowed are `message` and `rpc`")]
    Category {
        /// What it says; the middle of a long text is left out.
        category: String,
    },
    /// The content of a result is none of the three.
    #[error("the result is malformed: {reason}")]
    Result {
        /// What is wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;
    use crate::message::{Envelope, Reserved};

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![3 => "[a-z{}\\[\\],:]{0,8}", 1 => "[\"\\\\ \n\\PC]{0,8}"]
    }

    fn any_envelope() -> impl Strategy<Value = Envelope<Value>> {
        let content = prop_oneof![
            any_text().prop_map(Value::from),
            Just(json!({})),
            any_text().prop_map(|text| json!({ "parameters": { "content": [text, null] } })),
        ];
        (any_text(), any_text(), content, any::<bool>()).prop_map(|(kind, name, content, rpc)| {
            let category = if rpc { Category::Rpc } else { Category::Message };
            Envelope::new(kind, name, content).with_category(category)
        })
    }

    proptest! {
        #[test]
        fn a_usual_body_is_read_as_any_other_is(
            envelope in any_envelope(),
            fingerprint in any_text(),
            place in any::<prop::sample::Index>(),
            length in 0..5_usize,
            change in prop::sample::select(&["", "\"", "\\", "}", "{", ",", "null", " ", "\n", "x", ",\"content\":1"][..]),
        ) {
            let fingerprint = to_raw_value(&json!({ fingerprint: "a" })).unwrap();
            let body = envelope.encode(&fingerprint, &Reserved::default()).unwrap();
            let body = String::from_utf8(body).unwrap();
            // Only escapes in the type or the name make it one to be looked at.
            let plain = |text: &str| to_raw_value(text).unwrap().get().len() == text.len() + 2;
            let is_plain = plain(envelope.kind()) && plain(envelope.name());
            prop_assert_eq!(usual::read(&body).is_some(), is_plain, "{}", body);

            let places: Vec<usize> = body.char_indices().map(|(place, _)| place).collect();
            let place = place.index(places.len());
            let end = places.get(place + length).copied().unwrap_or(body.len());
            let changed = [&body[..places[place]], change, &body[end..]].concat();
            for body in [&body, &changed] {
                if let Some(message) = usual::read(body) {
                    let expected = Message::from_any(body).unwrap();
                    prop_assert_eq!(shown(&message), shown(&expected), "{}", body);
                }
            }
        }
    }

    fn shown(message: &Message<'_>) -> String {
        let Message { kind, name, category, fingerprint, content, .. } = message;
        format!("{kind:?} {name:?} {category} {fingerprint:?} {content} {}", message.truth())
    }

    #[test]
    fn a_body_needs_only_type_name_category_and_content() {
        let body = br#"{"type":"status","name":"online","category":"message","content":{}}"#;
        let message = Message::from_json(body).unwrap();
        assert_eq!((message.kind(), message.name()), ("status", "online"));
        assert_eq!(message.fingerprint(), None);
    }

    #[test]
    fn version_may_be_a_number_a_text_or_anything_and_unknown_keys_are_passed_over() {
        for version in ["2", "\"2\"", "null", "[1]"] {
            let body = format!(
                r#"{{"type":"none","name":"none","category":"message","version":{version},"content":{{}},"more":[{{}}]}}"#
            );
            assert!(Message::from_json(body.as_bytes()).is_ok(), "{version}");
        }
    }

    #[test]
    fn type_name_and_category_are_lent_from_the_body() {
        let body = br#"{"type":"status","name":"on\u006cine","category":"message","content":{}}"#;
        let wire: Object<WireMessage<'_>> = serde_json::from_slice(body).unwrap();
        let lent = |text: &Text<'_>| body.as_ptr_range().contains(&text.as_ptr());
        assert!(lent(wire.0.kind.as_ref().unwrap()) && lent(wire.0.category.as_ref().unwrap()));
        // Only what is written with escapes is not.
        let message = Message::from_json(body).unwrap();
        assert!(lent(&message.kind) && !lent(&message.name));
        assert_eq!(message.name(), "online");
    }

    #[test]
    fn a_long_text_makes_no_long_error() {
        let long = "x".repeat(1_000_000);
        for body in [
            format!(r#"{{"type":"a","name":"b","category":"{long}","content":{{}}}}"#),
            format!(r#"{{"type":"a","name":"b","category":["{long}"],"content":{{}}}}"#),
            format!(r#"{{"type":"a","name":"b","category":"rpc","content":{{}}}} {long}"#),
            format!(r#""{long}""#),
        ] {
            let error = Message::from_json(body.as_bytes()).unwrap_err().to_string();
            assert!(error.len() < 400, "{} bytes", error.len());
        }
        let body = format!(
            r#"{{"type":"a","name":"b","category":"rpc","fingerprint":"{long}","content":"{long}"}}"#
        );
        let message = Message::from_json(body.as_bytes()).unwrap();
        assert!(message.content_as::<u32>().unwrap_err().to_string().len() < 400);
        assert!(message.fingerprint_as::<u32>().unwrap_err().to_string().len() < 400);
        let result = crate::ResultContent::of(&message).unwrap_err().to_string();
        assert!(result.len() < 400, "{result}");
    }

    #[test]
    fn what_is_wrong_with_a_body_is_named() {
        let cases: [(&[u8], &str); 10] = [
            (b"not json", "not JSON"),
            (b"", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            (b"{\"version\":\"\xff\",\"type\":\"a\"}", "utf-8"),
            (b"[1]", "not an object"),
            (br#"["a","b","rpc",{},{},{}]"#, "not an object"),
            (br#"{"name":"a","category":"rpc","content":{}}"#, "`type`"),
            (br#"{"type":"a","category":"rpc","content":{}}"#, "`name`"),
            (br#"{"type":"a","name":"b","category":"rpc"}"#, "`content`"),
            (br#"{"type":"a","name":"b","category":"call","content":{}}"#, "`call`"),
        ];
        for (body, named) in cases {
            let error = Message::from_json(body).unwrap_err().to_string();
            assert!(error.contains(named), "{error} should name {named}");
        }
        for body in [
            r#"{"type":null,"name":"b","category":"rpc","content":{}}"#,
            r#"{"name":"b","category":"rpc","content":{}}"#,
        ] {
            let error = Message::from_json(body.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, "the body lacks the key `type`, or it is null");
        }
        let wrong = Message::from_json(br#"{"type":1,"name":"b","category":"rpc","content":{}}"#);
        assert!(matches!(wrong, Err(MessageError::WrongValue { .. })));
    }
}
