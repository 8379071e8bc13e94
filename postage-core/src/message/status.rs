//! The statuses of a call: what a service tells a caller that asked for it, before the result.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{EncodeError, Envelope, Identity, Message, MessageError, Object};

/// What a status says of itself: the AMQP property `type`, so that it is told from a result before
/// it is read, and the type in its body.
pub(crate) const STATUS: &str = "status";

/// The names of the statuses.
pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const REJECTED: &str = "rejected";
pub(crate) const STARTED: &str = "started";
pub(crate) const PROGRESS: &str = "progress";
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// How far the work on a call has come, as its service last reported it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// How many items are done.
    pub completed: u64,
    /// How many there are to do; 0 where the service does not know.
    pub total: u64,
    details: Option<Box<RawValue>>,
    data: Option<String>,
}

impl Progress {
    /// What the service said beside the numbers, in a type of yours.
    ///
    /// # Errors
    /// [`MessageError::WrongValue`] when it said something else, or nothing.
    pub fn details<D: DeserializeOwned>(&self) -> Result<D, MessageError> {
        let json = self.details.as_deref().map_or("null", RawValue::get);
        read("the details of the progress", json)
    }

    /// The caller's own data, given by [`Call::data`](crate::Call::data), as it came back.
    ///
    /// # Errors
    /// [`MessageError::WrongValue`] when it is of another type, or when there is none.
    pub fn data<D: DeserializeOwned>(&self) -> Result<D, MessageError> {
        read_data(self.data.as_deref())
    }
}

/// The caller's own data, as it came back.
pub(crate) fn read_data<D: DeserializeOwned>(data: Option<&str>) -> Result<D, MessageError> {
    read("the data of the call", data.unwrap_or("null"))
}

fn read<D: DeserializeOwned>(what: &str, json: &str) -> Result<D, MessageError> {
    serde_json::from_str(json).map_err(|error| MessageError::WrongValue {
        reason: format!("{what}: {}", super::shorten(&error.to_string())),
    })
}

/// A status as a caller reads it.
#[derive(Debug)]
pub(crate) enum Status {
    Accepted,
    Started,
    Progress(Progress),
    /// A sign of life, or what a newer service says.
    Other,
}

impl Status {
    /// Reads a status with which this came as the caller's own data.
    pub(crate) fn read(json: &[u8], data: Option<&str>) -> Result<Self, MessageError> {
        Self::of(&Message::from_json(json)?, data)
    }

    /// What a message that is a status says.
    pub(crate) fn of(message: &Message<'_>, data: Option<&str>) -> Result<Self, MessageError> {
        #[derive(Deserialize)]
        struct Content<'a> {
            #[serde(default)]
            completed: Option<u64>,
            #[serde(default)]
            total: Option<u64>,
            #[serde(borrow)]
            details: Option<&'a RawValue>,
        }
        Ok(match message.name() {
            ACCEPTED => Self::Accepted,
            STARTED => Self::Started,
            PROGRESS => {
                let Object::<Content<'_>>(content) = message.content_as()?;
                Self::Progress(Progress {
                    completed: content.completed.unwrap_or_default(),
                    total: content.total.unwrap_or_default(),
                    details: content.details.map(ToOwned::to_owned),
                    data: data.map(str::to_owned),
                })
            }
            _ => Self::Other,
        })
    }
}

/// The content of a progress, written over what was in `json`.
pub(crate) fn write_progress(
    json: &mut Vec<u8>,
    completed: u64,
    total: u64,
    details: &impl Serialize,
) -> serde_json::Result<()> {
    #[derive(Serialize)]
    struct Content<'a, D> {
        total: u64,
        completed: u64,
        details: &'a D,
    }
    json.clear();
    serde_json::to_writer(json, &Content { total, completed, details })
}

/// The content of a rejection.
#[derive(Debug, Serialize)]
pub(crate) struct Reason<'a> {
    pub(crate) reason: &'a str,
}

/// The JSON of a status of this name, sent by `identity`.
pub(crate) fn encode_status(
    name: &'static str,
    content: impl Serialize,
    identity: &Identity,
) -> Result<Vec<u8>, EncodeError> {
    Envelope::new(STATUS, name, content).to_json(identity)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(name: &'static str, content: impl Serialize) -> String {
        let given = json!({
            "name": "desk", "type": "service", "pid": "7", "host": "h", "user": "u", "vhost": "/"
        });
        let json = encode_status(name, content, &Identity::new(given, "/")).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn every_status_has_the_bytes_that_are_promised() {
        let around = |name: &str, content: &str| {
            format!(
                r#"{{"type":"status","name":"{name}","category":"message","version":"2","fingerprint":{{"host":"h","name":"desk","pid":"7","type":"service","user":"u","vhost":"/"}},"content":{content},"_reserved":{{}}}}"#
            )
        };
        for name in [ACCEPTED, STARTED, HEARTBEAT] {
            assert_eq!(sent(name, ()), around(name, "{}"));
        }
        let rejected = sent(REJECTED, Reason { reason: "closed" });
        assert_eq!(rejected, around("rejected", r#"{"reason":"closed"}"#));
        let mut content = Vec::new();
        write_progress(&mut content, 3, 10, &"oiling").unwrap();
        let content: &RawValue = serde_json::from_slice(&content).unwrap();
        let progress = r#"{"total":10,"completed":3,"details":"oiling"}"#;
        assert_eq!(sent(PROGRESS, content), around("progress", progress));
    }

    #[test]
    fn what_a_progress_lacks_is_nothing_and_what_is_not_known_is_passed_over() {
        let read = |name: &str, content: &str| {
            let json = format!(
                r#"{{"type":"status","name":"{name}","category":"message","content":{content}}}"#
            );
            Status::read(json.as_bytes(), None)
        };
        let Ok(Status::Progress(progress)) = read("progress", r#"{"completed":2,"more":1}"#) else {
            panic!("it is a progress");
        };
        assert_eq!((progress.completed, progress.total), (2, 0));
        assert_eq!(progress.details::<Option<u8>>().unwrap(), None);
        assert!(progress.details::<u8>().unwrap_err().to_string().contains("the details"));
        assert!(matches!(read("pondering", "{}"), Ok(Status::Other)));
        assert!(read("progress", r#"{"completed":"much"}"#).is_err());
        assert!(read("progress", "[1]").is_err());
    }
}
