//! Where the reply to one call arrives: at the address that calls share, or at one of its own.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinHandle;

use super::leaving::Asked;
use super::replies::{Entry, Reply};
use super::statuses::{Statuses, is_status, question};
use crate::transport::{Subscription, TransportError};

/// Where the reply arrives, and what else there may be.
#[derive(Debug)]
pub(super) enum Inbox {
    Shared {
        reply: oneshot::Receiver<Reply>,
        entry: Entry,
    },
    /// Several replies may come.
    Own {
        replies: Subscription,
        asked: Asked,
        _place: OwnedSemaphorePermit,
    },
    /// One comes, and statuses before it: they are read whether somebody waits or not.
    Told {
        reply: oneshot::Receiver<Reply>,
        _reader: Reader,
        _place: OwnedSemaphorePermit,
    },
}

/// What reads the address of one call. It goes with that.
#[derive(Debug)]
pub(super) struct Reader(pub(super) JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inbox {
    /// The reply. Cancel-safe: a dropped future loses none.
    pub(super) async fn reply(&mut self) -> Reply {
        let ended =
            |_| Err(TransportError::Disconnected { reason: "the reply consumer ended".into() });
        match self {
            Self::Shared { reply, entry } => {
                let reply = reply.await.unwrap_or_else(ended);
                entry.gone = true;
                reply
            }
            Self::Told { reply, .. } => reply.await.unwrap_or_else(ended),
            Self::Own { replies, asked, .. } => Box::pin(reply_at_own(replies, asked, None)).await,
        }
    }
}

/// The reply at an address of a call's own. Statuses that come before it go where they are wanted,
/// and who asks whether the call still waits is answered. Cancel-safe.
async fn reply_at_own(
    replies: &mut Subscription,
    asked: &Asked,
    statuses: Option<&Statuses>,
) -> Reply {
    loop {
        let reply = replies.next().await?.ok_or_else(|| TransportError::Disconnected {
            reason: "the call's own reply consumer ended".into(),
        })?;
        if !is_status(&reply.properties) {
            return Ok(Box::new(reply));
        }
        if let Some(queue) = question(&reply.properties) {
            let id = reply.properties.correlation_id.as_deref().unwrap_or_default();
            asked.answer(queue, id, true);
        } else if let Some(statuses) = statuses {
            statuses.put(reply);
        }
    }
}

/// Reads the address of one call until its reply is there.
pub(super) async fn read_own(
    mut replies: Subscription,
    statuses: Arc<Statuses>,
    asked: Asked,
    sender: oneshot::Sender<Reply>,
) {
    let reply = reply_at_own(&mut replies, &asked, Some(&statuses)).await;
    // The call may have gone; its reply is not wanted then.
    drop(sender.send(reply));
}
