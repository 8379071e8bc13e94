//! Between the socket and those who read it: no message that a peer makes can end a connection or
//! the process.
//!
//! lapin reads field tables by recursion without a limit, on the thread of the connection: headers
//! that are nested some hundred levels deep overflow its stack, and the process aborts. Texts that
//! are no UTF-8, which the broker lets through, end the connection. Either message goes back to
//! its queue then, and ends the next one, for ever. So neither lapin nor [we](super::direct) get to
//! see it:
//!
//! - The properties of a message that lapin cannot read, or that are nested deeper than
//!   [`DEEPEST`](crate::transport::tables::DEEPEST), are replaced as a whole by a content type that nobody knows,
//!   [`UNREADABLE`]. The message arrives, and is rejected for that: a queue with a dead-letter
//!   exchange passes it on as it was sent. It is not handled without its properties, since what
//!   they asked for (a deadline, a reply address, a filter's header) would be lost unnoticed.
//! - In the exchange name and the routing key of a message, what is no UTF-8 becomes `?`.
//!
//! This is done frame by frame, on what comes out of TLS: [`Reactor`] lets lapin have a stream of
//! ours in place of the runtime's, see [`direct`](super::direct). Only method and header frames are
//! looked at, and these are small; message bodies pass by.

mod check;
mod frames;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};

use self::frames::Frames;
use super::direct::Pipe;
use super::wire::Switch;

/// What a message whose properties cannot be read arrives with, as its content type.
pub(super) const UNREADABLE: &str = "application/x-unreadable-properties";

/// How much is read from the socket at once.
const READ_AT_ONCE: usize = 128 * 1024;

/// tokio, with guarded streams.
pub(super) type GuardedRuntime = Runtime<RuntimeParts<Tokio, Reactor>>;

/// The runtime that lapin runs a connection on.
pub(super) fn runtime() -> GuardedRuntime {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), Reactor(tokio)))
}

/// tokio's reactor, with guarded streams.
#[derive(Clone, Debug)]
pub(super) struct Reactor(Tokio);

impl async_rs::traits::Reactor for Reactor {
    type TcpStream = Pipe;
    type Sleep = <Tokio as async_rs::traits::Reactor>::Sleep;

    fn register<H: Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        // lapin has no socket to register.
        Err::<Self::TcpStream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        _: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        // lapin connects by what it is given.
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// A stream whose reads pass the guard.
pub(super) struct Guard<S> {
    inner: S,
    /// What was read and has not passed yet: from `start` to `end`.
    read: Box<[u8]>,
    start: usize,
    end: usize,
    frames: Frames,
    switch: Switch,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, switch: Switch) -> Self {
        let read = vec![0; READ_AT_ONCE].into_boxed_slice();
        Self { inner, read, start: 0, end: 0, frames: Frames::default(), switch }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.switch.check_read(cx)?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let (taken, given) = this.frames.pass(&this.read[this.start..this.end], buffer)?;
            this.start += taken;
            if given > 0 {
                return Poll::Ready(Ok(given));
            }
            // Nothing passes without more, so all that was read has been taken.
            (this.start, this.end) = (0, 0);
            let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, &mut this.read) else {
                this.switch.check_silence()?;
                return Poll::Pending;
            };
            this.end = read?;
            if this.end == 0 {
                return Poll::Ready(Ok(0));
            }
            this.switch.ear().heard();
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The end of TLS is something to write.
        self.switch.check_write(cx)?;
        Pin::new(&mut self.get_mut().inner).poll_close(cx)
    }
}

impl<S> Drop for Guard<S> {
    fn drop(&mut self) {
        self.switch.stream_is_gone();
    }
}
