//! The task of a socket between lapin and those who carry messages, polled by hand.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite};
use proptest::collection::vec;
use proptest::prelude::*;

use super::io::Io;
use super::pipe::{Ends, Pipe};
use super::*;
use crate::topology::Route;
use crate::transport::{Properties, Publication, Settlement};

const DELIVER: &[u8] = b"\x00\x3c\x00\x3c\x03tag\0\0\0\0\0\0\0\x01\x00\x02ex\x02rk";
const HEADER_OF_5: &[u8] = b"\x00\x3c\x00\x00\0\0\0\0\0\0\0\x05\x00\x80\x01m";
const CANCEL_OK: &[u8] = b"\x00\x3c\x00\x1f\x03tag";
const CHANNEL_CLOSE: &[u8] = b"\x00\x14\x00\x28\x01\x94\x09NOT_FOUND\x00\x3c\x00\x28";

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    let head = [&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes()].concat();
    [&head, payload, &[0xCE]].concat()
}

/// A message for channel 1, in two pieces, with one of lapin's frames before and one within.
fn mixed() -> Vec<u8> {
    [
        frame(1, 1, CANCEL_OK),
        frame(1, 1, DELIVER),
        frame(1, 2, CANCEL_OK),
        frame(2, 1, HEADER_OF_5),
        frame(3, 1, b"hel"),
        frame(3, 1, b"lo"),
    ]
    .concat()
}

/// A socket that gives these pieces, and keeps what is written.
#[derive(Clone, Default)]
struct Socket {
    pieces: Arc<Mutex<VecDeque<Vec<u8>>>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Socket {
    fn gives(&self, piece: impl Into<Vec<u8>>) {
        self.pieces.lock().unwrap().push_back(piece.into());
    }

    fn written(&self) -> Vec<u8> {
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Some(piece) = self.pieces.lock().unwrap().pop_front() else { return Poll::Pending };
        buffer[..piece.len()].copy_from_slice(&piece);
        Poll::Ready(Ok(piece.len()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A little at a time.
        let count = buffer.len().min(5);
        self.written.lock().unwrap().extend_from_slice(&buffer[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct World {
    socket: Socket,
    direct: Arc<Direct>,
    lapin: Pipe,
    io: Io<Socket>,
}

impl World {
    fn new() -> Self {
        let (socket, direct, ends) = (Socket::default(), Arc::default(), Arc::new(Ends::default()));
        let io = Io::new(socket.clone(), Arc::clone(&direct), Arc::clone(&ends));
        Self { socket, direct, lapin: Pipe::new(ends), io }
    }

    /// Lets the task run until it has nothing to do.
    fn run(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(self.io.poll(&mut cx).is_pending());
        }
    }

    /// What lapin reads, without heartbeats.
    fn read_by_lapin(&mut self) -> Vec<u8> {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut read, mut buffer) = (Vec::new(), [0; 7]);
        while let Poll::Ready(Ok(count)) = Pin::new(&mut self.lapin).poll_read(&mut cx, &mut buffer)
        {
            read.extend_from_slice(&buffer[..count]);
        }
        read
    }

    fn lapin_writes(&mut self, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        let written = Pin::new(&mut self.lapin).poll_write(&mut cx, bytes);
        assert!(matches!(written, Poll::Ready(Ok(count)) if count == bytes.len()));
    }

    fn inbox(&self, settles: bool) -> Arc<Inbox> {
        let inbox = Inbox::new(1, settles, &self.direct);
        self.direct.carry(1, &Carrier::Consumer(Arc::clone(&inbox)));
        inbox
    }

    fn outbox(&self) -> Arc<Outbox> {
        let outbox = Outbox::new(1, 4096, &self.direct);
        self.direct.carry(1, &Carrier::Publisher(Arc::clone(&outbox)));
        outbox
    }
}

fn take(inbox: &Inbox) -> Option<Incoming> {
    match inbox.poll(&Context::from_waker(Waker::noop())) {
        Poll::Ready(incoming) => Some(incoming),
        Poll::Pending => None,
    }
}

fn hello() -> Publication {
    let properties = Properties { message_id: Some("m".into()), ..Properties::default() };
    Publication::new(Route::new("ex", "rk"), properties, "hello")
}

proptest! {
    #[test]
    fn messages_go_to_their_channel_and_all_else_to_lapin_however_the_stream_is_cut(
        cuts in vec(1_usize..20, 1..10),
    ) {
        let mut world = World::new();
        let inbox = world.inbox(true);
        let (stream, mut cuts) = (mixed(), cuts.into_iter().cycle());
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            world.socket.gives(piece);
            rest = later;
        }
        world.run();
        let Incoming { tag, redelivered, route, properties, body } = take(&inbox).unwrap();
        prop_assert_eq!((tag, redelivered, &body[..]), (1, false, &b"hello"[..]));
        prop_assert_eq!(route, Route::new("ex", "rk"));
        prop_assert_eq!(properties.message_id.as_deref(), Some("m"));
        prop_assert!(take(&inbox).is_none());
        let lapins = [frame(1, 1, CANCEL_OK), frame(1, 2, CANCEL_OK)].concat();
        prop_assert_eq!(world.read_by_lapin(), lapins);
    }
}

#[test]
fn on_a_channel_that_carries_nothing_all_is_lapins() {
    let mut world = World::new();
    world.socket.gives(mixed());
    world.run();
    assert_eq!(world.read_by_lapin(), mixed());
}

#[test]
fn lapin_hears_a_heartbeat_while_messages_come_that_it_does_not_see() {
    let mut world = World::new();
    let _inbox = world.inbox(true);
    let message = [frame(1, 1, DELIVER), frame(2, 1, HEADER_OF_5), frame(3, 1, b"hello")].concat();
    world.socket.gives(message.clone());
    world.run();
    assert_eq!(world.read_by_lapin(), b"", "it was heard of just now");
    world.io.heard_long_ago();
    world.socket.gives(message);
    world.run();
    assert_eq!(world.read_by_lapin(), frames::HEARTBEAT_FRAME);
}

const ACK_OF_1: &[u8] = b"\x00\x3c\x00\x50\0\0\0\0\0\0\0\x01\x00";

/// A consumer that has acknowledged its first delivery; the broker is not told yet.
fn with_one_acknowledged() -> (World, Arc<Inbox>) {
    let mut world = World::new();
    let inbox = world.inbox(true);
    world.socket.gives(mixed());
    world.run();
    let tag = take(&inbox).unwrap().tag;
    inbox.settle(tag, Settlement::Ack).unwrap();
    (world, inbox)
}

#[test]
fn what_was_put_out_before_lapin_said_something_is_written_before_it() {
    let (mut world, _inbox) = with_one_acknowledged();
    let close = frame(1, 1, b"\x00\x14\x00\x28\x00\xc8\x00\x00\x00\x00\x00");
    world.lapin_writes(&close);
    world.run();
    assert_eq!(world.socket.written(), [frame(1, 1, ACK_OF_1), close].concat());
}

#[test]
fn nothing_comes_between_the_parts_of_a_frame_of_lapins() {
    let mut world = World::new();
    let outbox = world.outbox();
    let lapins = frame(1, 2, CANCEL_OK);
    world.lapin_writes(&lapins[..9]);
    outbox.publish(&hello()).unwrap();
    world.run();
    let published = world.socket.written();
    assert_eq!(published[..3], [1, 0, 1], "lapin's frame is not whole yet");
    world.lapin_writes(&lapins[9..]);
    world.run();
    assert_eq!(world.socket.written(), lapins);
}

#[test]
fn on_a_channel_that_the_broker_has_closed_nothing_more_is_written() {
    let mut world = World::new();
    let outbox = world.outbox();
    world.socket.gives(frame(1, 1, CHANNEL_CLOSE));
    outbox.publish(&hello()).unwrap();
    world.run();
    assert_eq!(world.socket.written(), b"");
    assert_eq!(world.read_by_lapin(), frame(1, 1, CHANNEL_CLOSE), "lapin agrees to it");
    let cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Err(loss)) = outbox.poll(&cx, true) else { panic!("it is lost") };
    assert_eq!(loss.refusal(), Some("NOT_FOUND"));
}

#[test]
fn what_the_broker_said_before_the_end_comes_before_it() {
    let mut world = World::new();
    let outbox = world.outbox();
    let ack = frame(1, 1, b"\x00\x3c\x00\x50\0\0\0\0\0\0\0\x02\x01");
    let returned = frame(1, 1, b"\x00\x3c\x00\x32\x01\x38\x08NO_ROUTE\x02ex\x02rk");
    let header = frame(2, 1, HEADER_OF_5);
    let stream = [returned, header, frame(3, 1, b"hello"), ack, frame(1, 1, CHANNEL_CLOSE)];
    world.socket.gives(stream.concat());
    world.run();
    let cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(outcomes)) = outbox.poll(&cx, true) else { panic!("it was said") };
    let [
        Outcome::Returned { id, .. },
        Outcome::Confirmed { number: 2, multiple: true, taken: true },
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(id.as_deref(), Some("m"));
    assert!(matches!(outbox.poll(&cx, true), Poll::Ready(Err(_))));
}

#[test]
fn a_broker_that_is_short_of_memory_is_given_nothing_more() {
    let mut world = World::new();
    let outbox = world.outbox();
    let blocked = frame(1, 0, b"\x00\x0a\x00\x3c\x03low");
    world.socket.gives(blocked.clone());
    world.run();
    assert!(!outbox.has_room());
    let cx = Context::from_waker(Waker::noop());
    assert!(outbox.poll(&cx, false).is_pending());
    world.socket.gives(frame(1, 0, b"\x00\x0a\x00\x3d"));
    world.run();
    assert!(outbox.has_room());
    assert!(matches!(outbox.poll(&cx, false), Poll::Ready(Ok(outcomes)) if outcomes.is_empty()));
    assert_eq!(world.read_by_lapin(), [blocked, frame(1, 0, b"\x00\x0a\x00\x3d")].concat());
}

#[test]
fn a_consumer_that_was_left_gives_back_what_it_had_and_what_still_comes() {
    let mut world = World::new();
    let inbox = world.inbox(true);
    world.socket.gives(mixed());
    world.run();
    inbox.hold();
    world.run();
    assert_eq!(world.socket.written(), b"", "it is not cancelled yet");
    inbox.let_go();
    world.run();
    let nack =
        |tag| frame(1, 1, &[b"\x00\x3c\x00\x78\0\0\0\0\0\0\0", &[tag][..], b"\x02"].concat());
    assert_eq!(world.socket.written(), nack(1));
    let mut second = DELIVER.to_vec();
    second[15] = 2;
    let stream = [frame(1, 1, &second), frame(2, 1, HEADER_OF_5), frame(3, 1, b"hello")];
    world.socket.gives(stream.concat());
    world.run();
    assert_eq!(world.socket.written(), nack(2));
    assert!(take(&inbox).is_none());
}

#[test]
fn what_a_consumer_had_acknowledged_is_told_though_it_was_left() {
    let (mut world, inbox) = with_one_acknowledged();
    inbox.hold();
    let close = frame(1, 0, b"\x00\x0a\x00\x32\x00\xc8\x00\x00\x00\x00\x00");
    world.lapin_writes(&close);
    world.run();
    assert_eq!(world.socket.written(), [frame(1, 1, ACK_OF_1), close].concat());
}

#[test]
fn after_the_farewell_has_begun_nothing_is_taken() {
    let mut world = World::new();
    let (outbox, inbox) = (world.outbox(), Inbox::new(3, true, &world.direct));
    assert_eq!(outbox.publish(&hello()), Ok(true));
    world.direct.begin_farewell();
    assert_eq!(outbox.publish(&hello()), Ok(false));
    assert!(!outbox.has_room());
    assert!(inbox.settle(1, Settlement::Ack).is_err());
    world.run();
    assert_eq!(world.socket.written().len(), 21 + 24 + 13, "what was put out before is written");
}

#[test]
fn a_channel_that_is_opened_again_has_nothing_of_the_last_one() {
    let mut world = World::new();
    let (first, whole) = (world.inbox(true), mixed());
    world.socket.gives(&whole[..whole.len() - 10]);
    world.socket.gives(frame(1, 1, b"\x00\x14\x00\x29"));
    world.run();
    let second = world.inbox(true);
    world.socket.gives(whole);
    world.run();
    assert!(take(&first).is_none());
    assert_eq!(take(&second).unwrap().body, "hello");
    assert!(first.settle(1, Settlement::Ack).is_err());
}

#[test]
fn parts_of_a_message_out_of_their_turn_end_the_connection() {
    let deliver = frame(1, 1, DELIVER);
    let header = frame(2, 1, HEADER_OF_5);
    for stream in [
        [deliver.clone(), frame(3, 1, b"hello")].concat(),
        [deliver.clone(), header.clone(), header.clone()].concat(),
        [deliver, header, frame(3, 1, b"hello!")].concat(),
    ] {
        let mut world = World::new();
        let inbox = world.inbox(true);
        world.socket.gives(stream);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = world.io.poll(&mut cx) else { panic!("it passed") };
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(take(&inbox).is_none());
    }
}

#[tokio::test]
async fn who_waits_until_all_is_written_hears_when_it_is() {
    let mut world = World::new();
    let outbox = world.outbox();
    outbox.publish(&hello()).unwrap();
    let direct = Arc::clone(&world.direct);
    let mut flushed = Box::pin(async move { direct.flushed().await });
    assert!(futures_util::poll!(&mut flushed).is_pending());
    world.run();
    assert!(futures_util::poll!(&mut flushed).is_ready());
    assert!(!world.socket.written().is_empty());
    drop(world);
}

#[tokio::test]
async fn when_the_task_is_given_up_all_is_over() {
    let world = World::new();
    let (outbox, direct) = (world.outbox(), Arc::clone(&world.direct));
    let inbox = Inbox::new(3, true, &direct);
    direct.carry(3, &Carrier::Consumer(Arc::clone(&inbox)));
    drop(world.io);
    direct.flushed().await;
    assert!(!outbox.has_room());
    assert!(inbox.settle(1, Settlement::Ack).is_err());
    let late = Outbox::new(2, 4096, &direct);
    direct.carry(2, &Carrier::Publisher(Arc::clone(&late)));
    assert!(!late.has_room());
}
