use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The content of a command: its parameters, usually a map by name, else any value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Command<P> {
    /// What the command is told.
    pub parameters: P,
}

/// The content of a plain message. Each part travels only when it is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain<A, K> {
    /// The positional arguments: a list, a tuple, or `()` for none.
    pub args: A,
    /// The named arguments: a map, a struct, or `()` for none.
    pub kwds: K,
}

impl<A: Serialize, K: Serialize> Serialize for Plain<A, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let args = to_raw_value(&self.args).map_err(S::Error::custom)?;
        let kwds = to_raw_value(&self.kwds).map_err(S::Error::custom)?;
        let parts = [("args", args), ("kwds", kwds)];
        let parts = parts.iter().filter(|(_, value)| !is_empty(value));
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in parts {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn is_empty(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "[]" | "{}")
}

/// Content with nothing in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}
