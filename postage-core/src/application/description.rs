use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Method, Parameter};
use crate::message::{Category, Fingerprint};
use crate::processor::Counts;

/// What an application says of itself, when it is asked by
/// [`describe_application`](crate::ApplicationCommands::describe_application). Where the schemas in
/// it come from is said at [`Contract`](crate::Contract#schemas).
///
/// An application of another version may say less or more: what it does not say is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What an application says of itself."))]
#[non_exhaustive]
pub struct Description {
    /// Who it is.
    pub fingerprint: Fingerprint,
    /// Its own version, where it has one.
    #[serde(default)]
    pub version: Option<String>,
    /// When it started, in seconds since the Unix epoch.
    #[serde(default)]
    pub up_since: u64,
    /// The groups that it is in now.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What it handles, its own commands and those of every application.
    #[serde(default)]
    pub handlers: Vec<HandlerDescription>,
    /// The queues that it consumes.
    #[serde(default)]
    pub queues: Vec<QueueDescription>,
    /// How often its connection to the broker was made, losses before it started included: 1 where
    /// none was lost.
    #[serde(default)]
    pub connections: u64,
}

/// One handler of an application, and what it has done since the application started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HandlerDescription {
    /// Whether it is called or only told.
    pub category: Category,
    /// The message type, usually `command`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name on the wire.
    pub name: String,
    /// The version of its contract, where that says one.
    #[serde(default)]
    pub version: Option<String>,
    /// The signature that its contract's clients send, see [`Contract`](crate::Contract#signatures);
    /// none beyond a contract.
    #[serde(default)]
    pub signature: Option<String>,
    /// Its documentation, as written.
    #[serde(default)]
    pub documentation: String,
    /// Its parameters, in the order written.
    #[serde(default)]
    pub parameters: Vec<ParameterDescription>,
    /// The type that it returns, as written.
    #[serde(default)]
    pub returns: String,
    /// The JSON Schema of the value that it answers, where its type has one.
    #[serde(default)]
    pub returns_schema: Option<Value>,
    /// The JSON Schema of its documented error, where it has one, and its type has one.
    #[serde(default)]
    pub error_schema: Option<Value>,
    /// How many messages it has handled.
    #[serde(default)]
    pub handled: u64,
    /// How many of them failed. A documented error is an answer, and does not count.
    #[serde(default)]
    pub failed: u64,
    /// How long it has run, all messages together, in seconds.
    #[serde(default)]
    pub busy_seconds: f64,
}

/// A parameter of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ParameterDescription {
    /// The name on the wire.
    pub name: String,
    /// The type, as written.
    #[serde(default)]
    pub rust_type: String,
    /// The JSON Schema of what may be sent for it, where the type has one.
    #[serde(default)]
    pub schema: Option<Value>,
}

/// A queue that an application consumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct QueueDescription {
    /// Its name.
    pub name: String,
    /// Whether it is consumed now: not while it is being brought back after a loss.
    #[serde(default)]
    pub consumed: bool,
}

impl Description {
    /// How many calls it has handled, those of every application's commands included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.handled(Category::Rpc)
    }

    /// How many messages that are not answered it has handled.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.handled(Category::Message)
    }

    /// How many of both failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.handlers.iter().map(|handler| handler.failed).sum()
    }

    fn handled(&self, category: Category) -> u64 {
        let of_category = self.handlers.iter().filter(|handler| handler.category == category);
        of_category.map(|handler| handler.handled).sum()
    }
}

impl HandlerDescription {
    pub(super) fn of(method: &Method, counts: &Counts) -> Self {
        Self {
            category: method.category(),
            kind: method.kind().to_owned(),
            name: method.name().to_owned(),
            version: method.version().map(str::to_owned),
            signature: method.signature().map(str::to_owned),
            documentation: method.documentation().to_owned(),
            parameters: method.parameters().iter().map(ParameterDescription::of).collect(),
            returns: method.returns().to_owned(),
            returns_schema: method.returns_schema(),
            error_schema: method.error_schema(),
            handled: counts.handled(),
            failed: counts.failed(),
            busy_seconds: counts.busy().as_secs_f64(),
        }
    }
}

impl ParameterDescription {
    fn of(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name().to_owned(),
            rust_type: parameter.rust_type().to_owned(),
            schema: parameter.schema(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_version_does_not_say_is_empty_and_what_it_says_more_is_passed_over() {
        let json = r#"{"fingerprint":{"name":"lamp"},"handlers":[{"category":"rpc","type":"command",
            "name":"lit","parameters":[{"name":"floor","unit":"m"}],"colour":"red"}],"mood":"good"}"#;
        let described: Description = serde_json::from_str(json).unwrap();
        assert_eq!(described.fingerprint.name, "lamp");
        assert_eq!((described.up_since, described.queues.len()), (0, 0));
        assert_eq!(described.handlers[0].parameters[0].name, "floor");
        assert_eq!(described.handlers[0].returns, "");
    }
}
