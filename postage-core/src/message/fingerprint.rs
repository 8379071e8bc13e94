use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::EncodeError;

/// Who sent a message: six texts that say which component, where, and for whom.
///
/// Process id, host and user come from the operating system; the virtual host from the connection
/// that sends, unless set. A name or type that is not given is the text `"None"`, as in Python
/// Postage.
///
/// Any other type that serializes to a map can stand in its place wherever a producer asks for a
/// fingerprint; the keys that it lacks are filled from this one. One that is null is not lacking, and
/// one of the six that is no text leaves a receiver without a `Fingerprint` to read.
///
/// ```
/// use postage_core::Fingerprint;
///
/// let shop = Fingerprint::new("shop", "front-end");
/// assert_eq!(shop.as_dict()["name"], "shop");
/// assert_eq!(shop.as_tuple().1, "front-end");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Who sent a message."))]
#[serde(default = "Fingerprint::unsaid")]
pub struct Fingerprint {
    /// The component's name.
    pub name: String,
    /// A rough category of the component; `type` on the wire.
    #[serde(rename = "type")]
    pub kind: String,
    /// The operating system's id of the process.
    pub pid: String,
    /// The host that it runs on.
    pub host: String,
    /// The operating system's user that it runs as.
    pub user: String,
    /// The virtual host that it talks in; that of the connection when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vhost: Option<String>,
}

impl Fingerprint {
    /// A fingerprint of this name and type, its other values taken from the operating system.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        let process = Process::of_this_program();
        Self {
            name: name.into(),
            kind: kind.into(),
            pid: process.pid.clone(),
            host: process.host.clone(),
            user: process.user.clone(),
            vhost: None,
        }
    }

    /// What a peer that says nothing of itself is: not this program.
    fn unsaid() -> Self {
        let none = || "None".to_owned();
        Self { name: none(), kind: none(), pid: none(), host: none(), user: none(), vhost: None }
    }

    /// The same fingerprint with another virtual host.
    #[must_use]
    pub fn vhost(mut self, vhost: impl Into<String>) -> Self {
        self.vhost = Some(vhost.into());
        self
    }

    /// The dictionary form, as it travels. An unset virtual host is `/`.
    #[must_use]
    pub fn as_dict(&self) -> BTreeMap<&'static str, &str> {
        let (name, kind, pid, host, user, vhost) = self.as_tuple();
        BTreeMap::from([
            ("name", name),
            ("type", kind),
            ("pid", pid),
            ("host", host),
            ("user", user),
            ("vhost", vhost),
        ])
    }

    /// The tuple form: name, type, pid, host, user, vhost. An unset virtual host is `/`.
    #[must_use]
    pub fn as_tuple(&self) -> (&str, &str, &str, &str, &str, &str) {
        let vhost = self.vhost.as_deref().unwrap_or("/");
        (&self.name, &self.kind, &self.pid, &self.host, &self.user, vhost)
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new("None", "None")
    }
}

struct Process {
    pid: String,
    host: String,
    user: String,
}

impl Process {
    fn of_this_program() -> &'static Self {
        static PROCESS: OnceLock<Process> = OnceLock::new();
        PROCESS.get_or_init(|| Self {
            pid: std::process::id().to_string(),
            host: whoami::hostname().unwrap_or_else(|_| "None".to_owned()),
            user: whoami::username().unwrap_or_else(|_| "None".to_owned()),
        })
    }
}

/// A fingerprint as a producer keeps it: serialized once.
#[derive(Clone, Debug)]
pub(crate) struct Identity(Result<std::sync::Arc<RawValue>, EncodeError>);

impl Identity {
    /// The given fingerprint over one of this program on `vhost`.
    pub(crate) fn new(given: impl Serialize, vhost: &str) -> Self {
        Self(Self::merge(given, vhost))
    }

    fn merge(given: impl Serialize, vhost: &str) -> Result<std::sync::Arc<RawValue>, EncodeError> {
        let mut merged = match serde_json::to_value(Fingerprint::default().vhost(vhost)) {
            Ok(Value::Object(own)) => own,
            _ => Map::new(),
        };
        match serde_json::to_value(given) {
            Ok(Value::Object(given)) => merged.extend(given),
            Ok(other) => {
                return Err(EncodeError::Fingerprint {
                    reason: format!("it serializes to `{other}`, not to a map"),
                });
            }
            Err(error) => {
                return Err(EncodeError::Fingerprint { reason: error.to_string() });
            }
        }
        let raw = serde_json::value::to_raw_value(&merged)
            .map_err(|error| EncodeError::Fingerprint { reason: error.to_string() })?;
        Ok(raw.into())
    }

    pub(crate) fn raw(&self) -> Result<&RawValue, EncodeError> {
        self.0.as_deref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tuple_has_name_type_pid_host_user_vhost_in_that_order() {
        let shop = Fingerprint {
            name: "shop".into(),
            kind: "application".into(),
            pid: "4021".into(),
            host: "desk".into(),
            user: "ann".into(),
            vhost: Some("/test".into()),
        };
        assert_eq!(shop.as_tuple(), ("shop", "application", "4021", "desk", "ann", "/test"));
        let json = serde_json::to_string(&shop).unwrap();
        assert_eq!(
            json,
            r#"{"name":"shop","type":"application","pid":"4021","host":"desk","user":"ann","vhost":"/test"}"#
        );
    }

    #[test]
    fn unset_name_and_type_are_the_text_none() {
        let unset = Fingerprint::default();
        assert_eq!((unset.name.as_str(), unset.kind.as_str()), ("None", "None"));
        assert_eq!(unset.pid, std::process::id().to_string());
        assert!(!unset.host.is_empty() && !unset.user.is_empty());
    }

    #[test]
    fn a_map_of_the_users_own_is_laid_over_a_fingerprint_of_this_program() {
        #[derive(Serialize)]
        struct Badge {
            name: &'static str,
            floor: u8,
        }
        let identity = Identity::new(Badge { name: "lift", floor: 3 }, "/site");
        let value: Value = serde_json::from_str(identity.raw().unwrap().get()).unwrap();
        assert_eq!(value["name"], "lift");
        assert_eq!(value["floor"], 3);
        assert_eq!(value["vhost"], "/site");
        assert_eq!(value["pid"], std::process::id().to_string());
    }

    #[test]
    fn a_fingerprint_that_is_not_a_map_is_an_error_that_says_so() {
        let error = Identity::new("just a text", "/").raw().unwrap_err();
        assert!(error.to_string().contains("not to a map"), "{error}");
    }
}
