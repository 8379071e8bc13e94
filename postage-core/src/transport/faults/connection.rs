//! One connection: up, lost for a while, or closed.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::log::FaultKind;
use super::world::World;
use crate::transport::{ConnectionState, MemoryTransport, TransportError};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) world: Arc<World>,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// The connection of this session, or of the one that was lost.
    memory: Arc<MemoryTransport>,
    session: u64,
    state: ConnectionState,
    watchers: Watchers,
    /// Makes the next session.
    mender: Option<JoinHandle<()>>,
}

/// The session of now.
pub(super) struct Up {
    pub(super) memory: Arc<MemoryTransport>,
    pub(super) session: u64,
}

impl Connection {
    pub(super) fn new(memory: MemoryTransport, world: Arc<World>) -> Self {
        let line = Line {
            memory: Arc::new(memory),
            session: 1,
            state: ConnectionState::Connected { session: 1 },
            watchers: Watchers::default(),
            mender: None,
        };
        Self { number: world.next_connection(), world, line: Mutex::new(line) }
    }

    pub(super) fn memory(&self) -> Arc<MemoryTransport> {
        Arc::clone(&self.line().memory)
    }

    /// The session of now.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] while there is none.
    pub(super) fn up(&self) -> Result<Up, TransportError> {
        let line = self.line();
        match line.state.error() {
            Some(error) => Err(error),
            None => Ok(Up { memory: Arc::clone(&line.memory), session: line.session }),
        }
    }

    pub(super) fn is_up_in(&self, session: u64) -> bool {
        let line = self.line();
        line.state.is_connected() && line.session == session
    }

    /// Why there is no session, or not that of before.
    pub(super) fn gone(&self) -> TransportError {
        self.line().state.error().unwrap_or_else(|| lost("it was another session's"))
    }

    pub(super) fn watch(&self) -> watch::Receiver<ConnectionState> {
        let mut line = self.line();
        let state = line.state.clone();
        line.watchers.add(state)
    }

    /// Loses the connection, when it is still that of this session, for this long, or for as long
    /// as the seed says.
    pub(super) fn lose(
        self: &Arc<Self>,
        session: u64,
        subject: &str,
        pause: Option<Duration>,
    ) -> TransportError {
        let error = lost("a fault of the test");
        let TransportError::Disconnected { reason } = &error else { return error };
        let mut line = self.line();
        if !line.state.is_connected() || line.session != session {
            return error;
        }
        let pause = pause.unwrap_or_else(|| self.world.pause());
        self.world.note(self.number, FaultKind::Disconnected { pause }, subject);
        line.turn(ConnectionState::Reconnecting { attempts: 0, reason: reason.clone() });
        let memory = Arc::clone(&line.memory);
        drop(line);
        memory.cut();
        self.mend_after(pause);
        error
    }

    fn mend_after(self: &Arc<Self>, pause: Duration) {
        let connection = Arc::downgrade(self);
        let mending = async move {
            sleep(pause).await;
            if let Some(connection) = connection.upgrade() {
                connection.mend();
            }
        };
        match Handle::try_current() {
            Ok(runtime) => self.line().mender = Some(runtime.spawn(mending)),
            // Nobody can wait here.
            Err(_) => self.mend(),
        }
    }

    /// Makes the next session.
    fn mend(&self) {
        let mut line = self.line();
        if !matches!(line.state, ConnectionState::Reconnecting { .. }) {
            return;
        }
        let fresh = Arc::new(line.memory.connect());
        let former = mem::replace(&mut line.memory, fresh);
        line.session += 1;
        let session = line.session;
        line.turn(ConnectionState::Connected { session });
        drop(line);
        drop(former);
    }

    pub(super) fn close(&self) {
        let mut line = self.line();
        line.turn(ConnectionState::Closed);
        let mender = line.mender.take();
        let memory = Arc::clone(&line.memory);
        drop(line);
        if let Some(mender) = mender {
            mender.abort();
        }
        memory.cut();
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

impl Line {
    fn turn(&mut self, state: ConnectionState) {
        self.watchers.tell(&state);
        self.state = state;
    }
}

/// Those who watch the state, each with a channel of its own: one channel for all wakes its
/// watchers in an order that no seed determines.
#[derive(Debug, Default)]
struct Watchers {
    channels: Vec<watch::Sender<ConnectionState>>,
    /// When to look for those who have left.
    sweep_at: usize,
}

impl Watchers {
    fn add(&mut self, state: ConnectionState) -> watch::Receiver<ConnectionState> {
        if self.channels.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = 2 * self.channels.len() + 16;
        }
        let (sender, receiver) = watch::channel(state);
        self.channels.push(sender);
        receiver
    }

    fn tell(&mut self, state: &ConnectionState) {
        self.sweep();
        for channel in &self.channels {
            channel.send_replace(state.clone());
        }
    }

    fn sweep(&mut self) {
        self.channels.retain(|channel| !channel.is_closed());
    }
}

pub(super) fn lost(reason: &str) -> TransportError {
    TransportError::Disconnected { reason: reason.to_owned() }
}
