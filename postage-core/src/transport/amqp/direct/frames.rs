//! The frames that move messages, written and read byte by byte: AMQP 0-9-1, sections 2.3.5 and 4.2.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::super::fault::Loss;
use super::properties;
use crate::transport::{Properties, Publication};

/// Type, channel and size.
pub(super) const HEAD: usize = 7;
/// What a frame has beside its payload: its head, and the byte at its end.
const AROUND: usize = HEAD + 1;
const FRAME_END: u8 = 0xCE;
pub(super) const HEARTBEAT_FRAME: [u8; AROUND] = [HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END];

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// A greeting in place of a frame: `AMQP` and a version.
const GREETING: u8 = b'A';
const GREETING_SIZE: usize = 8;

const BASIC: u16 = 60;
const PUBLISH: u16 = 40;
const RETURN: u16 = 50;
const DELIVER: u16 = 60;
const ACK: u16 = 80;
const NACK: u16 = 120;
const CONNECTION: u16 = 10;
const CONNECTION_CLOSE: u16 = 50;
const BLOCKED: u16 = 60;
const UNBLOCKED: u16 = 61;
const CHANNEL: u16 = 20;
const CHANNEL_CLOSE: u16 = 40;
const CHANNEL_CLOSE_OK: u16 = 41;

const MULTIPLE: u8 = 1;
const REQUEUE: u8 = 2;
const MANDATORY: u8 = 1;

/// Bodies, or parts of them, that are larger are not copied.
const COPIED: usize = 8 * 1024;

/// What is to be written, in its order: small things side by side, large ones as they are.
#[derive(Debug, Default)]
pub(super) struct Output {
    before: VecDeque<Bytes>,
    /// What has come since.
    last: BytesMut,
    size: usize,
}

impl Output {
    pub(super) const fn len(&self) -> usize {
        self.size
    }

    pub(super) fn clear(&mut self) {
        self.before.clear();
        self.last.clear();
        self.size = 0;
    }

    pub(super) fn take(&mut self, to: &mut VecDeque<Bytes>) {
        to.append(&mut self.before);
        if !self.last.is_empty() {
            to.push_back(self.last.split().freeze());
        }
        self.size = 0;
    }

    fn put_body(&mut self, piece: Bytes) {
        if piece.len() <= COPIED {
            return self.last.put_slice(&piece);
        }
        self.before.push_back(self.last.split().freeze());
        self.before.push_back(piece);
    }
}

/// What a method says of messages, or of those who carry them.
#[derive(Debug)]
pub(super) enum Said<'a> {
    Deliver {
        tag: u64,
        redelivered: bool,
        exchange: &'a str,
        key: &'a str,
    },
    Return {
        exchange: &'a str,
        key: &'a str,
    },
    Confirm {
        number: u64,
        multiple: bool,
        taken: bool,
    },
    Blocked(bool),
    /// The broker closes the channel, or the whole connection.
    Close {
        connection: bool,
        loss: Loss,
    },
    Closed,
}

/// How large the frame is that begins here; none before its head has come.
pub(super) fn size(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&GREETING) {
        return Some(GREETING_SIZE);
    }
    let head = bytes.first_chunk::<HEAD>()?;
    let [_, _, _, size @ ..] = head;
    usize::try_from(u32::from_be_bytes(*size)).ok().map(|size| size.saturating_add(AROUND))
}

/// Whether the frame that begins here has come to its end.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    size(bytes).is_some_and(|size| bytes.len() >= size)
}

/// The type and the channel of a whole frame, and what is in it.
pub(super) fn open(frame: &[u8]) -> Option<(u8, u16, &[u8])> {
    let (head, rest) = frame.split_first_chunk::<HEAD>()?;
    let (end, payload) = rest.split_last()?;
    let channel = u16::from_be_bytes([head[1], head[2]]);
    (*end == FRAME_END).then_some((head[0], channel, payload))
}

/// What a method says, where it is one of these.
pub(super) fn method(payload: &[u8]) -> Option<Said<'_>> {
    let mut rest = payload;
    let (class, method) = (short(&mut rest)?, short(&mut rest)?);
    Some(match (class, method) {
        (BASIC, DELIVER) => {
            text(&mut rest)?;
            let tag = long_long(&mut rest)?;
            let redelivered = octet(&mut rest)? & 1 != 0;
            Said::Deliver { tag, redelivered, exchange: text(&mut rest)?, key: text(&mut rest)? }
        }
        (BASIC, RETURN) => {
            short(&mut rest)?;
            text(&mut rest)?;
            Said::Return { exchange: text(&mut rest)?, key: text(&mut rest)? }
        }
        (BASIC, ACK | NACK) => {
            let (number, bits) = (long_long(&mut rest)?, octet(&mut rest)?);
            Said::Confirm { number, multiple: bits & MULTIPLE != 0, taken: method == ACK }
        }
        (CONNECTION, BLOCKED) => Said::Blocked(true),
        (CONNECTION, UNBLOCKED) => Said::Blocked(false),
        (CONNECTION, CONNECTION_CLOSE) | (CHANNEL, CHANNEL_CLOSE) => {
            let (code, reason) = (short(&mut rest)?, text(&mut rest)?.to_owned());
            let connection = class == CONNECTION;
            Said::Close { connection, loss: Loss::said(connection, code, reason) }
        }
        (CHANNEL, CHANNEL_CLOSE_OK) => Said::Closed,
        _ => return None,
    })
}

/// How large the body is that a content header announces, and the properties.
pub(super) fn header(payload: &[u8]) -> Option<(u64, Properties)> {
    let mut rest = payload;
    let (_class, _weight) = (short(&mut rest)?, short(&mut rest)?);
    Some((long_long(&mut rest)?, properties::read(rest)?))
}

/// Writes a publication: its method, its header, its body in frames of at most `frame_max` bytes.
///
/// # Errors
/// A reason that names what cannot be sent; nothing is written then.
pub(super) fn publish(
    output: &mut Output,
    channel: u16,
    frame_max: usize,
    publication: &Publication,
) -> Result<(), String> {
    /// About what the frames of a message have beside its body.
    const USUAL: usize = 512;
    let Publication { body, .. } = publication;
    let out = &mut output.last;
    out.reserve(USUAL + if body.len() <= COPIED { body.len() } else { 0 });
    let before = out.len();
    let written = publish_method(out, channel, publication)
        .and_then(|()| content_header(out, channel, frame_max, publication));
    if let Err(reason) = written {
        out.truncate(before);
        return Err(reason);
    }
    output.size += out.len() - before;
    let most = frame_max.saturating_sub(AROUND).max(1);
    for start in (0..body.len()).step_by(most) {
        let piece = body.slice(start..body.len().min(start + most));
        output.size += AROUND + piece.len();
        head(&mut output.last, BODY, channel, counted(piece.len()));
        output.put_body(piece);
        output.last.put_u8(FRAME_END);
    }
    Ok(())
}

fn publish_method(
    out: &mut BytesMut,
    channel: u16,
    publication: &Publication,
) -> Result<(), String> {
    let Publication { route, mandatory, .. } = publication;
    framed(out, METHOD, channel, |out| {
        out.put_u16(BASIC);
        out.put_u16(PUBLISH);
        out.put_u16(0);
        properties::put_text(out, format_args!("the exchange's name"), route.exchange())?;
        properties::put_text(out, format_args!("the routing key"), route.key())?;
        out.put_u8(if *mandatory { MANDATORY } else { 0 });
        Ok(())
    })
}

fn content_header(
    out: &mut BytesMut,
    channel: u16,
    frame_max: usize,
    publication: &Publication,
) -> Result<(), String> {
    let begin = out.len();
    framed(out, HEADER, channel, |out| {
        out.put_u16(BASIC);
        out.put_u16(0);
        out.put_u64(publication.body.len() as u64);
        properties::write(out, &publication.properties)
    })?;
    // It is the one frame that cannot be cut.
    match out.len() - begin {
        size if size > frame_max => {
            Err(format!("its properties take {size} bytes, and the broker takes {frame_max}"))
        }
        _ => Ok(()),
    }
}

pub(super) fn ack(out: &mut BytesMut, channel: u16, tag: u64, multiple: bool) {
    settle(out, channel, ACK, tag, if multiple { MULTIPLE } else { 0 });
}

pub(super) fn nack(out: &mut BytesMut, channel: u16, tag: u64, requeue: bool) {
    settle(out, channel, NACK, tag, if requeue { REQUEUE } else { 0 });
}

fn settle(out: &mut BytesMut, channel: u16, method: u16, tag: u64, bits: u8) {
    const SIZE: u32 = 2 + 2 + 8 + 1;
    head(out, METHOD, channel, SIZE);
    out.put_u16(BASIC);
    out.put_u16(method);
    out.put_u64(tag);
    out.put_u8(bits);
    out.put_u8(FRAME_END);
}

fn head(out: &mut BytesMut, kind: u8, channel: u16, size: u32) {
    out.put_u8(kind);
    out.put_u16(channel);
    out.put_u32(size);
}

/// Writes a frame whose size shows when its payload is there.
fn framed(
    out: &mut BytesMut,
    kind: u8,
    channel: u16,
    payload: impl FnOnce(&mut BytesMut) -> Result<(), String>,
) -> Result<(), String> {
    head(out, kind, channel, 0);
    let begin = out.len();
    payload(out)?;
    let size = counted(out.len() - begin);
    out[begin - 4..begin].copy_from_slice(&size.to_be_bytes());
    out.put_u8(FRAME_END);
    Ok(())
}

/// A size in the four bytes that AMQP has for it. A frame's is bounded when the connection is made, a
/// table's before it is written.
pub(super) fn counted(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

pub(super) fn octet(bytes: &mut &[u8]) -> Option<u8> {
    take::<1>(bytes).map(|[byte]| byte)
}

pub(super) fn short(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes).map(u16::from_be_bytes)
}

pub(super) fn long_long(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_be_bytes)
}

/// A text after its length in one byte.
pub(super) fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let size = octet(bytes)?;
    let (text, rest) = bytes.split_at_checked(size.into())?;
    *bytes = rest;
    str::from_utf8(text).ok()
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Route;

    fn published(publication: &Publication, frame_max: usize) -> Vec<u8> {
        let mut out = Output::default();
        publish(&mut out, 3, frame_max, publication).unwrap();
        let (size, written) = (out.len(), written(&mut out));
        assert_eq!(written.len(), size);
        written
    }

    fn written(out: &mut Output) -> Vec<u8> {
        let mut pieces = VecDeque::new();
        out.take(&mut pieces);
        assert_eq!(out.len(), 0);
        Vec::from(pieces).concat()
    }

    #[test]
    fn large_parts_of_a_body_stand_in_their_place() {
        let body: Vec<u8> = (0..3 * COPIED).map(|number| number.to_be_bytes()[7]).collect();
        let publication =
            Publication::new(Route::new("", "q"), Properties::default(), body.clone());
        let most = COPIED + 1;
        let frames = published(&publication, most + AROUND);
        let expected = body.chunks(most).map(|piece| {
            let mut frame = BytesMut::new();
            head(&mut frame, BODY, 3, counted(piece.len()));
            [&frame[..], piece, &[FRAME_END]].concat()
        });
        assert!(frames.ends_with(&expected.collect::<Vec<_>>().concat()));
    }

    #[test]
    fn a_publication_is_a_method_a_header_and_a_body_byte_by_byte() {
        let properties = Properties { message_id: Some("7".into()), ..Properties::default() };
        let publication = Publication::new(Route::new("ex", "rk"), properties, "hello");
        let method = b"\x01\x00\x03\x00\x00\x00\x0d\x00\x3c\x00\x28\x00\x00\x02ex\x02rk\x01\xce";
        let header = b"\x02\x00\x03\x00\x00\x00\x10\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x80\x017\xce";
        let body = b"\x03\x00\x03\x00\x00\x00\x05hello\xce";
        assert_eq!(published(&publication, 4096), [&method[..], header, body].concat());
        let long = Publication { body: "0123456789abcdefghi".into(), ..publication };
        let pieces =
            b"\x03\x00\x03\x00\x00\x00\x100123456789abcdef\xce\x03\x00\x03\x00\x00\x00\x03ghi\xce";
        assert!(published(&long, 24).ends_with(pieces));
    }

    #[test]
    fn an_empty_body_has_no_frame() {
        let publication = Publication::new(Route::new("", "q"), Properties::default(), "")
            .mandatory(false)
            .confirm(false);
        let method = b"\x01\x00\x03\x00\x00\x00\x0a\x00\x3c\x00\x28\x00\x00\x00\x01q\x00\xce";
        let header = b"\x02\x00\x03\x00\x00\x00\x0e\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xce";
        assert_eq!(published(&publication, 4096), [&method[..], header].concat());
    }

    #[test]
    fn what_cannot_be_sent_is_named_and_leaves_nothing_behind() {
        let long = "x".repeat(256);
        let id = Properties { message_id: Some(long.clone().into()), ..Properties::default() };
        for (publication, name) in [
            (Publication::new(Route::new(long.clone(), ""), Properties::default(), ""), "exchange"),
            (Publication::new(Route::new("", long), Properties::default(), ""), "routing key"),
            (Publication::new(Route::new("", ""), id, ""), "message_id"),
        ] {
            let mut out = Output { last: BytesMut::from("before"), ..Output::default() };
            let reason = publish(&mut out, 1, 4096, &publication).unwrap_err();
            assert!(reason.contains(name) && reason.contains("256"), "{reason}");
            assert_eq!((out.len(), written(&mut out)), (0, b"before".to_vec()));
        }
        let headers = [("text", "x".repeat(4096))].into_iter().collect();
        let properties = Properties { headers, ..Properties::default() };
        let mut out = Output::default();
        let publication = Publication::new(Route::new("", ""), properties, "");
        let reason = publish(&mut out, 1, 4096, &publication).unwrap_err();
        assert!(reason.contains("4096"), "{reason}");
        assert!(written(&mut out).is_empty());
    }

    #[test]
    fn settlements_byte_by_byte() {
        let mut out = BytesMut::new();
        ack(&mut out, 2, 5, false);
        ack(&mut out, 2, 9, true);
        nack(&mut out, 2, 6, true);
        nack(&mut out, 2, 7, false);
        let head = b"\x01\x00\x02\x00\x00\x00\x0d\x00\x3c\x00";
        let one = |rest: &[u8]| [head, rest, b"\xce"].concat();
        let expected = [
            one(b"\x50\0\0\0\0\0\0\0\x05\x00"),
            one(b"\x50\0\0\0\0\0\0\0\x09\x01"),
            one(b"\x78\0\0\0\0\0\0\0\x06\x02"),
            one(b"\x78\0\0\0\0\0\0\0\x07\x00"),
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn a_delivery_a_return_and_confirms_are_read() {
        let deliver = b"\x00\x3c\x00\x3c\x03tag\0\0\0\0\0\0\0\x2a\x01\x02ex\x02rk";
        let Some(Said::Deliver { tag: 42, redelivered: true, exchange: "ex", key: "rk" }) =
            method(deliver)
        else {
            panic!("{:?}", method(deliver))
        };
        let returned = b"\x00\x3c\x00\x32\x01\x38\x08NO_ROUTE\x02ex\x02rk";
        assert!(matches!(method(returned), Some(Said::Return { exchange: "ex", key: "rk" })));
        let acked = b"\x00\x3c\x00\x50\0\0\0\0\0\0\0\x07\x01";
        assert!(matches!(
            method(acked),
            Some(Said::Confirm { number: 7, multiple: true, taken: true })
        ));
        let nacked = b"\x00\x3c\x00\x78\0\0\0\0\0\0\0\x07\x00";
        assert!(matches!(
            method(nacked),
            Some(Said::Confirm { number: 7, multiple: false, taken: false })
        ));
        assert!(method(&acked[..9]).is_none(), "it is cut short");
    }

    #[test]
    fn the_size_of_a_frame_shows_with_its_head() {
        assert_eq!(size(b"AMQP\x00\x00\x09\x01"), Some(8));
        assert_eq!(size(&HEARTBEAT_FRAME), Some(8));
        assert_eq!(size(b"\x03\x00\x01\x00\x00\x01\x00"), Some(264));
        assert_eq!(size(b"\x03\x00\x01\x00\x00\x01"), None);
    }
}
