use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite};

/// A socket whose bytes come in pieces of these sizes, in turn.
#[derive(Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    sizes: [usize; 2],
}

impl<'a> Pieces<'a> {
    /// All of `stream`, in pieces of these sizes and of at least one byte.
    #[must_use]
    pub fn new(stream: &'a [u8], sizes: [usize; 2]) -> Self {
        Self { rest: stream, sizes }
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let size = self.sizes[0].max(1).min(self.rest.len()).min(buffer.len());
        let (piece, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.rest = rest;
        self.sizes.reverse();
        Poll::Ready(Ok(size))
    }
}

/// What is written goes nowhere.
impl AsyncWrite for Pieces<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What came out of a stream, and why it ended early.
#[derive(Debug, PartialEq)]
pub struct Passed {
    /// What came.
    pub bytes: Vec<u8>,
    /// The error at the end.
    pub error: Option<String>,
}

/// Reads a stream to its end, into room for so many bytes at a time.
pub fn read_through(mut stream: impl AsyncRead + Unpin, room: usize) -> Passed {
    let mut cx = Context::from_waker(Waker::noop());
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; room.max(1)]);
    loop {
        match Pin::new(&mut stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(0)) => return Passed { bytes, error: None },
            Poll::Ready(Ok(count)) => bytes.extend_from_slice(&buffer[..count]),
            Poll::Ready(Err(error)) => return Passed { bytes, error: Some(error.to_string()) },
            Poll::Pending => panic!("it waits, and there is more"),
        }
    }
}
