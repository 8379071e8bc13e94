//! Properties as bytes, written and read without lapin's own in between.
//!
//! What is written is what lapin would write, and what is read is what lapin would read: property
//! tests hold both against it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::frames::{counted, long_long, octet, short, take, text};
use crate::topology::FieldValue;
use crate::transport::{Headers, Properties, tables};

const LONGEST_TEXT: usize = 255;
const PERSISTENT: u8 = 2;

const CONTENT_TYPE: u16 = 1 << 15;
const CONTENT_ENCODING: u16 = 1 << 14;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const CORRELATION_ID: u16 = 1 << 10;
const REPLY_TO: u16 = 1 << 9;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;
const TIMESTAMP: u16 = 1 << 6;
const KIND: u16 = 1 << 5;
const USER_ID: u16 = 1 << 4;
const APP_ID: u16 = 1 << 3;
const CLUSTER_ID: u16 = 1 << 2;

type Entry = (Cow<'static, str>, FieldValue);

/// Writes the flags, and the properties in the order of their flags.
///
/// # Errors
/// A reason that names the property that does not fit.
pub(in crate::transport::amqp) fn write(
    out: &mut BytesMut,
    properties: &Properties,
) -> Result<(), String> {
    let mut writer = Writer { at: out.len(), flags: 0, out };
    writer.out.put_u16(0);
    writer.text(CONTENT_TYPE, "content_type", properties.content_type.as_deref())?;
    writer.text(CONTENT_ENCODING, "content_encoding", properties.content_encoding.as_deref())?;
    if !properties.headers.is_empty() {
        tables::check(properties.headers.as_slice())?;
        let headers = properties.headers.as_slice().iter().map(entry);
        sized(writer.flag(HEADERS), |out| put_entries(out, headers))?;
    }
    if properties.persistent {
        writer.flag(DELIVERY_MODE).put_u8(PERSISTENT);
    }
    if let Some(priority) = properties.priority {
        writer.flag(PRIORITY).put_u8(priority);
    }
    writer.text(CORRELATION_ID, "correlation_id", properties.correlation_id.as_deref())?;
    writer.text(REPLY_TO, "reply_to", properties.reply_to.as_deref())?;
    if let Some(millis) = properties.expiration_millis() {
        put_number(writer.flag(EXPIRATION), millis);
    }
    writer.text(MESSAGE_ID, "message_id", properties.message_id.as_deref())?;
    if let Some(seconds) = properties.timestamp {
        writer.flag(TIMESTAMP).put_u64(seconds);
    }
    writer.text(KIND, "kind", properties.kind.as_deref())?;
    writer.text(USER_ID, "user_id", properties.user_id.as_deref())?;
    writer.text(APP_ID, "app_id", properties.app_id.as_deref())?;
    writer.end();
    Ok(())
}

/// Notes in the flags what is written.
struct Writer<'a> {
    out: &'a mut BytesMut,
    /// Where the flags are.
    at: usize,
    flags: u16,
}

impl Writer<'_> {
    fn flag(&mut self, flag: u16) -> &mut BytesMut {
        self.flags |= flag;
        self.out
    }

    fn text(&mut self, flag: u16, name: &str, value: Option<&str>) -> Result<(), String> {
        let Some(value) = value else { return Ok(()) };
        put_text(self.flag(flag), format_args!("the property {name}"), value)
    }

    fn end(self) {
        self.out[self.at..self.at + 2].copy_from_slice(&self.flags.to_be_bytes());
    }
}

/// A text that AMQP bounds to 255 bytes.
///
/// # Errors
/// A reason that names it.
pub(super) fn put_text(
    out: &mut BytesMut,
    what: std::fmt::Arguments<'_>,
    text: &str,
) -> Result<(), String> {
    let Ok(size) = u8::try_from(text.len()) else {
        return Err(format!("{what} has {} bytes, and AMQP allows {LONGEST_TEXT}", text.len()));
    };
    out.put_u8(size);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// A number as a short text.
fn put_number(out: &mut BytesMut, number: u32) {
    let at = out.len();
    out.put_u8(0);
    // Writing into memory does not fail.
    let _ = write!(out, "{number}");
    // It has ten digits at most.
    out[at] = u8::try_from(out.len() - at - 1).unwrap_or(u8::MAX);
}

/// Writes what is to stand after its length in four bytes.
fn sized(
    out: &mut BytesMut,
    put: impl FnOnce(&mut BytesMut) -> Result<(), String>,
) -> Result<(), String> {
    let at = out.len();
    out.put_u32(0);
    put(out)?;
    let size = counted(out.len() - at - 4);
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
    Ok(())
}

fn put_entries<'a>(
    out: &mut BytesMut,
    entries: impl Iterator<Item = (&'a str, &'a FieldValue)>,
) -> Result<(), String> {
    for (name, value) in entries {
        put_text(out, format_args!("the table's key `{name}`"), name)?;
        put_value(out, value)?;
    }
    Ok(())
}

fn entry((name, value): &Entry) -> (&str, &FieldValue) {
    (name, value)
}

/// A value after its type. Nothing comes here that is nested deeper than [`tables::DEEPEST`].
fn put_value(out: &mut BytesMut, value: &FieldValue) -> Result<(), String> {
    match value {
        FieldValue::Bool(truth) => put_fixed(out, b't', &[u8::from(*truth)]),
        FieldValue::Int(number) => put_fixed(out, b'l', &number.to_be_bytes()),
        FieldValue::Float(number) => put_fixed(out, b'd', &number.to_be_bytes()),
        FieldValue::Timestamp(seconds) => put_fixed(out, b'T', &seconds.to_be_bytes()),
        FieldValue::Void => put_fixed(out, b'V', &[]),
        FieldValue::Text(text) => put_long(out, b'S', text.as_bytes()),
        FieldValue::Bytes(bytes) => put_long(out, b'x', bytes),
        FieldValue::List(values) => {
            out.put_u8(b'A');
            sized(out, |out| values.iter().try_for_each(|value| put_value(out, value)))?;
        }
        FieldValue::Table(entries) => {
            out.put_u8(b'F');
            // Of entries with the same name the last one counts.
            let entries: BTreeMap<_, _> = entries.iter().map(entry).collect();
            sized(out, |out| put_entries(out, entries.into_iter()))?;
        }
    }
    Ok(())
}

fn put_fixed(out: &mut BytesMut, kind: u8, bytes: &[u8]) {
    out.put_u8(kind);
    out.put_slice(bytes);
}

fn put_long(out: &mut BytesMut, kind: u8, bytes: &[u8]) {
    out.put_u8(kind);
    out.put_u32(counted(bytes.len()));
    out.put_slice(bytes);
}

/// Reads what [`write`] writes; what cannot be read, or is nested deeper than [`tables::DEEPEST`], is
/// none. The guard lets neither through.
pub(in crate::transport::amqp) fn read(mut bytes: &[u8]) -> Option<Properties> {
    let rest = &mut bytes;
    let flags = short(rest)?;
    let has = |flag| flags & flag != 0;
    let owned = |has: bool, rest: &mut &[u8]| {
        if has { text(rest).map(|text| Some(Cow::Owned(text.to_owned()))) } else { Some(None) }
    };
    let mut properties = Properties {
        content_type: if has(CONTENT_TYPE) { Some(content_type(text(rest)?)) } else { None },
        content_encoding: owned(has(CONTENT_ENCODING), rest)?,
        ..Properties::default()
    };
    if has(HEADERS) {
        properties.headers = entries(long(rest)?, 1)?.into_iter().collect::<Headers>();
    }
    properties.persistent = has(DELIVERY_MODE) && octet(rest)? == PERSISTENT;
    properties.priority = if has(PRIORITY) { Some(octet(rest)?) } else { None };
    properties.correlation_id = owned(has(CORRELATION_ID), rest)?.map(Into::into);
    properties.reply_to = owned(has(REPLY_TO), rest)?.map(Into::into);
    if has(EXPIRATION) {
        // One that is no number counts as none.
        properties.expiration = text(rest)?.parse().ok().map(Duration::from_millis);
    }
    properties.message_id = owned(has(MESSAGE_ID), rest)?.map(Into::into);
    properties.timestamp = if has(TIMESTAMP) { Some(long_long(rest)?) } else { None };
    properties.kind = owned(has(KIND), rest)?;
    properties.user_id = owned(has(USER_ID), rest)?;
    properties.app_id = owned(has(APP_ID), rest)?;
    if has(CLUSTER_ID) {
        text(rest)?;
    }
    Some(properties)
}

/// The usual one is not made anew for each message.
fn content_type(text: &str) -> Cow<'static, str> {
    const JSON: &str = "application/json";
    if text == JSON { Cow::Borrowed(JSON) } else { Cow::Owned(text.to_owned()) }
}

fn entries(mut bytes: &[u8], depth: usize) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let name = text(&mut bytes)?.to_owned();
        entries.push((Cow::Owned(name), value(&mut bytes, depth)?));
    }
    Some(entries)
}

/// RabbitMQ's types, which are not quite the standard's: see its page of errata.
fn value(bytes: &mut &[u8], depth: usize) -> Option<FieldValue> {
    Some(match octet(bytes)? {
        b't' => FieldValue::Bool(octet(bytes)? != 0),
        b'b' => FieldValue::Int(i8::from_be_bytes(take(bytes)?).into()),
        b'B' => FieldValue::Int(octet(bytes)?.into()),
        b's' | b'U' => FieldValue::Int(i16::from_be_bytes(take(bytes)?).into()),
        b'u' => FieldValue::Int(short(bytes)?.into()),
        b'I' => FieldValue::Int(i32::from_be_bytes(take(bytes)?).into()),
        b'i' => FieldValue::Int(u32::from_be_bytes(take(bytes)?).into()),
        b'L' | b'l' => FieldValue::Int(i64::from_be_bytes(take(bytes)?)),
        b'f' => FieldValue::Float(f32::from_be_bytes(take(bytes)?).into()),
        b'd' => FieldValue::Float(f64::from_be_bytes(take(bytes)?)),
        b'D' => {
            let scale = octet(bytes)?;
            let number = u32::from_be_bytes(take(bytes)?);
            FieldValue::Float(f64::from(number) / 10_f64.powi(scale.into()))
        }
        b'S' => match String::from_utf8(long(bytes)?.to_vec()) {
            Ok(text) => FieldValue::Text(text.into()),
            Err(bytes) => FieldValue::Bytes(bytes.into_bytes()),
        },
        b'x' => FieldValue::Bytes(long(bytes)?.to_vec()),
        b'T' => FieldValue::Timestamp(long_long(bytes)?),
        b'A' if depth < tables::DEEPEST => {
            let mut inner = long(bytes)?;
            let mut values = Vec::new();
            while !inner.is_empty() {
                values.push(value(&mut inner, depth + 1)?);
            }
            FieldValue::List(values)
        }
        b'F' if depth < tables::DEEPEST => {
            // As lapin has them: in order, of the same names the last.
            let entries: BTreeMap<_, _> = entries(long(bytes)?, depth + 1)?.into_iter().collect();
            FieldValue::Table(entries.into_iter().collect())
        }
        b'V' => FieldValue::Void,
        _ => return None,
    })
}

/// Bytes after their length in four bytes.
fn long<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = usize::try_from(u32::from_be_bytes(take(bytes)?)).ok()?;
    let (taken, rest) = bytes.split_at_checked(size)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;
    use lapin::protocol::basic::gen_properties;
    use lapin::types::{AMQPValue, DecimalValue, FieldTable};
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::super::by_lapin;
    use super::*;

    fn written(properties: &Properties) -> Vec<u8> {
        let mut out = BytesMut::new();
        write(&mut out, properties).unwrap();
        out.to_vec()
    }

    #[test]
    fn properties_byte_by_byte() {
        let properties = Properties {
            content_type: Some("application/json".into()),
            headers: [("a", FieldValue::Int(2)), ("b", "x".into())].into_iter().collect(),
            persistent: true,
            priority: Some(9),
            correlation_id: Some("c".into()),
            reply_to: Some("r".into()),
            expiration: Some(Duration::from_millis(1500)),
            message_id: Some("m".into()),
            timestamp: Some(1),
            kind: Some("k".into()),
            user_id: Some("u".into()),
            app_id: Some("p".into()),
            ..Properties::default()
        };
        let expected = [
            &b"\xbf\xf8\x10application/json"[..],
            b"\x00\x00\x00\x13\x01al\0\0\0\0\0\0\0\x02\x01bS\0\0\0\x01x",
            b"\x02\x09\x01c\x01r\x041500\x01m\0\0\0\0\0\0\0\x01\x01k\x01u\x01p",
        ];
        assert_eq!(written(&properties), expected.concat());
        assert_eq!(read(&expected.concat()), Some(properties));
        assert_eq!(written(&Properties::default()), [0, 0]);
    }

    #[test]
    fn what_other_clients_write_is_read_as_lapin_reads_it() {
        for value in [
            AMQPValue::ShortShortInt(-1),
            AMQPValue::ShortShortUInt(200),
            AMQPValue::ShortInt(-300),
            AMQPValue::ShortUInt(60_000),
            AMQPValue::LongInt(-70_000),
            AMQPValue::LongUInt(u32::MAX),
            AMQPValue::LongLongInt(i64::MAX),
            AMQPValue::Float(1.5),
            AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1234 }),
            AMQPValue::LongString(vec![0xff, 0xfe].into()),
            AMQPValue::FieldArray(vec![AMQPValue::Void, AMQPValue::Boolean(true)].into()),
        ] {
            let mut table = FieldTable::default();
            table.insert("v".into(), value.clone());
            let basic = BasicProperties::default()
                .with_headers(table)
                .with_expiration("soon".into())
                .with_cluster_id("c".into());
            let bytes = gen_properties(&basic)(Vec::new().into()).unwrap().into_inner().0;
            assert_eq!(read(&bytes), by_lapin::read(&bytes), "{value:?}");
            assert!(read(&bytes).unwrap().header("v").is_some(), "{value:?}");
        }
    }

    #[test]
    fn of_the_same_names_in_a_nested_table_the_last_counts() {
        let nested = vec![("b".into(), 1.into()), ("a".into(), 2.into()), ("b".into(), 3.into())];
        let headers: Headers = [("t", FieldValue::Table(nested))].into_iter().collect();
        let properties = Properties { headers, ..Properties::default() };
        let bytes = written(&properties);
        assert_eq!(bytes, by_lapin::write(&properties).unwrap());
        let table = vec![("a".into(), 2.into()), ("b".into(), 3.into())];
        assert_eq!(read(&bytes).unwrap().header("t"), Some(&FieldValue::Table(table)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let long = || Some("x".repeat(256).into());
        let reason = |properties: &Properties| write(&mut BytesMut::new(), properties).unwrap_err();
        let said = reason(&Properties { reply_to: long(), ..Properties::default() });
        assert!(said.contains("reply_to") && said.contains("256"), "{said}");
        let headers: Headers = [("k".repeat(300), FieldValue::Void)].into_iter().collect();
        let said = reason(&Properties { headers, ..Properties::default() });
        assert!(said.contains("300"), "{said}");
    }

    #[test]
    fn what_is_nested_too_deep_is_not_read() {
        let nested = |levels: usize| {
            let value = (1..levels).fold(vec![b'V'], |inner, _| {
                [&b"A"[..], &counted(inner.len()).to_be_bytes(), &inner].concat()
            });
            let entry = [&b"\x01k"[..], &value].concat();
            [&HEADERS.to_be_bytes()[..], &counted(entry.len()).to_be_bytes(), &entry].concat()
        };
        assert!(read(&nested(tables::DEEPEST)).is_some());
        assert!(read(&nested(tables::DEEPEST + 1)).is_none());
        assert!(read(&nested(100_000)).is_none());
    }

    fn value() -> impl Strategy<Value = FieldValue> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(FieldValue::Bool),
            any::<i64>().prop_map(FieldValue::Int),
            (-1e9_f64..1e9).prop_map(FieldValue::Float),
            "\\PC{0,20}".prop_map(|text| FieldValue::Text(text.into())),
            vec(any::<u8>(), 0..20).prop_map(FieldValue::Bytes),
            any::<u64>().prop_map(FieldValue::Timestamp),
            Just(FieldValue::Void),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            let entry = ("\\PC{0,10}".prop_map(Cow::Owned), inner.clone());
            prop_oneof![
                vec(inner, 0..5).prop_map(FieldValue::List),
                vec(entry, 0..5).prop_map(FieldValue::Table),
            ]
        })
    }

    fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        option::of("\\PC{0,30}".prop_map(Cow::Owned))
    }

    fn properties() -> impl Strategy<Value = Properties> {
        let texts = (text(), text(), text(), text(), (text(), text(), text(), text()));
        let headers = vec(("\\PC{0,10}", value()), 0..5);
        let rest = (any::<bool>(), option::of(any::<u8>()), option::of(any::<u64>()));
        let expiration = option::of(any::<u32>());
        (texts, headers, rest, expiration).prop_map(|(texts, headers, rest, expiration)| {
            let (content_type, content_encoding, correlation_id, reply_to, ids) = texts;
            let (message_id, kind, user_id, app_id) = ids;
            Properties {
                content_type,
                content_encoding,
                headers: headers.into_iter().collect(),
                persistent: rest.0,
                priority: rest.1,
                correlation_id: correlation_id.map(Into::into),
                reply_to: reply_to.map(Into::into),
                expiration: expiration.map(|millis| Duration::from_millis(millis.into())),
                message_id: message_id.map(Into::into),
                timestamp: rest.2,
                kind,
                user_id,
                app_id,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_lapin_writes_and_is_read_as_lapin_reads_it(
            properties in properties(),
        ) {
            let bytes = written(&properties);
            prop_assert_eq!(&bytes, &by_lapin::write(&properties).unwrap());
            prop_assert_eq!(read(&bytes), by_lapin::read(&bytes));
        }

        #[test]
        fn what_cannot_be_read_is_no_panic(bytes in vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes);
        }
    }
}
