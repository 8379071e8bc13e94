//! lapin's end of the connection: what it takes for the socket.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use futures_util::io::{AsyncRead, AsyncWrite};
use futures_util::task::AtomicWaker;

use super::frames;

/// How much may wait for lapin to read it, before the socket is left alone.
const MOST_TO_READ: usize = 1024 * 1024;

/// The end that lapin reads and writes, on its thread.
#[derive(Debug)]
pub(in crate::transport::amqp) struct Pipe(Arc<Ends>);

/// What goes between lapin and the socket's task.
#[derive(Debug, Default)]
pub(super) struct Ends {
    state: Mutex<State>,
    /// The socket's task.
    io: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    to_lapin: BytesMut,
    reader: Option<Waker>,
    /// How the socket ended, once it has: told once, and the end of the stream ever after.
    ended: Option<Option<io::Error>>,
    from_lapin: BytesMut,
    /// How far `from_lapin` is known to be whole frames.
    whole: usize,
    closed: bool,
}

impl Pipe {
    pub(super) fn new(ends: Arc<Ends>) -> Self {
        Self(ends)
    }
}

impl Ends {
    /// The socket's task is to be woken from now on.
    pub(super) fn register(&self, waker: &Waker) {
        self.io.register(waker);
    }

    /// Gives lapin bytes to read.
    pub(super) fn give(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.to_lapin.extend_from_slice(bytes);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    pub(super) fn has_room(&self) -> bool {
        self.lock().to_lapin.len() < MOST_TO_READ
    }

    /// What lapin has written, up to the end of its last whole frame.
    pub(super) fn take(&self) -> BytesMut {
        let mut state = self.lock();
        let whole = std::mem::take(&mut state.whole);
        state.from_lapin.split_to(whole)
    }

    pub(super) fn has_output(&self) -> bool {
        self.lock().whole > 0
    }

    /// Whether lapin has closed its end.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The socket has ended, by this error if by one.
    pub(super) fn end(&self, error: Option<io::Error>) {
        let mut state = self.lock();
        state.ended.get_or_insert(error);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if state.to_lapin.is_empty() {
            return match &mut state.ended {
                Some(error) => Poll::Ready(error.take().map_or(Ok(0), Err)),
                None => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let was_full = state.to_lapin.len() >= MOST_TO_READ;
        let count = buffer.len().min(state.to_lapin.len());
        state.to_lapin.copy_to_slice(&mut buffer[..count]);
        drop(state);
        if was_full {
            self.0.io.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Pipe {
    /// It takes all: lapin writes little beside messages, and those do not come here.
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if state.ended.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        state.from_lapin.extend_from_slice(buffer);
        while let Some(size) = frames::size(&state.from_lapin[state.whole..])
            && state.from_lapin.len() - state.whole >= size
        {
            state.whole += size;
        }
        let any = state.whole > 0;
        drop(state);
        if any {
            self.0.io.wake();
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().closed = true;
        self.0.io.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.io.wake();
    }
}
