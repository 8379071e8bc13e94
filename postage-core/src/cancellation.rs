//! How a caller that leaves tells the services: over an exchange of its own, since it does not know
//! which of several has its request.

use serde::{Deserialize, Serialize};

use crate::topology::{Exchange, ExchangeKind};

/// Where callers say that they have left.
pub(crate) const CANCELLED: Exchange =
    Exchange::declared("postage-cancelled", ExchangeKind::Fanout);

/// The command by which they say so.
pub(crate) const COMMAND: &str = "cancelled";

/// What a caller says when it leaves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The message id of its request.
    pub(crate) id: String,
}
