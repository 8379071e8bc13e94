//! Whether lapin can read a frame, within the depth that its stack has room for.

use super::UNREADABLE;
use crate::transport::tables::DEEPEST;

/// Class, weight and body size, before the property flags.
const BEFORE_FLAGS: usize = 12;
const CONTENT_TYPE: u16 = 1 << 15;

/// The properties in the order of their flags, from the highest bit down.
const PROPERTIES: [Property; 14] = {
    use Property::{Fixed, Table, Text};
    [
        Text,     // content type
        Text,     // content encoding
        Table,    // headers
        Fixed(1), // delivery mode
        Fixed(1), // priority
        Text,     // correlation id
        Text,     // reply to
        Text,     // expiration
        Text,     // message id
        Fixed(8), // timestamp
        Text,     // type
        Text,     // user id
        Text,     // app id
        Text,     // cluster id
    ]
};

#[derive(Clone, Copy)]
enum Property {
    Text,
    Table,
    Fixed(usize),
}

/// Whether lapin can read a content header.
pub(super) fn header_is_readable(payload: &[u8]) -> bool {
    read_header(payload).is_some_and(|rest| rest.is_empty())
}

/// The same content header with [`UNREADABLE`] in place of all properties; none where it is cut
/// short.
pub(super) fn replaced(payload: &[u8]) -> Option<Vec<u8>> {
    let mut header = payload.get(..BEFORE_FLAGS)?.to_vec();
    header.extend_from_slice(&CONTENT_TYPE.to_be_bytes());
    header.push(u8::try_from(UNREADABLE.len()).ok()?);
    header.extend_from_slice(UNREADABLE.as_bytes());
    Some(header)
}

/// What follows the properties.
fn read_header(mut payload: &[u8]) -> Option<&[u8]> {
    take(&mut payload, BEFORE_FLAGS)?;
    let flags = u16::from_be_bytes(take(&mut payload, 2)?.try_into().ok()?);
    for (place, property) in PROPERTIES.iter().enumerate() {
        if flags & (CONTENT_TYPE >> place) == 0 {
            continue;
        }
        match property {
            Property::Text => read_text(&mut payload)?,
            Property::Fixed(size) => drop(take(&mut payload, *size)?),
            Property::Table => read_values(long(&mut payload)?, true, 1)?,
        }
    }
    Some(payload)
}

/// Reads the entries of a table, or the values of a list, at this depth.
fn read_values(mut bytes: &[u8], table: bool, depth: usize) -> Option<()> {
    while !bytes.is_empty() {
        if table {
            read_text(&mut bytes)?;
        }
        let size = match take(&mut bytes, 1)? {
            b"V" => 0,
            b"t" | b"b" | b"B" => 1,
            b"s" | b"U" | b"u" => 2,
            b"I" | b"i" | b"f" => 4,
            b"D" => 5,
            b"L" | b"l" | b"d" | b"T" => 8,
            b"S" | b"x" => long(&mut bytes).map(|_| 0)?,
            nested @ (b"A" | b"F") if depth < DEEPEST => {
                read_values(long(&mut bytes)?, nested == b"F", depth + 1).map(|()| 0)?
            }
            _ => return None,
        };
        take(&mut bytes, size)?;
    }
    Some(())
}

fn read_text(bytes: &mut &[u8]) -> Option<()> {
    let size = take(bytes, 1)?[0];
    let text = take(bytes, size.into())?;
    str::from_utf8(text).ok().map(|_| ())
}

/// Bytes after their length in four bytes.
fn long<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?);
    take(bytes, usize::try_from(size).ok()?)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Makes UTF-8 of the texts in a method that a publisher chooses; none where it is cut short, its
/// table is too deep, or only a client sends it.
pub(super) fn method(payload: &mut [u8]) -> Option<()> {
    let (method, mut arguments) = payload.split_first_chunk_mut::<4>()?;
    let [_, class, _, method] = *method;
    match (class, method) {
        // connection.start: versions and the broker's description of itself.
        (10, 10) => {
            let mut arguments = &*arguments;
            take(&mut arguments, 2)?;
            read_values(long(&mut arguments)?, true, 1)
        }
        // connection.close, channel.close: code, and a text that may be cut anywhere.
        (10, 50) | (20, 40) => {
            skip(&mut arguments, 2)?;
            mend_text(&mut arguments)
        }
        // basic.return: code, text, exchange, key.
        (60, 50) => {
            skip(&mut arguments, 2)?;
            (0..3).try_for_each(|_| mend_text(&mut arguments))
        }
        // basic.deliver: tag, number, redelivered, exchange, key.
        (60, 60) => {
            mend_text(&mut arguments)?;
            skip(&mut arguments, 9)?;
            (0..2).try_for_each(|_| mend_text(&mut arguments))
        }
        // connection.start-ok; exchange.declare, .bind, .unbind; queue.declare, .bind, .unbind;
        // basic.consume: lapin would read their tables before it minds who sends them.
        (10, 11) | (40, 10 | 30 | 40) | (50, 10 | 20 | 50) | (60, 20) => None,
        // No other has a text of a publisher, or a table.
        _ => Some(()),
    }
}

fn mend_text(bytes: &mut &mut [u8]) -> Option<()> {
    let (size, rest) = std::mem::take(bytes).split_first_mut()?;
    let (text, rest) = rest.split_at_mut_checked(usize::from(*size))?;
    *bytes = rest;
    if str::from_utf8(text).is_err() {
        text.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    }
    Some(())
}

fn skip(bytes: &mut &mut [u8], count: usize) -> Option<()> {
    *bytes = std::mem::take(bytes).split_at_mut_checked(count)?.1;
    Some(())
}
