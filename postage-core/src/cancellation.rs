//! What callers and services say about calls that are given up.
//!
//! A caller that leaves says so over an exchange of its own, since it does not know which of several
//! services has its request. A service that did not listen all the time that a request may have
//! waited asks the caller, at its reply address, before the handler begins.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::link::Link;
use crate::message::{
    Codec, EncodeError, Envelope, Identity, JsonCodec, Message, STATUS, encode_status,
};
use crate::topology::{Exchange, ExchangeKind, Route};
use crate::transport::{Delivery, Properties, Publication};

/// Where callers say that they have left.
pub(crate) const CANCELLED: Exchange =
    Exchange::declared("postage-cancelled", ExchangeKind::Fanout);

/// The command by which callers speak of their calls.
const COMMAND: &str = "cancelled";

/// The status by which a service asks whether a call is still waited for. It has a reply address.
const WANTED: &str = "wanted";

/// What a caller says of its calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Said {
    /// Those that it has left.
    #[serde(default)]
    pub(crate) left: Vec<Left>,
    /// Those that a service has asked for, and that it waits for.
    #[serde(default)]
    pub(crate) wanted: Vec<String>,
}

/// A call that nobody waits for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The message id of its request.
    pub(crate) id: String,
    /// For how many milliseconds the request may still come.
    #[serde(rename = "for")]
    pub(crate) millis: u64,
}

impl Said {
    /// Reads what was said; nothing where it is no such message.
    pub(crate) fn read(link: &Link, delivery: &Delivery) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content {
            parameters: Said,
        }
        let (_, json) = link.open(delivery).ok()?;
        let message = Message::from_json(&json).ok()?;
        let Content { parameters } = message.content_as().ok()?;
        Some(parameters)
    }

    /// The message that says so, as JSON: every service reads that, whatever its codec.
    pub(crate) fn to(self, route: Route, link: &Link) -> Result<Publication, EncodeError> {
        let body = Envelope::command(COMMAND, self).to_json(&nobody(link))?;
        Ok(Publication::new(route, properties(), body).mandatory(false))
    }
}

impl Left {
    pub(crate) fn new(id: String, matters: Duration) -> Self {
        Self { id, millis: u64::try_from(matters.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Asks the caller at this address whether it waits for the call of this id. The queue hears what is
/// [`Said`] to that. It is unroutable where the address has gone.
pub(crate) fn question(
    link: &Link,
    address: String,
    id: String,
    queue: String,
) -> Result<Publication, EncodeError> {
    let body = encode_status(WANTED, serde_json::Map::new(), &nobody(link))?;
    let mut properties = properties();
    properties.kind = Some(STATUS.into());
    properties.message_id = Some(Uuid::new_v4().to_string().into());
    properties.correlation_id = Some(id.into());
    properties.reply_to = Some(queue.into());
    let route = Route::to_queue(address);
    Ok(Publication::new(route, properties, body))
}

fn properties() -> Properties {
    Properties { content_type: Some(JsonCodec.content_type().into()), ..Properties::default() }
}

/// What is said is the same whoever says it.
fn nobody(link: &Link) -> Identity {
    Identity::new(serde_json::Map::new(), link.transport.vhost())
}
