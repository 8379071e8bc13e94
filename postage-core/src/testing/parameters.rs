//! The parameters of a message as a test wants them: by name, or in the order of a contract.

use serde_json::Value;

use crate::contract::Method;
use crate::message::Message;

/// The parameters of a command; of any other type, the content.
pub(super) fn parameters_of(message: &Message<'_>) -> Value {
    let mut content: Value = serde_json::from_str(message.content().get()).unwrap_or_default();
    if message.kind() != "command" {
        return content;
    }
    match content.get_mut("parameters") {
        Some(parameters) => parameters.take(),
        None => Value::Object(serde_json::Map::new()),
    }
}

/// The parameters in the order of the contract: null for none, a value for one, else a list.
pub(super) fn in_order(mut parameters: Value, method: &Method) -> Value {
    let mut take = |name: &str| parameters.get_mut(name).map(Value::take);
    match method.parameters() {
        [] => Value::Null,
        // A single one may come bare.
        [only] => take(only.name()).unwrap_or(parameters),
        several => several.iter().map(|it| take(it.name()).unwrap_or_default()).collect(),
    }
}
