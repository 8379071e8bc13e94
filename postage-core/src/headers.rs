//! The headers that this framework adds. A Python Postage component passes them over.

use std::borrow::Cow;
use std::time::Duration;

use crate::topology::FieldValue;
use crate::transport::Properties;

/// When the caller stops waiting for this attempt, in milliseconds since the Unix epoch.
pub(crate) const DEADLINE: &str = "postage-deadline";

/// Which attempt of its call a request is, from 1.
pub(crate) const ATTEMPT: &str = "postage-attempt";

/// How long the caller waits in all its attempts from when this one was sent, in milliseconds. A call
/// that has it says so when it is given up, and can be asked whether it still waits.
pub(crate) const LASTS: &str = "postage-lasts";

/// How often handling the message has failed so far.
pub(crate) const FAILURES: &str = "postage-failures";

/// Why handling it failed last.
pub(crate) const ERROR: &str = "postage-error";

/// Which handler failed, by its name in Rust.
pub(crate) const HANDLER: &str = "postage-handler";

/// The fingerprint of the service that failed, as JSON.
pub(crate) const FAILED_BY: &str = "postage-failed-by";

/// The exchange, the key and the queue by which the message first came.
pub(crate) const EXCHANGE: &str = "postage-exchange";
pub(crate) const KEY: &str = "postage-key";
pub(crate) const QUEUE: &str = "postage-queue";

/// How often the dead letters have not taken the message since it was rejected. It waits, and comes
/// again to be made a dead letter, not to be handled.
pub(crate) const KEPT: &str = "postage-kept";

/// Which start of an application says or answers this: a process that is killed and started again
/// in a container has the same fingerprint.
pub(crate) const START: &str = "postage-start";

/// What a failure leaves in the headers, and sending the message back takes out. How it first came
/// there stays.
pub(crate) const OF_A_FAILURE: [&str; 5] = [FAILURES, ERROR, HANDLER, FAILED_BY, KEPT];

/// Set where the caller wants the statuses of its call.
pub(crate) const STATUSES: &str = "postage-statuses";

/// How often the caller wants a sign of life, in milliseconds.
pub(crate) const HEARTBEAT: &str = "postage-heartbeat";

/// What callers may ask for, and what services keep to.
pub(crate) const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_HEARTBEAT: Duration = Duration::from_secs(24 * 60 * 60);

/// The caller's own data, as JSON: each status of the call has it too.
pub(crate) const DATA: &str = "postage-data";

/// Set in a request where its answer goes to a queue that lasts: the text that its answer and its
/// statuses have in this header too, which is the command's name.
pub(crate) const ANSWER: &str = "postage-answer";

/// Set where a message is dropped when its deadline has passed, and not handled late.
pub(crate) const SIGNAL: &str = "postage-signal";

/// Which version of its contract a message is of.
pub(crate) const VERSION: &str = "postage-version";

/// The signature of the contract's method, as the sender knows it.
pub(crate) const SIGNATURE: &str = "postage-signature";

/// The version that a message is of, where it says one. A peer may say it as a number.
pub(crate) fn version(properties: &Properties) -> Option<Cow<'_, str>> {
    match properties.header(VERSION)? {
        FieldValue::Text(version) => Some(Cow::Borrowed(version)),
        FieldValue::Int(version) => Some(Cow::Owned(version.to_string())),
        _ => None,
    }
}
