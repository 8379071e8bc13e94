//! The session of now, and the next one when it is lost.
//!
//! lapin's own recovery is not used: under traffic it can wait for ever, it declares server-named
//! queues again by their old names, and it says that it is connected before its channels are.
//! Instead each loss ends the whole session, so that whatever was under way fails at once, and this
//! supervisor makes a new one: the hosts in turn, with a growing, jittered pause between the
//! attempts. It connects and no more. What was declared, bound and consumed is brought back by
//! those who know what it was for: services, reply addresses and producers, who watch the state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::address::Address;
use super::fault;
use super::session::{LOST_DEADLINE, Session};
use crate::pauses::Pauses;
use crate::telemetry;
use crate::transport::{ConnectionState, TransportError};

/// How long before it gives up who waits for a broker tries once more.
const LAST_ATTEMPT: Duration = Duration::from_millis(200);

/// What the transport and its supervising task share.
#[derive(Debug)]
pub(super) struct Shared {
    addresses: Vec<Address>,
    session: Mutex<Option<Arc<Session>>>,
    state: watch::Sender<ConnectionState>,
}

impl Shared {
    /// Makes the first session, trying for `patience` in all; once where that is zero.
    pub(super) async fn connect(
        addresses: Vec<Address>,
        patience: Duration,
    ) -> Result<Self, TransportError> {
        let give_up = (!patience.is_zero()).then(|| Instant::now() + patience);
        let mut pauses = Pauses::new();
        let session = loop {
            let error = match first_that_answers(&addresses, give_up).await {
                Ok(session) => break session,
                Err(error) => error,
            };
            let left = give_up.map(|give_up| give_up.saturating_duration_since(Instant::now()));
            let Some(left) = left.filter(|left| *left > LAST_ATTEMPT) else { return Err(error) };
            let pause = pauses.next().min(left - LAST_ATTEMPT);
            tracing::info!(%error, ?pause, "waiting for the broker");
            sleep(pause).await;
        };
        Ok(Self {
            addresses,
            session: Mutex::new(Some(Arc::new(session))),
            state: watch::Sender::new(ConnectionState::Connected { session: 1 }),
        })
    }

    /// The session of now, or why there is none.
    pub(super) fn session(&self) -> Result<Arc<Session>, TransportError> {
        self.lock().clone().ok_or_else(|| self.state.borrow().error().unwrap_or_else(fault::closed))
    }

    pub(super) fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    /// Ends it for good, and answers the session that is still to be closed.
    pub(super) fn end(&self) -> Option<Arc<Session>> {
        let session = self.lock().take();
        self.state.send_replace(ConnectionState::Closed);
        session
    }

    /// Replaces each session that is lost, until it is ended.
    pub(super) async fn supervise(self: Arc<Self>) {
        let mut sessions = 1;
        loop {
            let Ok(session) = self.session() else { return };
            let reason = session.lost().await;
            if !self.step(|slot| *slot = None, reconnecting(0, &reason)) {
                return;
            }
            tracing::warn!(%reason, "connecting again");
            // What is under way over the other connections fails now too.
            session.close(LOST_DEADLINE).await;
            drop(session);
            let session = tokio::select! {
                // First: once it is ended no other attempt begins.
                biased;
                () = self.ended() => return,
                session = self.reconnect() => session,
            };
            let Some(session) = session else { return };
            sessions += 1;
            let connected = ConnectionState::Connected { session: sessions };
            if !self.step(|slot| *slot = Some(Arc::new(session)), connected) {
                return;
            }
            telemetry::reconnected();
            tracing::info!(session = sessions, "connected again");
        }
    }

    /// Waits until it is ended. Nobody is to be connected again then.
    async fn ended(&self) {
        let mut state = self.watch();
        // The sender is ours.
        drop(state.wait_for(|state| matches!(state, ConnectionState::Closed)).await);
    }

    async fn reconnect(&self) -> Option<Session> {
        let mut pauses = Pauses::new();
        let mut attempts = 0;
        loop {
            let reason = match first_that_answers(&self.addresses, None).await {
                Ok(session) => return Some(session),
                Err(reason) => reason,
            };
            attempts += 1;
            if !self.step(|_| {}, reconnecting(attempts, &reason)) {
                return None;
            }
            sleep(pauses.next()).await;
        }
    }

    /// Changes the session and the state together, unless it was ended meanwhile.
    fn step(&self, change: impl FnOnce(&mut Option<Arc<Session>>), next: ConnectionState) -> bool {
        let mut session = self.lock();
        self.state.send_if_modified(|state| {
            if matches!(state, ConnectionState::Closed) {
                return false;
            }
            change(&mut session);
            *state = next;
            true
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reconnecting(attempts: u32, reason: &TransportError) -> ConnectionState {
    let reason = match reason {
        TransportError::Disconnected { reason } => reason.clone(),
        other => other.to_string(),
    };
    ConnectionState::Reconnecting { attempts, reason }
}

/// Tries each host once, all of them until then; the error is that of the last one. What is left of
/// the time is shared by the hosts that are left, so that one that is silent does not take it all.
async fn first_that_answers(
    addresses: &[Address],
    give_up: Option<Instant>,
) -> Result<Session, TransportError> {
    let mut last = fault::closed();
    for (address, hosts_left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let hosts_left = u32::try_from(hosts_left).unwrap_or(u32::MAX);
        let share =
            give_up.map(|give_up| give_up.saturating_duration_since(Instant::now()) / hosts_left);
        match Session::connect(address, share.unwrap_or(Duration::MAX)).await {
            Ok(session) => return Ok(session),
            Err(error) => last = error,
        }
    }
    Err(last)
}
