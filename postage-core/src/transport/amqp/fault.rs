//! What lapin's errors, and the broker's own words, mean to our callers.

use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::{Error, ErrorKind};

use crate::transport::TransportError;

/// Why a connection is gone that we have closed.
pub(super) const CLOSED: &str = "this program closed it";

/// Why a channel carries no more messages.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    /// The broker refused something and closed the channel, in its own words.
    Channel(String),
    /// It closed the connection, in its own words; by our doing, where we spoke on a closed channel.
    Connection { ours: bool, reason: String },
    /// The stream ended.
    Stream(String),
}

impl Loss {
    /// By what the broker says when it closes a channel, or the connection.
    pub(super) fn said(connection: bool, code: u16, reason: String) -> Self {
        const CHANNEL_ERROR: u16 = 504;
        if connection {
            return Self::Connection { ours: code == CHANNEL_ERROR, reason };
        }
        Self::Channel(reason)
    }

    /// By this program.
    pub(super) fn closed() -> Self {
        Self::Stream(CLOSED.to_owned())
    }

    /// What the broker said when it refused one operation and closed only its channel.
    pub(super) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Channel(reason) => Some(reason),
            Self::Connection { .. } | Self::Stream(_) => None,
        }
    }

    /// Whether it was lost by what we sent: the broker is well.
    pub(super) fn was_our_doing(&self) -> bool {
        matches!(self, Self::Channel(_) | Self::Connection { ours: true, .. })
    }

    /// The broker's own words where there are any.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Channel(reason) | Self::Connection { reason, .. } | Self::Stream(reason) => {
                reason
            }
        }
    }

    /// What became of an operation that was under way.
    pub(super) fn of_operation(&self, operation: impl FnOnce() -> String) -> TransportError {
        match self.refusal() {
            Some(reason) => refused(operation(), reason),
            None => self.disconnected(),
        }
    }

    pub(super) fn disconnected(&self) -> TransportError {
        TransportError::Disconnected { reason: self.reason().to_owned() }
    }
}

impl From<&Error> for Loss {
    fn from(error: &Error) -> Self {
        let reason = words(error);
        match error.kind() {
            ErrorKind::ProtocolError(said) => match said.kind() {
                AMQPErrorKind::Soft(_) => Self::Channel(reason),
                AMQPErrorKind::Hard(code) => {
                    Self::Connection { ours: *code == AMQPHardError::CHANNELERROR, reason }
                }
            },
            _ => Self::Stream(reason),
        }
    }
}

/// What the broker said when it refused one operation and closed only its channel.
pub(super) fn refusal(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::ProtocolError(said) if matches!(said.kind(), AMQPErrorKind::Soft(_)) => {
            Some(said.get_message().as_str())
        }
        _ => None,
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
    TransportError::Disconnected { reason: CLOSED.to_owned() }
}

/// The broker's own words where there are any.
pub(super) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(said) => said.get_message().as_str().to_owned(),
        _ => error.to_string(),
    }
}
