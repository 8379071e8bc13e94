use super::TransportError;

/// Whether a transport is connected, as its watchers see it: for a health check, and for those who
/// take up their work again when it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It is connected. What was declared by an earlier session may be gone, and queues of the
    /// connection's own are.
    Connected {
        /// Counts the connections made, from 1.
        session: u64,
    },
    /// The connection was lost, and another is being made.
    Reconnecting {
        /// How often it was tried since.
        attempts: u32,
        /// Why it was lost, or why the last attempt failed.
        reason: String,
    },
    /// It was closed by this program, for good.
    Closed,
}

impl ConnectionState {
    /// Whether messages can be moved now.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    pub(crate) fn error(&self) -> Option<TransportError> {
        let reason = match self {
            Self::Connected { .. } => return None,
            Self::Reconnecting { reason, .. } => reason.clone(),
            Self::Closed => "this program closed it".to_owned(),
        };
        Some(TransportError::Disconnected { reason })
    }
}
