//! A connection that can be ended whatever the broker does.
//!
//! lapin ends a connection by a farewell and waits for the broker's answer. Meanwhile it looks for
//! no heartbeat, and while it logs in it does not either. So before a silent broker its thread, its
//! buffers and all that is under way would wait for as long as the system keeps the socket. The
//! [`Switch`] makes the stream fail instead, and lapin does the rest. Whoever has waited for long
//! enough turns it off: who closes, who dials, and the clock of [`silence`].

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use lapin::Connection;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use super::direct::Direct;
use super::fault::{self, Loss};
use super::silence::{self, Ear};
use crate::transport::TransportError;

/// A connection, the way of its messages, and the switch of its stream.
///
/// Dropping it says farewell and does not wait; where the broker is silent, it ends as one that was
/// not dropped does.
#[derive(Debug)]
pub(super) struct Wire {
    connection: Connection,
    direct: Arc<Direct>,
    switch: Switch,
}

impl Wire {
    /// From now on it ends when the broker is silent.
    pub(super) fn new(connection: Connection, direct: Arc<Direct>, switch: Switch) -> Self {
        silence::watch(&switch, connection.configuration().heartbeat());
        Self { connection, direct, switch }
    }

    /// The way of its messages.
    pub(super) fn direct(&self) -> &Arc<Direct> {
        &self.direct
    }

    /// Does something with lapin until the connection has ended. lapin was seen to leave it waiting
    /// then.
    pub(super) async fn unless_closed<T>(
        &self,
        work: impl Future<Output = lapin::Result<T>>,
        operation: impl FnOnce() -> String,
    ) -> Result<T, TransportError> {
        let done = tokio::select! {
            biased;
            done = work => done,
            loss = self.direct.closed() => return Err(loss.disconnected()),
        };
        done.map_err(|error| match self.direct.loss() {
            Some(loss) if fault::refusal(&error).is_none() => loss.disconnected(),
            _ => fault::of_operation(&error, operation),
        })
    }

    /// Why nothing can be done any more. What ended the stream tells more than lapin, which may know
    /// only that it has ended.
    pub(super) fn why_lost(&self, error: &lapin::Error) -> TransportError {
        self.direct.loss().unwrap_or_else(|| Loss::from(error)).disconnected()
    }

    /// How large a frame may be, in bytes.
    pub(super) fn frame_max(&self) -> usize {
        match usize::try_from(self.connection.configuration().frame_max()) {
            // AMQP's word for no limit. This is what brokers offer.
            Ok(0) | Err(_) => 128 * 1024,
            Ok(most) => most,
        }
    }

    /// Waits until it ends because the broker is silent, and says so.
    pub(super) async fn silence(&self) -> String {
        self.switch.off_by(|why| matches!(why, Why::Silence)).await;
        silence::words(self.switch.ear())
    }

    /// Closes it: in good order when that takes at most `patience`, else without the broker, which is
    /// false. What is still under way fails then.
    pub(super) async fn end(&self, patience: Duration) -> bool {
        self.direct.begin_farewell();
        let farewell = async {
            tokio::select! {
                // An error says that it is gone already.
                _ = self.connection.close(200, "closed".into()) => {}
                () = self.failed() => {}
            }
        };
        let in_order = timeout(patience, farewell).await.is_ok();
        self.direct.close(&Loss::closed());
        self.switch.turn_off();
        in_order
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

impl Drop for Wire {
    fn drop(&mut self) {
        self.direct.begin_farewell();
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
    off: watch::Sender<Option<Why>>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    ear: Ear,
}

/// Why a switch is off.
#[derive(Clone, Copy, Debug)]
enum Why {
    Told,
    Silence,
}

impl Switch {
    pub(super) fn turn_off(&self) {
        self.off_because(Why::Told);
    }

    /// Turns it off because nothing was heard for too long.
    pub(super) fn silent(&self) {
        self.off_because(Why::Silence);
    }

    /// The first reason counts.
    fn off_because(&self, why: Why) {
        self.0.off.send_if_modified(|off| off.replace(off.unwrap_or(why)).is_none());
        self.wake_reader();
        self.0.writer.wake();
    }

    /// Turns it off when the answer is dropped, unless it is kept.
    pub(super) fn off_unless_kept(&self) -> OffUnlessKept {
        OffUnlessKept(Some(self.clone()))
    }

    /// Waits until it is off.
    pub(super) async fn off(&self) {
        self.off_by(|_| true).await;
    }

    async fn off_by(&self, wanted: impl Fn(Why) -> bool) {
        // The sender is here.
        drop(self.0.off.subscribe().wait_for(|off| off.is_some_and(&wanted)).await);
    }

    pub(super) fn ear(&self) -> &Ear {
        &self.0.ear
    }

    pub(super) fn wake_reader(&self) {
        self.0.reader.wake();
    }

    /// An error when it is off; else the reader is woken when it is turned off.
    pub(super) fn check_read(&self, cx: &Context<'_>) -> io::Result<()> {
        self.0.reader.register(cx.waker());
        self.check()
    }

    /// There is nothing to read: an error when that has lasted too long.
    pub(super) fn check_silence(&self) -> io::Result<()> {
        if self.ear().left().is_some_and(|left| left.is_zero()) {
            self.silent();
        }
        self.check()
    }

    /// As [`Switch::check_read`], for the writer.
    pub(super) fn check_write(&self, cx: &Context<'_>) -> io::Result<()> {
        self.0.writer.register(cx.waker());
        self.check()
    }

    /// An error when it is off.
    pub(super) fn check(&self) -> io::Result<()> {
        match *self.0.off.borrow() {
            None => Ok(()),
            Some(Why::Told) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Why::Silence) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, silence::words(self.ear())))
            }
        }
    }

    /// The stream is gone. During the log-in there may be another after it.
    pub(super) fn stream_is_gone(&self) {
        if self.ear().is_watched() {
            self.turn_off();
        }
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
