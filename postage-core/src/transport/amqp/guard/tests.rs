use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::io::AsyncRead;
use lapin::protocol::basic::{AMQPProperties, parse_properties};
use lapin::types::{AMQPValue, FieldTable};
use proptest::collection::vec;
use proptest::prelude::*;

use super::check;
use super::frames::Frames;
use super::{Guard, READ_AT_ONCE, UNREADABLE};
use crate::transport::amqp::silence;
use crate::transport::amqp::wire::Switch;
use crate::transport::tables::DEEPEST;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

const HEADERS: u16 = 1 << 13;
const MESSAGE_ID: u16 = 1 << 7;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    [&[kind, 0, 1], &size.to_be_bytes()[..], payload, &[0xCE]].concat()
}

/// Class 60, weight 0, a body of 5 bytes, and these properties.
fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
    [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5][..], &flags.to_be_bytes(), properties].concat()
}

fn long(kind: &[u8], inside: &[u8]) -> Vec<u8> {
    [kind, &u32::try_from(inside.len()).unwrap().to_be_bytes(), inside].concat()
}

/// Headers nested this deep, their own table included: lists and tables in turn.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = b"V".to_vec();
    for level in (1..depth).rev() {
        value = match level % 2 {
            0 => long(b"F", &[b"\x01k", &value[..]].concat()),
            _ => long(b"A", &value),
        };
    }
    long(b"", &[b"\x01h", &value[..]].concat())
}

/// basic.deliver with this key.
fn deliver(key: &[u8]) -> Vec<u8> {
    let size = u8::try_from(key.len()).unwrap();
    [b"\x00\x3c\x00\x3c\x03tag\0\0\0\0\0\0\0\x01\0\x02ex", &[size][..], key].concat()
}

/// What comes out when the stream comes in pieces of these sizes, in turn, and goes out likewise.
fn pass(stream: &[u8], pieces: &[usize], room: usize) -> io::Result<Vec<u8>> {
    let mut frames = Frames::default();
    let mut out = Vec::new();
    let (mut rest, mut sizes) = (stream, pieces.iter().cycle());
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).min(rest.len());
        let (mut piece, later) = rest.split_at(size);
        rest = later;
        loop {
            let mut buffer = vec![0; room];
            let (taken, given) = frames.pass(piece, &mut buffer)?;
            piece = &piece[taken..];
            out.extend_from_slice(&buffer[..given]);
            if given == 0 {
                assert!(piece.is_empty(), "it gave nothing and left something");
                break;
            }
        }
    }
    Ok(out)
}

fn whole(stream: &[u8]) -> Vec<u8> {
    pass(stream, &[stream.len()], stream.len() + 100).unwrap()
}

fn replaced() -> Vec<u8> {
    let size = u8::try_from(UNREADABLE.len()).unwrap();
    frame(HEADER, &header(1 << 15, &[&[size], UNREADABLE.as_bytes()].concat()))
}

/// Frames of every kind, of which two are changed, and what becomes of them.
fn mixed() -> (Vec<u8>, Vec<u8>) {
    let before = [
        frame(METHOD, &deliver(b"key")),
        frame(HEADER, &header(HEADERS, &nested(DEEPEST))),
        frame(BODY, b"first"),
        frame(HEARTBEAT, b""),
        frame(METHOD, &deliver(b"k\xff\xfey")),
        frame(HEADER, &header(HEADERS, &nested(DEEPEST + 1))),
        frame(BODY, b"\xce\x02\x00"),
        frame(BODY, b"xx"),
        frame(HEADER, &header(0, b"")),
    ];
    let mut after = before.clone();
    after[4] = frame(METHOD, &deliver(b"k??y"));
    after[5] = replaced();
    (before.concat(), after.concat())
}

#[test]
fn a_header_that_is_too_deep_arrives_with_a_content_type_that_nobody_knows() {
    for depth in [DEEPEST + 1, 300, 20_000] {
        let stream = frame(HEADER, &header(HEADERS, &nested(depth)));
        assert_eq!(whole(&stream), replaced(), "{depth}");
    }
}

#[test]
fn a_header_as_deep_as_is_allowed_passes_and_lapin_reads_it() {
    let header = header(HEADERS, &nested(DEEPEST));
    let stream = frame(HEADER, &header);
    assert_eq!(whole(&stream), stream);
    assert!(parse_properties(&header[12..]).is_ok());
}

#[test]
fn texts_that_are_no_utf8_end_no_connection() {
    let key = frame(HEADER, &header(HEADERS, &long(b"", b"\x02\xc3\x28V")));
    assert_eq!(whole(&key), replaced());
    let id = frame(HEADER, &header(MESSAGE_ID, b"\x01\xff"));
    assert_eq!(whole(&id), replaced());
    let route = frame(METHOD, &deliver("clé\u{1F511}".as_bytes()));
    assert_eq!(whole(&route), route);
    let returned = b"\x00\x3c\x00\x32\x01\x38\x08NO_ROUTE\x02ex\x02\xff!";
    let mended = b"\x00\x3c\x00\x32\x01\x38\x08NO_ROUTE\x02ex\x02?!";
    assert_eq!(whole(&frame(METHOD, returned)), frame(METHOD, mended));
}

#[test]
fn frames_pass_however_the_stream_is_cut() {
    let (before, after) = mixed();
    for cut in 1..before.len() {
        assert_eq!(pass(&before, &[cut, before.len()], after.len()).unwrap(), after, "{cut}");
    }
    for size in 1..40 {
        assert_eq!(pass(&before, &[size], 1000).unwrap(), after, "pieces of {size}");
        assert_eq!(pass(&before, &[before.len()], size).unwrap(), after, "room for {size}");
    }
}

#[test]
fn the_brokers_other_version_passes() {
    assert_eq!(whole(b"AMQP\x00\x00\x09\x01"), b"AMQP\x00\x00\x09\x01");
}

#[test]
fn what_comes_after_another_version_is_looked_at_like_all_else() {
    let deep = frame(HEADER, &header(HEADERS, &nested(DEEPEST + 1)));
    let version = b"AMQP\x00\x00\x09\x01";
    assert_eq!(whole(&[version, &deep[..]].concat()), [version, &replaced()[..]].concat());
}

#[test]
fn what_no_broker_sends_is_an_error_that_says_so() {
    let deep = [b"\x00\x0a\x00\x0a\x00\x09", &nested(DEEPEST + 1)[..]].concat();
    let mut endless = frame(HEADER, &header(0, b""));
    *endless.last_mut().unwrap() = 0;
    for (stream, reason) in [
        (frame(9, b""), "type 9"),
        (frame(METHOD, b"\x00\x3c"), "cut short"),
        (frame(METHOD, &deliver(b"key")[..12]), "cut short"),
        (frame(METHOD, &deep), "too deep"),
        (frame(HEADER, b"\x00\x3c\x00"), "cut short"),
        (endless, "without its end"),
        (vec![HEADER, 0, 1, 0xff, 0xff, 0xff, 0xff], "4294967295 bytes"),
    ] {
        let error = pass(&stream, &[stream.len()], 1000).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_clients_method_that_has_a_table_is_an_error() {
    let queue = [b"\x00\x32\x00\x0a\0\0\x01q\0", &nested(20_000)[..]].concat();
    let consume = b"\x00\x3c\x00\x14\0\0\x01q\0\0\0\0\0\0";
    for payload in [&queue[..], consume] {
        let stream = frame(METHOD, payload);
        let error = pass(&stream, &[stream.len()], 1000).unwrap_err().to_string();
        assert!(error.contains("a client's"), "{error}");
    }
}

#[test]
fn what_came_before_an_error_passes_however_the_stream_is_cut() {
    let good = frame(METHOD, &deliver(b"key"));
    let mut endless = frame(HEADER, &header(0, b""));
    *endless.last_mut().unwrap() = 0;
    for bad in [frame(9, b""), frame(METHOD, b"\x00\x3c"), endless] {
        let stream = [&good[..], &bad].concat();
        for cut in 1..=stream.len() {
            let pieces = stream.chunks(cut).map(<[u8]>::to_vec).collect();
            let mut guard = Guard::new(Pieces(pieces, false), Switch::default());
            let (passed, ended) = read_to_end(&mut guard, 1000);
            assert_eq!(passed, good, "{cut}");
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}

/// Gives what it has in pieces, with a wait before each.
struct Pieces(VecDeque<Vec<u8>>, bool);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.1 = !self.1;
        if self.1 {
            return Poll::Pending;
        }
        let piece = self.0.pop_front().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(&piece);
        Poll::Ready(Ok(piece.len()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_nothing_to_read_for_too_long_fails_and_one_with_something_does_not() {
    let switch = Switch::default();
    silence::watch(&switch, 10);
    let mut guard = Guard::new(Pieces([frame(HEARTBEAT, b"")].into(), false), switch);
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = || Pin::new(&mut guard).poll_read(&mut cx, &mut [0; 8]);
    assert!(read().is_pending());
    // The program was held up meanwhile: nothing ran, the clock neither.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(matches!(read(), Poll::Ready(Ok(8))));
    tokio::time::advance(Duration::from_secs(19)).await;
    let Poll::Ready(Err(silent)) = read() else { panic!("it is silent") };
    assert_eq!(silent.to_string(), "the broker was silent for 19s");
}

/// What a stream gives until it ends, and how it ends.
fn read_to_end(guard: &mut Guard<Pieces>, room: usize) -> (Vec<u8>, io::Result<()>) {
    let mut cx = Context::from_waker(Waker::noop());
    let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
    loop {
        match Pin::new(&mut *guard).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(0)) => return (out, Ok(())),
            Poll::Ready(Ok(count)) => out.extend_from_slice(&buffer[..count]),
            Poll::Ready(Err(error)) => return (out, Err(error)),
            Poll::Pending => {}
        }
    }
}

#[test]
fn a_guarded_stream_waits_for_whole_headers_and_ends_when_its_socket_ends() {
    let (before, after) = mixed();
    let pieces = before.chunks(11).map(<[u8]>::to_vec).collect();
    let mut guard = Guard::new(Pieces(pieces, false), Switch::default());
    let (out, ended) = read_to_end(&mut guard, 7);
    ended.unwrap();
    assert_eq!(out, after);
}

/// A stream of frames as a broker may send it.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let body = vec(any::<u8>(), 0..300).prop_map(|body| frame(BODY, &body));
    let huge = Just(frame(BODY, &vec![7; READ_AT_ONCE + 10]));
    let header = properties().prop_map(|payload| frame(HEADER, &payload));
    let route = "\\PC{0,40}".prop_map(|key| frame(METHOD, &deliver(key.as_bytes())));
    let other = vec(any::<u8>(), 0..50)
        .prop_map(|payload| frame(METHOD, &[b"\x00\x5a\x00\x0b", &payload[..]].concat()));
    let beat = Just(frame(HEARTBEAT, b""));
    let one = prop_oneof![4 => body, 1 => huge, 4 => header, 4 => route, 1 => other, 1 => beat];
    vec(one, 0..20).prop_map(|frames| frames.concat())
}

fn value() -> impl Strategy<Value = AMQPValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(AMQPValue::Boolean),
        any::<i8>().prop_map(AMQPValue::ShortShortInt),
        any::<u16>().prop_map(AMQPValue::ShortUInt),
        any::<i32>().prop_map(AMQPValue::LongInt),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        any::<f64>().prop_map(AMQPValue::Double),
        any::<u64>().prop_map(AMQPValue::Timestamp),
        vec(any::<u8>(), 0..20).prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        vec(any::<u8>(), 0..20).prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        Just(AMQPValue::Void),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|values| AMQPValue::FieldArray(values.into())),
            table(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

fn table(values: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    vec(("\\PC{0,10}", values), 0..5).prop_map(|entries| {
        let mut table = FieldTable::default();
        for (key, value) in entries {
            table.insert(key.into(), value);
        }
        table
    })
}

/// A content header, written by lapin.
fn properties() -> impl Strategy<Value = Vec<u8>> {
    (table(value()), proptest::option::of("\\PC{0,30}"), any::<u8>(), any::<u64>()).prop_map(
        |(headers, text, number, time)| {
            let mut properties = AMQPProperties::default().with_headers(headers);
            if let Some(text) = text {
                properties = properties
                    .with_message_id(text.clone().into())
                    .with_cluster_id(text.clone().into())
                    .with_content_type(text.into())
                    .with_priority(number)
                    .with_timestamp(time);
            }
            let mut payload = header(0, b"");
            payload.truncate(12);
            let written = lapin::protocol::basic::gen_properties(&properties)(Vec::new().into());
            payload.extend(written.unwrap().into_inner().0);
            payload
        },
    )
}

proptest! {
    #[test]
    fn what_a_broker_sends_passes_unchanged(
        stream in frames(),
        pieces in vec(1_usize..2000, 1..6),
        room in 1_usize..3000,
    ) {
        prop_assert_eq!(pass(&stream, &pieces, room).unwrap(), stream);
    }

    #[test]
    fn a_header_passes_when_lapin_can_read_it_and_only_then(
        mut payload in properties(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in vec(any::<u8>(), 0..2),
    ) {
        for (place, byte) in changes {
            let place = 12 + place.index(payload.len() - 12);
            payload[place] = byte;
        }
        payload.extend(end);
        let read = parse_properties(&payload[12..]).is_ok_and(|(rest, _)| rest.is_empty());
        prop_assert_eq!(check::header_is_readable(&payload), read);
    }

    #[test]
    fn no_bytes_whatever_are_a_panic(
        stream in vec(prop_oneof![0_u8..9, any::<u8>()], 0..400),
        pieces in vec(1_usize..50, 1..4),
    ) {
        let _ = pass(&stream, &pieces, 64);
    }
}
