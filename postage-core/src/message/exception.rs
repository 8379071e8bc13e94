//! What went wrong at a service, as a caller is told it.

use std::error::Error;
use std::fmt;

use serde_json::Value;

use super::class::Class;
use super::details::{Details, causes};
use super::{Envelope, Message, ResultContent};

/// The name of an exception whose type says none.
const NAMELESS: &str = "Error";

/// What the handler of a call raised, as its service tells it.
///
/// Every peer is told its name and its text. The rest goes from this framework to itself: peers of
/// another make do not see it, and tell none of it. Of the trace, 32 texts of 1,000 characters are
/// told; a service may keep module and trace to itself, see [`Serve::traces`](crate::Serve::traces).
/// The causes come as texts, so they are in the trace and no [`Error::source`]; `{:#}` shows them too.
///
/// ```
/// use postage_core::RemoteException;
/// use serde_json::json;
///
/// let raised = RemoteException::new("SoldOut", "there are no anvils left")
///     .with_state(json!({"left": 0}))
///     .with_arguments(["anvil"]);
/// assert_eq!(raised.to_string(), "SoldOut: there are no anvils left");
///
/// let raised = RemoteException::of(&"four".parse::<u8>().unwrap_err());
/// assert_eq!((raised.name.as_str(), raised.module.as_deref()), ("ParseIntError", Some("core::num::error")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteException {
    /// The exception's name, like `KeyError` or `UnknownCommand`: its class, where it has one.
    pub name: String,
    /// Its text.
    pub message: String,
    /// The module or path that the class is of, like `shop::stock`.
    pub module: Option<String>,
    /// The texts of its causes, the nearest first.
    pub trace: Vec<String>,
    /// What it holds, in a form of the service's own.
    pub state: Option<Value>,
    /// What it was made from, in order.
    pub arguments: Vec<Value>,
}

impl RemoteException {
    /// An exception of this name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
            module: None,
            trace: Vec::new(),
            state: None,
            arguments: Vec::new(),
        }
    }

    /// What this error is as an exception: name and module are those of its type, as
    /// [`std::any::type_name`] has them, without generic arguments; the trace are the texts of its
    /// sources. One whose type says no name, like a `dyn Error`, is an `Error`.
    #[must_use]
    pub fn of<E: Error + ?Sized>(error: &E) -> Self {
        let class = Class::of::<E>().map(|Class { module, name }| (name, module));
        let (name, module) = class.unzip();
        let message = error.to_string();
        let name = name.unwrap_or_else(|| NAMELESS.to_owned());
        Self { module, trace: causes(error.source()), ..Self::new(name, message) }
    }

    /// With the module or path that its class is of.
    #[must_use]
    pub fn with_module(self, module: impl Into<String>) -> Self {
        Self { module: Some(module.into()), ..self }
    }

    /// With the texts of its causes, the nearest first.
    #[must_use]
    pub fn with_trace<S: Into<String>>(self, trace: impl IntoIterator<Item = S>) -> Self {
        Self { trace: trace.into_iter().map(Into::into).collect(), ..self }
    }

    /// With what it holds; a null is nothing.
    #[must_use]
    pub fn with_state(self, state: impl Into<Value>) -> Self {
        Self { state: Some(state.into()).filter(|state| !state.is_null()), ..self }
    }

    /// With what it was made from, in order.
    #[must_use]
    pub fn with_arguments<V: Into<Value>>(self, arguments: impl IntoIterator<Item = V>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..self }
    }

    /// As a reply tells it.
    pub(crate) fn told(name: String, message: String, reply: &Message<'_>) -> Self {
        let Details { module, class: _, trace, state, arguments } = reply.details();
        Self { name, message, module, trace, state, arguments }
    }

    /// The result that tells of it, and what goes beside its content.
    pub(crate) fn into_result(self) -> (Envelope<ResultContent<()>>, Details) {
        let Self { name, message, module, trace, state, arguments } = self;
        let details = Details { module, class: None, trace, state, arguments };
        (Envelope::exception(name, message), details.bounded())
    }
}

/// Name and text.
impl<N: Into<String>, M: Into<String>> From<(N, M)> for RemoteException {
    fn from((name, message): (N, M)) -> Self {
        Self::new(name, message)
    }
}

impl fmt::Display for RemoteException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)?;
        write_causes(f, &self.trace)
    }
}

impl Error for RemoteException {}

/// A documented error that the caller has no type for, as its service tells it. A peer of another
/// make tells its text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// Its text.
    pub message: String,
    /// The name of its type at the service. A text that is an error has none.
    pub class: Option<String>,
    /// The module or path that the type is of.
    pub module: Option<String>,
    /// The texts of its causes, the nearest first.
    pub trace: Vec<String>,
    /// Its typed form as JSON: what a caller with the type for it would read.
    pub state: Option<Value>,
}

impl RemoteError {
    /// As a reply tells it.
    pub(crate) fn told(message: String, reply: &Message<'_>) -> Self {
        let Details { module, class, trace, .. } = reply.details();
        let state = reply.error_payload();
        let state = state.and_then(|form| serde_json::from_str(form.get()).ok());
        Self { message, class, module, trace, state }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        write_causes(f, &self.trace)
    }
}

impl Error for RemoteError {}

/// The causes, where `{:#}` asks for them.
fn write_causes(f: &mut fmt::Formatter<'_>, trace: &[String]) -> fmt::Result {
    let causes = if f.alternate() { trace } else { &[] };
    causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Reserved;
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the desk is shut")]
    struct Shut(#[source] std::num::ParseIntError);

    fn shut() -> Shut {
        Shut("nine".parse::<u8>().unwrap_err())
    }

    #[test]
    fn an_error_becomes_an_exception_with_its_class_its_module_and_its_sources() {
        let raised = RemoteException::of(&shut());
        assert_eq!((&*raised.name, &*raised.message), ("Shut", "the desk is shut"));
        assert_eq!(raised.module.as_deref(), Some(module_path!()));
        assert_eq!(raised.trace, ["invalid digit found in string"]);
        assert_eq!(raised.to_string(), "Shut: the desk is shut");
        let with_causes = "Shut: the desk is shut: invalid digit found in string";
        assert_eq!(format!("{raised:#}"), with_causes);
        assert_eq!((raised.state, raised.arguments), (None, Vec::new()));
    }

    #[test]
    fn an_error_of_an_unknown_type_is_an_error_with_its_sources() {
        let error: Box<dyn Error> = Box::new(shut());
        let raised = RemoteException::of(&*error);
        assert_eq!((&*raised.name, raised.module), ("Error", None));
        assert_eq!(raised.trace, ["invalid digit found in string"]);
    }

    #[test]
    fn a_state_of_null_is_no_state() {
        assert_eq!(RemoteException::new("E", "").with_state(Value::Null).state, None);
        assert_eq!(RemoteException::new("E", "").with_state(false).state, Some(Value::Bool(false)));
    }

    #[test]
    fn what_goes_beside_an_exception_or_an_error_is_reserved() {
        let fingerprint = serde_json::value::to_raw_value(&json!({})).unwrap();
        let reserved = |envelope: Envelope<ResultContent<()>>, reserved: &Reserved<'_>| {
            String::from_utf8(envelope.encode(&fingerprint, reserved).unwrap()).unwrap()
        };
        let raised = RemoteException::new("Shut", "it is shut")
            .with_module("shop::hours")
            .with_trace(["it is night"])
            .with_state(json!({"until": 9}))
            .with_arguments([json!("front"), json!(2)]);
        let (raised, details) = raised.into_result();
        assert_eq!(
            reserved(raised, &Reserved { exception: Some(&details), ..Reserved::default() }),
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{},"content":{"type":"exception","value":"Shut","message":"it is shut"},"_reserved":{"exception":{"module":"shop::hours","trace":["it is night"],"state":{"until":9},"args":["front",2]}}}"#
        );
        let form = serde_json::value::to_raw_value(&json!({"left": 3})).unwrap();
        let details = Details {
            module: Some("shop".to_owned()),
            class: Some("SoldOut".to_owned()),
            trace: vec!["it is night".to_owned()],
            ..Details::default()
        };
        assert_eq!(
            reserved(
                Envelope::error("only 3 left"),
                &Reserved { error: Some(&form), exception: Some(&details), ..Reserved::default() }
            ),
            r#"{"type":"result","name":"none","category":"message","version":"2","fingerprint":{},"content":{"type":"error","value":null,"message":"only 3 left"},"_reserved":{"error":{"left":3},"exception":{"module":"shop","class":"SoldOut","trace":["it is night"]}}}"#
        );
    }
}
