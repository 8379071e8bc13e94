//! The task of a socket, polled to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite};

use super::io::Io;
use super::pipe::{Ends, Pipe};
use super::{Carrier, Direct, Inbox, Outbox, frames};

pub(in crate::transport::amqp) fn carried(
    stream: impl AsyncRead + AsyncWrite + Unpin,
) -> [String; 4] {
    let (direct, ends) = (Arc::<Direct>::default(), Arc::<Ends>::default());
    let inbox = Inbox::new(1, true, &direct);
    direct.carry(1, &Carrier::Consumer(Arc::clone(&inbox)));
    let outbox = Outbox::new(2, 4096, &direct);
    direct.carry(2, &Carrier::Publisher(Arc::clone(&outbox)));

    let mut io = Io::new(stream, Arc::clone(&direct), Arc::clone(&ends));
    let mut cx = Context::from_waker(Waker::noop());
    let ended = loop {
        if let Poll::Ready(ended) = io.poll(&mut cx) {
            break ended;
        }
    };
    let mut messages = Vec::new();
    while let Poll::Ready(message) = inbox.poll(&cx) {
        messages.push(message);
    }
    let said = outbox.poll(&cx, true);
    ends.end(None);
    let lapin = read(&mut Pipe::new(ends), &mut cx);
    let texts = [format!("{messages:?}"), format!("{said:?}")];
    let [messages, said] = texts;
    [messages, said, format!("{lapin:?}"), format!("{ended:?}")]
}

/// What lapin reads, without heartbeats, of which some come by the clock.
fn read(pipe: &mut Pipe, cx: &mut Context<'_>) -> Vec<u8> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while let Poll::Ready(Ok(count @ 1..)) = Pin::new(&mut *pipe).poll_read(cx, &mut buffer) {
        read.extend_from_slice(&buffer[..count]);
    }
    let (mut rest, mut passed) = (&read[..], Vec::new());
    while let Some(size) = frames::size(rest)
        && let Some((frame, later)) = rest.split_at_checked(size)
    {
        if frame != frames::HEARTBEAT_FRAME {
            passed.extend_from_slice(frame);
        }
        rest = later;
    }
    passed
}
