//! A connection that can be ended whatever the broker does.
//!
//! lapin ends a connection by a farewell and waits for the broker's answer. Meanwhile it looks for
//! no heartbeat, and while it logs in it does not either. So before a silent broker its thread, its
//! buffers and all that is under way would wait for as long as the system keeps the socket. The
//! [`Switch`] makes the stream fail instead, and lapin does the rest.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use lapin::Connection;
use tokio::time::{interval, timeout};

/// A connection, and the switch of its stream.
///
/// Dropping it says farewell and does not wait.
#[derive(Debug)]
pub(super) struct Wire {
    connection: Connection,
    switch: Switch,
}

impl Wire {
    pub(super) fn new(connection: Connection, switch: Switch) -> Self {
        Self { connection, switch }
    }

    /// Closes it: in good order when that takes at most `patience`, else without the broker. What
    /// is still under way fails then.
    pub(super) async fn end(&self, patience: Duration) {
        let farewell = async {
            tokio::select! {
                // An error says that it is gone already.
                _ = self.connection.close(200, "closed".into()) => {}
                () = self.failed() => {}
            }
        };
        let _ = timeout(patience, farewell).await;
        self.switch.turn_off();
    }

    /// Waits until the connection has failed. lapin does not always tell a farewell that is under
    /// way then, nor those who listen for events, so this looks.
    async fn failed(&self) {
        let mut looks = interval(Duration::from_millis(10));
        while !self.connection.status().errored() {
            looks.tick().await;
        }
    }
}

impl Deref for Wire {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Makes a stream fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Switch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    off: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Switch {
    pub(super) fn turn_off(&self) {
        self.0.off.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Turns it off when the answer is dropped, unless it is kept.
    pub(super) fn off_unless_kept(&self) -> OffUnlessKept {
        OffUnlessKept(Some(self.clone()))
    }

    /// An error when it is off; else the reader is woken when it is turned off.
    pub(super) fn check_read(&self, cx: &Context<'_>) -> io::Result<()> {
        self.0.reader.register(cx.waker());
        self.check()
    }

    /// As [`Switch::check_read`], for the writer.
    pub(super) fn check_write(&self, cx: &Context<'_>) -> io::Result<()> {
        self.0.writer.register(cx.waker());
        self.check()
    }

    /// An error when it is off.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.off.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// See [`Switch::off_unless_kept`].
#[derive(Debug)]
pub(super) struct OffUnlessKept(Option<Switch>);

impl OffUnlessKept {
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for OffUnlessKept {
    fn drop(&mut self) {
        if let Some(switch) = self.0.take() {
            switch.turn_off();
        }
    }
}
