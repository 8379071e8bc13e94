//! How a service listens to callers that leave, and asks those that it may not have heard.
//!
//! What callers say is heard by those who listen at that time, and kept for nobody. So a service
//! listens before it consumes. Of a request that may have been sent before it listened, it asks the
//! caller whether it is still waited for, before the handler begins.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::cancel::{Cancels, Running};
use crate::cancellation::{CANCELLED, Said, question};
use crate::error::SendError;
use crate::link::Link;
use crate::pauses::Pauses;
use crate::transport::{Subscription, TransportError};

/// How long a caller is given to say whether it waits. Then it counts as one that does.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Where a service stands that listens.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    /// The session of the connection that it listens in, or cannot.
    session: u64,
    /// The queue where it is told, and since when.
    at: Option<(String, Instant)>,
}

impl Default for Listening {
    /// Nobody need wait for a service that does not listen.
    fn default() -> Self {
        Self { session: u64::MAX, at: None }
    }
}

impl Cancels {
    /// From now on those who consume wait until it listens.
    pub(super) fn will_listen(&self) {
        self.listening.send_replace(Listening { session: 0, at: None });
    }

    /// Waits until the service listens in this session, if it is to.
    pub(super) async fn listens_in(&self, session: u64) {
        let mut listening = self.listening.subscribe();
        // The sender is here.
        drop(listening.wait_for(|listening| listening.session >= session).await);
    }

    /// Listens, over losses of the connection, for as long as the service runs.
    pub(super) async fn listen(self: Arc<Self>, link: Arc<Link>) {
        let (mut pauses, mut warned) = (Pauses::new(), false);
        loop {
            let session = link.session();
            let ended = match link.listen(CANCELLED, "").await {
                Ok((queue, mut heard)) => {
                    // In which session it is, is known only where that is the same before and after.
                    if link.session() != session {
                        continue;
                    }
                    pauses = Pauses::new();
                    let at = Some((queue.clone(), Instant::now()));
                    self.listening.send_replace(Listening { session, at });
                    self.ask_all(&link, &queue).await;
                    let ended = self.hear_on(&link, &mut heard).await;
                    self.listening.send_modify(|listening| listening.at = None);
                    ended
                }
                Err(error) => error,
            };
            if let TransportError::Disconnected { .. } = ended {
                if link.after_loss(session, ended).await.is_err() {
                    self.listening.send_replace(Listening::default());
                    return;
                }
                if link.session() != session {
                    continue;
                }
            } else {
                // Who consumes does not wait for what is refused.
                self.listening.send_replace(Listening { session, at: None });
                let refused = matches!(ended, TransportError::Refused { .. });
                if refused && !std::mem::replace(&mut warned, true) {
                    tracing::warn!(
                        exchange = CANCELLED.name(),
                        error = %ended,
                        "callers that leave cannot be heard: their handlers run on"
                    );
                }
            }
            sleep(pauses.next()).await;
        }
    }

    async fn hear_on(&self, link: &Link, heard: &mut Subscription) -> TransportError {
        loop {
            match heard.next().await {
                Ok(Some(delivery)) => {
                    if let Some(said) = Said::read(link, &delivery) {
                        self.hear(said);
                    }
                }
                Ok(None) => {
                    let reason = "the consumer of cancellations ended".to_owned();
                    return TransportError::Disconnected { reason };
                }
                Err(error) => return error,
            }
        }
    }

    /// Asks the callers of all that runs: they may have left while nobody listened.
    async fn ask_all(&self, link: &Link, queue: &str) {
        for (id, reply_to) in self.running() {
            let asked = async {
                let question = question(link, reply_to, id, queue.to_owned())?;
                // One whose address has gone may come again under its id, and be answered then.
                link.publish(question.mandatory(false).confirm(false)).await?;
                Ok::<_, SendError>(())
            };
            if let Err(error) = asked.await {
                tracing::debug!(%error, "a caller could not be asked whether it waits");
            }
        }
    }

    /// Whether the caller of a request that is about to begin still waits, as far as can be known.
    /// This is how long it may wait in its queue, and here. Where the caller's address has gone, the
    /// answer would reach nobody: a caller that is there again sends the request again.
    pub(super) async fn is_wanted(
        &self,
        link: &Link,
        running: &Running<'_>,
        expiration: Option<Duration>,
    ) -> bool {
        let Some((queue, since)) = self.listening.borrow().at.clone() else { return true };
        // Whoever left later was heard.
        let before =
            expiration.is_none_or(|expiration| since.elapsed() < expiration.saturating_mul(2));
        let Some(reply_to) = running.reply_to().filter(|_| before) else { return true };
        let asked = async {
            let Ok(question) = question(link, reply_to, running.id.clone(), queue) else {
                return true;
            };
            match link.publish(question).await {
                Ok(()) => running.is_wanted().await,
                Err(TransportError::Unroutable { .. }) => false,
                Err(error) => {
                    tracing::debug!(%error, "a caller could not be asked whether it waits");
                    true
                }
            }
        };
        timeout(ANSWERS_WITHIN, asked).await.unwrap_or(true)
    }
}
