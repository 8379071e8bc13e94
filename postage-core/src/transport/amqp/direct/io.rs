//! The task of one connection's socket.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::frames::{self, BODY, HEADER, METHOD, Said};
use super::inbox::Incoming;
use super::pipe::{Ends, Pipe};
use super::{Carrier, Direct, Outcome};
use crate::topology::Route;
use crate::transport::Properties;
use crate::transport::amqp::fault::Loss;

/// How much is read before something is written.
const READ_AT_ONCE: usize = 128 * 1024;

/// How many buffers are written by one call of the system.
const WRITTEN_AT_ONCE: usize = 32;

/// How often lapin is told that the broker is there, while messages come that it does not see. Its
/// clock looks each half interval of heartbeats, and one is a second or more.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(250);

/// Starts the task of a stream; lapin has the pipe in its place. The task ends with the stream, or
/// with lapin's end of the pipe.
pub(in crate::transport::amqp) fn start<S>(stream: S, direct: Arc<Direct>, runtime: &Handle) -> Pipe
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let ends = Arc::new(Ends::default());
    let pipe = Pipe::new(Arc::clone(&ends));
    drop(runtime.spawn(Io::new(stream, direct, ends).run()));
    pipe
}

/// A stream, and what is on its way through it.
pub(super) struct Io<S> {
    stream: S,
    direct: Arc<Direct>,
    lapin: Arc<Ends>,
    buffer: Box<[u8]>,
    /// What was read and is no whole frame yet.
    read: BytesMut,
    /// The messages of which a part has come.
    reading: Vec<Message>,
    /// Those to whom something was given.
    touched: Vec<Carrier>,
    to_write: VecDeque<Bytes>,
    /// Who is told when that is written.
    flushes: Vec<oneshot::Sender<()>>,
    to_flush: bool,
    /// Whether others shall run once before something is written.
    let_others_first: bool,
    /// When lapin was last given something.
    lapin_heard: Instant,
}

/// What comes of reading once.
enum Read {
    Some,
    Nothing,
    Ended,
}

/// A message of which a part has come. A channel has one at a time.
struct Message {
    channel: u16,
    carrier: Carrier,
    what: What,
    /// How much of its body is still to come, in bytes, once its header has.
    missing: Option<u64>,
    incoming: Incoming,
    parts: BytesMut,
}

/// Why a message comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Delivered,
    Returned,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Io<S> {
    pub(super) fn new(stream: S, direct: Arc<Direct>, lapin: Arc<Ends>) -> Self {
        Self {
            stream,
            direct,
            lapin,
            buffer: vec![0; READ_AT_ONCE].into_boxed_slice(),
            read: BytesMut::new(),
            reading: Vec::new(),
            touched: Vec::new(),
            to_write: VecDeque::new(),
            flushes: Vec::new(),
            to_flush: false,
            let_others_first: true,
            lapin_heard: Instant::now(),
        }
    }

    async fn run(mut self) {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        let why = match &ended {
            Ok(()) => "the connection was closed".to_owned(),
            Err(error) => error.to_string(),
        };
        self.direct.close(&Loss::Stream(why));
        self.lapin.end(ended.err());
    }

    /// Reads and writes what can be, until the stream ends.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.direct.io.register(cx.waker());
        self.lapin.register(cx.waker());
        let read = self.read(cx)?;
        if let Read::Ended = read {
            return Poll::Ready(Ok(()));
        }
        if self.lapin.is_closed() {
            return self.farewell(cx);
        }
        let nothing_under_way = self.to_write.is_empty() && !self.to_flush;
        if nothing_under_way && self.has_output() {
            // Whoever can run now may have more to write: one call of the system for all of it.
            if std::mem::replace(&mut self.let_others_first, false) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.gather();
        }
        self.let_others_first = true;
        let written = self.write(cx)?;
        let more = matches!(read, Read::Some) || (written && self.has_output());
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reads once, and hands out what has come.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<Read> {
        if !self.lapin.has_room() {
            // It is seen all the same when the stream is switched off.
            let _ = Pin::new(&mut self.stream).poll_read(cx, &mut [])?;
            return Ok(Read::Nothing);
        }
        let Poll::Ready(count) = Pin::new(&mut self.stream).poll_read(cx, &mut self.buffer)? else {
            return Ok(Read::Nothing);
        };
        if count == 0 {
            return Ok(Read::Ended);
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.hand_out(&buffer[..count])?;
        self.buffer = buffer;
        Ok(Read::Some)
    }

    /// Hands out the whole frames of what was read, and keeps the rest.
    fn hand_out(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut for_lapin = false;
        if !self.read.is_empty() {
            // What has begun is completed by itself, so that all else need not be copied.
            let mut begun = std::mem::take(&mut self.read);
            while !bytes.is_empty() && !frames::is_whole(&begun) {
                let missing = frames::size(&begun).unwrap_or(frames::HEAD) - begun.len();
                let (piece, rest) = bytes.split_at(missing.min(bytes.len()));
                begun.extend_from_slice(piece);
                bytes = rest;
            }
            let done = self.hand_out_whole(&begun, &mut for_lapin)?;
            begun.advance(done);
            self.read = begun;
        }
        let done = self.hand_out_whole(bytes, &mut for_lapin)?;
        self.read.extend_from_slice(&bytes[done..]);
        self.touched.drain(..).for_each(|carrier| carrier.wake());
        self.keep_lapin_awake(for_lapin);
        Ok(())
    }

    /// Hands out the whole frames at the beginning of these bytes; how far that goes.
    fn hand_out_whole(&mut self, bytes: &[u8], for_lapin: &mut bool) -> io::Result<usize> {
        let mut done = 0;
        while let Some(size) = frames::size(&bytes[done..])
            && let Some(frame) = bytes[done..].get(..size)
        {
            if !self.carry(frame)? {
                self.lapin.give(frame);
                *for_lapin = true;
            }
            done += size;
        }
        Ok(done)
    }

    #[cfg(test)]
    pub(super) fn heard_long_ago(&mut self) {
        self.lapin_heard -= HEARTBEAT_EVERY;
    }

    /// lapin looks for heartbeats, and the broker sends none while it has something to say.
    fn keep_lapin_awake(&mut self, heard: bool) {
        if !heard && self.lapin_heard.elapsed() < HEARTBEAT_EVERY {
            return;
        }
        if !heard {
            self.lapin.give(&frames::HEARTBEAT_FRAME);
        }
        self.lapin_heard = Instant::now();
    }

    /// Whether something is to be written that is not yet under way.
    fn has_output(&self) -> bool {
        self.lapin.has_output() || self.direct.has_ready()
    }

    /// Gathers what is to be written. What lapin had first was written after all that was put out here
    /// before it, and so it comes last.
    fn gather(&mut self) {
        let lapin = self.lapin.take();
        let (ready, flushes) = self.direct.take_ready();
        ready.iter().for_each(|carrier| carrier.take_output(&mut self.to_write));
        self.flushes.extend(flushes);
        if !lapin.is_empty() {
            self.to_write.push_back(lapin.freeze());
        }
    }

    /// Writes what it can; whether that was all.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while !self.to_write.is_empty() {
            let mut slices = [IoSlice::new(&[]); WRITTEN_AT_ONCE];
            let count = self.to_write.len().min(WRITTEN_AT_ONCE);
            let buffers = slices.iter_mut().zip(&self.to_write);
            buffers.for_each(|(slice, bytes)| *slice = IoSlice::new(bytes));
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write_vectored(cx, &slices[..count])? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => self.wrote(count),
                Poll::Pending => return Ok(false),
            }
            self.to_flush = true;
        }
        if self.to_flush && Pin::new(&mut self.stream).poll_flush(cx)?.is_pending() {
            return Ok(false);
        }
        self.to_flush = false;
        for written in self.flushes.drain(..) {
            // Who waited for it may have left.
            let _ = written.send(());
        }
        Ok(true)
    }

    fn wrote(&mut self, mut count: usize) {
        while let Some(first) = self.to_write.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.to_write.pop_front();
        }
    }

    /// lapin has ended: the broker has said farewell, or there is none to say.
    fn farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.gather();
        // Nobody waits for what cannot be written at once.
        if self.write(cx)? {
            let _ = Pin::new(&mut self.stream).poll_close(cx)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Io<S> {
    /// Takes a frame that is not for lapin, and says whether it has.
    ///
    /// # Errors
    /// Where it is nothing that a broker sends.
    fn carry(&mut self, frame: &[u8]) -> io::Result<bool> {
        match frames::open(frame) {
            Some((METHOD, channel, payload)) => Ok(match frames::method(payload) {
                Some(said) => self.hear(channel, said),
                None => false,
            }),
            Some((HEADER, channel, payload)) => self.header(channel, payload),
            Some((BODY, channel, payload)) => self.body(channel, payload),
            _ => Ok(false),
        }
    }

    fn hear(&mut self, channel: u16, said: Said<'_>) -> bool {
        let (what, tag, redelivered, exchange, key) = match said {
            Said::Deliver { tag, redelivered, exchange, key } => {
                (What::Delivered, tag, redelivered, exchange, key)
            }
            Said::Return { exchange, key } => (What::Returned, 0, false, exchange, key),
            Said::Confirm { number, multiple, taken } => {
                return self.confirm(channel, Outcome::Confirmed { number, multiple, taken });
            }
            // These are lapin's to answer, too.
            Said::Blocked(blocked) => {
                self.direct.set_blocked(blocked);
                return false;
            }
            Said::Close { connection: true, loss } => {
                self.direct.close(&loss);
                return false;
            }
            Said::Close { connection: false, loss } => {
                self.close_channel(channel, &loss);
                return false;
            }
            Said::Closed => {
                self.close_channel(channel, &Loss::Stream("its channel was closed".into()));
                return false;
            }
        };
        let Some(carrier) = self.direct.carrier(channel) else { return false };
        let route = Route::new(exchange.to_owned(), key.to_owned());
        let (properties, body) = (Properties::default(), Bytes::new());
        let incoming = Incoming { tag, redelivered, route, properties, body };
        self.reading.retain(|message| message.channel != channel);
        let parts = BytesMut::new();
        self.reading.push(Message { channel, carrier, what, missing: None, incoming, parts });
        true
    }

    fn confirm(&mut self, channel: u16, outcome: Outcome) -> bool {
        let Some(carrier @ Carrier::Publisher(_)) = self.direct.carrier(channel) else {
            return false;
        };
        if let Carrier::Publisher(outbox) = &carrier {
            outbox.put(outcome);
        }
        self.touch(carrier);
        true
    }

    fn header(&mut self, channel: u16, payload: &[u8]) -> io::Result<bool> {
        let Some(at) = self.at(channel) else { return Ok(false) };
        let message = &mut self.reading[at];
        let (None, Some((size, properties))) = (message.missing, frames::header(payload)) else {
            return Err(out_of_turn("a header"));
        };
        message.missing = Some(size);
        message.incoming.properties = properties;
        if size == 0 {
            self.complete(at);
        }
        Ok(true)
    }

    fn body(&mut self, channel: u16, payload: &[u8]) -> io::Result<bool> {
        let Some(at) = self.at(channel) else { return Ok(false) };
        let message = &mut self.reading[at];
        let missing = message.missing.and_then(|size| size.checked_sub(payload.len() as u64));
        let Some(missing) = missing else { return Err(out_of_turn("a body")) };
        if missing == 0 && message.parts.is_empty() {
            message.incoming.body = Bytes::copy_from_slice(payload);
        } else {
            message.parts.extend_from_slice(payload);
        }
        message.missing = Some(missing);
        if missing == 0 {
            if !message.parts.is_empty() {
                message.incoming.body = std::mem::take(&mut message.parts).freeze();
            }
            self.complete(at);
        }
        Ok(true)
    }

    /// Nothing is carried on it any more, and what had begun to come does not end.
    fn close_channel(&mut self, channel: u16, loss: &Loss) {
        self.reading.retain(|message| message.channel != channel);
        self.direct.close_channel(channel, loss);
    }

    fn at(&self, channel: u16) -> Option<usize> {
        self.reading.iter().position(|message| message.channel == channel)
    }

    fn complete(&mut self, at: usize) {
        let Message { carrier, what, incoming, .. } = self.reading.swap_remove(at);
        match (what, &carrier) {
            (What::Delivered, Carrier::Consumer(inbox)) => inbox.put(incoming),
            (What::Returned, Carrier::Publisher(outbox)) => outbox.put(Outcome::Returned {
                route: incoming.route,
                id: incoming.properties.message_id,
            }),
            // No broker delivers to a publisher, or returns to a consumer.
            _ => return,
        }
        self.touch(carrier);
    }

    /// It is woken when all that was read is handed out.
    fn touch(&mut self, carrier: Carrier) {
        if self.touched.last().is_none_or(|last| !last.is(&carrier)) {
            self.touched.push(carrier);
        }
    }
}

fn out_of_turn(what: &str) -> io::Error {
    let what = format!("the broker sent {what} that belongs to no message");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<S> Drop for Io<S> {
    /// Where the task is given up before its end, as its runtime is.
    fn drop(&mut self) {
        self.direct.close(&Loss::Stream("the runtime of the connection has ended".into()));
        self.lapin.end(None);
    }
}
