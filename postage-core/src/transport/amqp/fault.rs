//! What lapin's errors mean to our callers.

use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::{Error, ErrorKind};

use crate::transport::TransportError;

/// What the broker said when it refused one operation and closed only its channel.
pub(super) fn refusal(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::ProtocolError(said) if matches!(said.kind(), AMQPErrorKind::Soft(_)) => {
            Some(said.get_message().as_str())
        }
        _ => None,
    }
}

/// Whether a channel or connection was lost by what we sent: the broker is well.
pub(super) fn was_our_doing(error: &Error) -> bool {
    refusal(error).is_some() || spoke_on_a_closed_channel(error)
}

/// What follows when lapin writes what it had queued for a channel that the broker has closed.
pub(super) fn spoke_on_a_closed_channel(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(said) => {
            matches!(said.kind(), AMQPErrorKind::Hard(AMQPHardError::CHANNELERROR))
        }
        _ => false,
    }
}

/// An operation's failure: refused, or else the connection is gone.
pub(super) fn of_operation(error: &Error, operation: impl FnOnce() -> String) -> TransportError {
    match (refusal(error), error.kind()) {
        (Some(reason), _) => refused(operation(), reason),
        (None, ErrorKind::ChannelsLimitReached) => {
            refused(operation(), "all channels of the connection are in use; use fewer at once")
        }
        (None, _) => disconnected(error),
    }
}

pub(super) fn refused(operation: String, reason: impl Into<String>) -> TransportError {
    TransportError::Refused { operation, reason: reason.into() }
}

pub(super) fn disconnected(error: &Error) -> TransportError {
    TransportError::Disconnected { reason: words(error) }
}

pub(super) fn closed() -> TransportError {
    TransportError::Disconnected { reason: "this program closed it".to_owned() }
}

/// The broker's own words where there are any.
pub(super) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(said) => said.get_message().as_str().to_owned(),
        _ => error.to_string(),
    }
}
