use std::any::type_name;
use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parameters::parameters_of;
use crate::message::{Codecs, Message, RemoteException, ResultContent, STATUS, shorten};
use crate::topology::Route;
use crate::transport::Properties;

/// A message as it travelled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The exchange and key that it was published with.
    pub route: Route,
    /// What went beside the body.
    pub properties: Properties,
    /// The body, as the codec made it.
    pub body: Bytes,
    kind: String,
    name: String,
    /// The body as JSON, where it can be read.
    json: Bytes,
}

impl Seen {
    pub(super) fn new(route: Route, properties: Properties, body: Bytes) -> Self {
        let codec = known_codecs().of(properties.content_type.as_deref()).cloned();
        let json = codec.and_then(|codec| codec.decode(body.clone())).unwrap_or_default();
        let (kind, name) = match Message::from_json(&json) {
            Ok(message) => (message.kind().to_owned(), message.name().to_owned()),
            Err(_) => Default::default(),
        };
        Self { route, properties, body, kind, name, json }
    }

    /// The type, like `command`; empty for a body that is no message.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name of the command or the text of the status; empty for a body that is no message.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole message.
    ///
    /// # Panics
    /// When the body is none.
    #[must_use]
    #[track_caller]
    pub fn message(&self) -> Message<'_> {
        Message::from_json(&self.json).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// The parameter of this name.
    ///
    /// # Panics
    /// When there is none, or of another type. The text says what there is.
    #[must_use]
    #[track_caller]
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> T {
        let parameters = parameters_of(&self.message());
        let Some(value) = parameters.get(name) else {
            panic!("there is no parameter `{name}` in {self}");
        };
        match T::deserialize(value) {
            Ok(value) => value,
            Err(error) => {
                panic!("the parameter `{name}` is no `{}`: {error}: in {self}", type_name::<T>())
            }
        }
    }

    /// All parameters: a struct, a map, a [`Value`], or what a bare parameter is.
    ///
    /// # Panics
    /// When they are of another type. The text says what there is.
    #[must_use]
    #[track_caller]
    pub fn parameters<T: DeserializeOwned>(&self) -> T {
        let parameters = parameters_of(&self.message());
        match serde_json::from_value(parameters) {
            Ok(value) => value,
            Err(error) => {
                panic!("the parameters are no `{}`: {error}: in {self}", type_name::<T>())
            }
        }
    }

    /// The value that a reply answers.
    ///
    /// # Panics
    /// When it answers no value, or one of another type. The text says what there is.
    #[must_use]
    #[track_caller]
    pub fn value<T: DeserializeOwned>(&self) -> T {
        let Some(ResultContent::Success { value }) = self.result() else {
            panic!("there is no value in {self}");
        };
        match serde_json::from_value(value) {
            Ok(value) => value,
            Err(error) => panic!("the value is no `{}`: {error}: in {self}", type_name::<T>()),
        }
    }

    /// The text of the documented error that a reply answers.
    ///
    /// # Panics
    /// When it answers none. The text says what there is.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> String {
        match self.result() {
            Some(ResultContent::Error { message }) => message,
            _ => panic!("there is no documented error in {self}"),
        }
    }

    /// The exception that a reply tells of.
    ///
    /// # Panics
    /// When it tells of none. The text says what there is.
    #[must_use]
    #[track_caller]
    pub fn exception(&self) -> RemoteException {
        match self.result() {
            Some(ResultContent::Exception { name, message }) => {
                RemoteException::told(name, message, &self.message())
            }
            _ => panic!("there is no exception in {self}"),
        }
    }

    pub(super) fn is_reply(&self) -> bool {
        self.kind == "result"
    }

    /// Whether the program sends it of its own accord, not to tell a caller something.
    pub(super) fn is_its_own(&self) -> bool {
        !self.is_reply() && !self.is_status()
    }

    /// Whether it tells a caller how its call goes. What a component says of itself, in a message of
    /// the same type, has not the AMQP type.
    pub(super) fn is_status(&self) -> bool {
        self.properties.kind.as_deref() == Some(STATUS)
    }

    fn result(&self) -> Option<ResultContent<Value>> {
        let message = Message::from_json(&self.json).ok().filter(|_| self.is_reply())?;
        Some(match ResultContent::of(&message).ok()? {
            ResultContent::Success { value } => {
                ResultContent::Success { value: serde_json::from_str(value.get()).ok()? }
            }
            ResultContent::Error { message } => ResultContent::Error { message },
            ResultContent::Exception { name, message } => {
                ResultContent::Exception { name, message }
            }
        })
    }
}

/// One line: what it is and what it says.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_reply() {
            return match self.result() {
                Some(ResultContent::Success { value }) => {
                    write!(f, "the value {}", shorten(&value.to_string()))
                }
                Some(ResultContent::Error { message }) => {
                    write!(f, "the error \"{}\"", shorten(&message))
                }
                Some(ResultContent::Exception { name, message }) => {
                    write!(f, "the exception {name}: {}", shorten(&message))
                }
                None => write!(f, "a malformed reply"),
            };
        }
        match Message::from_json(&self.json) {
            Ok(message) => {
                let parameters = parameters_of(&message).to_string();
                write!(f, "{} `{}` {}", self.kind, shorten(&self.name), shorten(&parameters))
            }
            Err(_) => {
                let text = String::from_utf8_lossy(&self.body);
                write!(f, "a body that is no message: {:?}", shorten(&text))
            }
        }
    }
}

/// All that this build has.
fn known_codecs() -> Codecs {
    #[cfg(feature = "msgpack")]
    return Codecs::new(std::sync::Arc::new(crate::message::MsgPackCodec));
    #[cfg(not(feature = "msgpack"))]
    Codecs::default()
}
