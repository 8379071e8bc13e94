use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Identity;
use super::content::{Command, Empty, Plain};
use super::details::Details;
use super::result::ResultContent;

/// Whether the sender waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Nobody waits. Results have this category too.
    Message,
    /// The sender waits at its reply address.
    Rpc,
}

impl Category {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Rpc => "rpc",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message to send: its type, name, category and content. The producer adds the fingerprint.
///
/// ```
/// use postage_core::Envelope;
///
/// let resize = Envelope::command("resize", [10, 4]);
/// assert_eq!(resize.kind(), "command");
/// assert!(resize.truth());
/// assert!(!Envelope::error("no such size").truth());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<C> {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) category: Category,
    pub(crate) content: C,
    pub(crate) truth: bool,
}

impl<C: Serialize> Envelope<C> {
    /// A message of a type of your own, with any content that serializes to a map; `()` for none.
    #[must_use]
    pub fn new(
        kind: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        content: C,
    ) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            category: Category::Message,
            content,
            truth: true,
        }
    }

    /// The same message under another category.
    #[must_use]
    pub const fn with_category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }
}

impl<A: Serialize, K: Serialize> Envelope<Plain<A, K>> {
    /// A plain message: positional and named arguments, of no particular type or name.
    #[must_use]
    pub fn plain(args: A, kwds: K) -> Self {
        Self::new("none", "none", Plain { args, kwds })
    }
}

impl<P: Serialize> Envelope<Command<P>> {
    /// A command that nobody answers.
    #[must_use]
    pub fn command(name: impl Into<Cow<'static, str>>, parameters: P) -> Self {
        Self::new("command", name, Command { parameters })
    }

    /// A command that is answered.
    #[must_use]
    pub fn rpc(name: impl Into<Cow<'static, str>>, parameters: P) -> Self {
        Self::command(name, parameters).with_category(Category::Rpc)
    }
}

impl Envelope<Empty> {
    /// The status of a component: a text, in the message's name.
    #[must_use]
    pub fn status(status: impl Into<Cow<'static, str>>) -> Self {
        Self::new("status", status, Empty {})
    }
}

impl<V: Serialize> Envelope<ResultContent<V>> {
    /// The result of a successful call.
    #[must_use]
    pub fn success(value: V) -> Self {
        Self::new("result", "none", ResultContent::Success { value })
    }
}

impl Envelope<ResultContent<()>> {
    /// The result of a call that went wrong in a documented way.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        let content = ResultContent::Error { message: message.into() };
        Self { truth: false, ..Self::new("result", "none", content) }
    }

    /// The result of a call that raised: the exception's name and its text.
    #[must_use]
    pub fn exception(name: impl Into<String>, message: impl Into<String>) -> Self {
        let content = ResultContent::Exception { name: name.into(), message: message.into() };
        Self { truth: false, ..Self::new("result", "none", content) }
    }
}

impl<C> Envelope<C> {
    /// The type: `command`, `status`, `result`, `none`, or one of your own.
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

    /// What the message is about.
    #[must_use]
    pub const fn content(&self) -> &C {
        &self.content
    }

    /// The boolean value: false for the results error and exception, true for all else.
    #[must_use]
    pub const fn truth(&self) -> bool {
        self.truth
    }
}

impl<C: Serialize> Envelope<C> {
    /// The JSON form, with a producer's fingerprint.
    pub(crate) fn to_json(&self, identity: &Identity) -> Result<Vec<u8>, EncodeError> {
        self.encode(identity.raw()?, &Reserved::default())
    }

    pub(crate) fn encode(
        &self,
        fingerprint: &RawValue,
        reserved: &Reserved<'_>,
    ) -> Result<Vec<u8>, EncodeError> {
        self.write(fingerprint, reserved).map_err(|error| EncodeError::Content {
            name: format!("{} `{}`", self.kind, self.name),
            reason: error.to_string(),
        })
    }

    /// The parts of a message, one after the other. No content, `()`, is an empty map on the wire.
    fn write(
        &self,
        fingerprint: &RawValue,
        reserved: &Reserved<'_>,
    ) -> serde_json::Result<Vec<u8>> {
        let mut json = self.head(fingerprint)?;
        let start = json.len();
        serde_json::to_writer(&mut json, &self.content)?;
        if json[start..] == *b"null" {
            json.truncate(start);
            json.extend_from_slice(b"{}");
        }
        json.extend_from_slice(br#","_reserved":"#);
        serde_json::to_writer(&mut json, reserved)?;
        json.push(b'}');
        Ok(json)
    }
}

impl<C> Envelope<C> {
    /// What comes before the content. Most of it is the same in each message, with the version of the
    /// envelope: a text, as Python Postage sends it.
    fn head(&self, fingerprint: &RawValue) -> serde_json::Result<Vec<u8>> {
        let fingerprint = fingerprint.get().as_bytes();
        let mut json = Vec::with_capacity(fingerprint.len() + USUAL);
        json.extend_from_slice(br#"{"type":"#);
        serde_json::to_writer(&mut json, &*self.kind)?;
        json.extend_from_slice(br#","name":"#);
        serde_json::to_writer(&mut json, &*self.name)?;
        json.extend_from_slice(match self.category {
            Category::Message => br#","category":"message","version":"2","fingerprint":"#,
            Category::Rpc => br#","category":"rpc","version":"2","fingerprint":"#.as_slice(),
        });
        json.extend_from_slice(fingerprint);
        json.extend_from_slice(br#","content":"#);
        Ok(json)
    }
}

/// The answer of a call that succeeded: as [`Envelope::success`] of nobody, of which all but the value
/// is the same in each.
pub(crate) fn encode_success(value: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let mut json = Vec::with_capacity(USUAL);
    json.extend_from_slice(
        br#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{},"content":{"type":"success","value":"#,
    );
    serde_json::to_writer(&mut json, value).map_err(|error| EncodeError::Content {
        name: "result `none`".to_owned(),
        reason: error.to_string(),
    })?;
    json.extend_from_slice(br#","message":""},"_reserved":{}}"#);
    Ok(json)
}

/// What is beside the content, which other peers pass over.
#[derive(Default, Serialize)]
pub(crate) struct Reserved<'a> {
    /// The typed form of a documented error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a RawValue>,
    /// Set where the result tells that the handler declined the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected: Option<bool>,
    /// Set where the result tells that the call is of another contract than the service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) incompatible: Option<bool>,
    /// What else there is to say of an exception or an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exception: Option<&'a Details>,
}

/// What a usual message has beside its fingerprint, in bytes.
const USUAL: usize = 384;

/// What can be sent: an [`Envelope`], or a message type of your own.
///
/// ```
/// use postage_core::{Envelope, IntoEnvelope};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Alarm {
///     floor: u8,
/// }
///
/// impl IntoEnvelope for Alarm {
///     type Content = Self;
///
///     fn into_envelope(self) -> Envelope<Self> {
///         Envelope::new("alarm", "fire", self)
///     }
/// }
///
/// assert_eq!(Alarm { floor: 3 }.into_envelope().kind(), "alarm");
/// ```
pub trait IntoEnvelope {
    /// What the message is about; it serializes to a map.
    type Content: Serialize;

    /// The message.
    fn into_envelope(self) -> Envelope<Self::Content>;
}

impl<C: Serialize> IntoEnvelope for Envelope<C> {
    type Content = C;

    fn into_envelope(self) -> Self {
        self
    }
}

/// A message could not be made. It shows when the call or the publication is awaited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The content does not serialize.
    #[error("cannot serialize the content of {name}: {reason}")]
    Content {
        /// The message's type and name.
        name: String,
        /// What the serializer said.
        reason: String,
    },
    /// The fingerprint does not serialize to a map.
    #[error("the producer's fingerprint is unusable: {reason}")]
    Fingerprint {
        /// What it is instead.
        reason: String,
    },
    /// The codec could not encode the message.
    #[error("cannot encode {name}: {reason}")]
    Codec {
        /// The message's type and name.
        name: String,
        /// What the codec said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::Message;

    fn encoded<C: Serialize>(envelope: &Envelope<C>) -> String {
        let fingerprint = serde_json::value::to_raw_value(&json!({"name": "ui"})).unwrap();
        String::from_utf8(envelope.encode(&fingerprint, &Reserved::default()).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_of_message_has_the_bytes_of_the_wire_sheet() {
        let plain = Envelope::plain((1, "str"), json!({"values": [1, 2]}));
        assert_eq!(
            encoded(&plain),
            r#"{"type":"none","name":"none","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{"args":[1,"str"],"kwds":{"values":[1,2]}},"_reserved":{}}"#
        );
        let command = Envelope::command("resize", json!({"w": 10}));
        assert_eq!(
            encoded(&command),
            r#"{"type":"command","name":"resize","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{"parameters":{"w":10}},"_reserved":{}}"#
        );
        let rpc = Envelope::rpc("echo", "a bare text");
        assert_eq!(
            encoded(&rpc),
            r#"{"type":"command","name":"echo","category":"rpc","version":"2","fingerprint":{"name":"ui"},"content":{"parameters":"a bare text"},"_reserved":{}}"#
        );
        assert_eq!(
            encoded(&Envelope::status("online")),
            r#"{"type":"status","name":"online","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{},"_reserved":{}}"#
        );
        assert_eq!(
            encoded(&Envelope::success(40)),
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{"type":"success","value":40,"message":""},"_reserved":{}}"#
        );
        assert_eq!(
            encoded(&Envelope::error("too big")),
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{"type":"error","value":null,"message":"too big"},"_reserved":{}}"#
        );
        assert_eq!(
            encoded(&Envelope::exception("KeyError", "'w'")),
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{"name":"ui"},"content":{"type":"exception","value":"KeyError","message":"'w'"},"_reserved":{}}"#
        );
    }

    #[test]
    fn an_answer_is_the_same_as_the_success_of_nobody() {
        let nobody = serde_json::value::to_raw_value(&json!({})).unwrap();
        for value in [json!(null), json!("a"), json!({"b": [1, 2.5]})] {
            let success = Envelope::success(&value).encode(&nobody, &Reserved::default());
            assert_eq!(encode_success(&value), success);
        }
        let keys = std::collections::BTreeMap::from([(vec![1], 2)]);
        let error = Envelope::success(&keys).encode(&nobody, &Reserved::default()).unwrap_err();
        assert_eq!(encode_success(&keys).unwrap_err(), error);
    }

    #[test]
    fn a_rejection_is_an_exception_with_a_mark_beside_it() {
        let envelope = Envelope::exception("Rejected", "closed");
        let nobody = serde_json::value::to_raw_value(&json!({})).unwrap();
        let rejected = Reserved { rejected: Some(true), ..Reserved::default() };
        let json = String::from_utf8(envelope.encode(&nobody, &rejected).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{},"content":{"type":"exception","value":"Rejected","message":"closed"},"_reserved":{"rejected":true}}"#
        );
        let told = |json: &str| Message::from_json(json.as_bytes()).unwrap().is_rejection();
        assert!(told(&json));
        for other in ["{}", r#"{"rejected":false}"#, r#"{"rejected":1}"#, "[true]", "null"] {
            assert!(!told(&json.replace(r#"{"rejected":true}"#, other)), "{other}");
        }
        assert!(!told(&json.replace("exception", "success")), "it is no exception");
        assert!(!told(&json.replace(r#""result""#, r#""command""#)), "it is no result");
    }

    #[test]
    fn another_contract_is_an_exception_with_a_mark_beside_it() {
        let envelope = Envelope::exception("Incompatible", "2 is served");
        let nobody = serde_json::value::to_raw_value(&json!({})).unwrap();
        let incompatible = Reserved { incompatible: Some(true), ..Reserved::default() };
        let json = String::from_utf8(envelope.encode(&nobody, &incompatible).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{},"content":{"type":"exception","value":"Incompatible","message":"2 is served"},"_reserved":{"incompatible":true}}"#
        );
        let message = |json: &str| Message::from_json(json.as_bytes()).unwrap().is_incompatible();
        assert!(message(&json));
        assert!(!message(&json.replace(r#"{"incompatible":true}"#, "{}")), "another's exception");
    }

    #[test]
    fn empty_arguments_of_a_plain_message_do_not_travel() {
        let nothing = Envelope::plain((), json!({}));
        assert!(encoded(&nothing).contains(r#""content":{},"#));
        let only_names = Envelope::plain((), json!({"a": 1}));
        assert!(encoded(&only_names).contains(r#""content":{"kwds":{"a":1}},"#));
    }

    #[test]
    fn no_content_is_an_empty_map() {
        for json in [
            encoded(&Envelope::new("alarm", "fire", ())),
            encoded(&Envelope::new("alarm", "fire", None::<u8>)),
            encoded(&Envelope::new("alarm", "fire", json!({}))),
        ] {
            assert!(json.ends_with(r#""content":{},"_reserved":{}}"#), "{json}");
        }
    }

    #[test]
    fn only_errors_and_exceptions_are_false() {
        assert!(Envelope::success(false).truth());
        assert!(Envelope::status("offline").truth());
        assert!(!Envelope::error("").truth());
        assert!(!Envelope::exception("E", "").truth());
    }

    #[test]
    fn two_messages_of_the_same_body_are_equal() {
        assert_eq!(Envelope::rpc("a", 1), Envelope::rpc("a", 1));
        assert_ne!(Envelope::rpc("a", 1), Envelope::command("a", 1));
    }
}
