//! Our values and properties as AMQP's, and back.

use std::borrow::Cow;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldTable, ShortString};

use crate::topology::FieldValue;
use crate::transport::{Properties, tables};

const PERSISTENT: u8 = 2;
const LONGEST_SHORT_STRING: usize = 255;

/// A text that AMQP bounds to 255 bytes; the error is a reason that names it.
pub(super) fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| {
        format!("{what} has {} bytes, and AMQP allows {LONGEST_SHORT_STRING}", text.len())
    })
}

/// A field table; of entries with the same name the last one counts.
pub(super) fn table(entries: &[(Cow<'static, str>, FieldValue)]) -> Result<FieldTable, String> {
    tables::check(entries)?;
    inner_table(entries)
}

fn inner_table(entries: &[(Cow<'static, str>, FieldValue)]) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(short(&format!("the table's key `{name}`"), name)?, to_amqp(value)?);
    }
    Ok(table)
}

fn to_amqp(value: &FieldValue) -> Result<AMQPValue, String> {
    Ok(match value {
        FieldValue::Bool(truth) => AMQPValue::Boolean(*truth),
        FieldValue::Int(number) => AMQPValue::LongLongInt(*number),
        FieldValue::Float(number) => AMQPValue::Double(*number),
        FieldValue::Text(text) => AMQPValue::LongString(text.as_bytes().into()),
        FieldValue::Bytes(bytes) => AMQPValue::ByteArray(bytes.clone().into()),
        FieldValue::Timestamp(seconds) => AMQPValue::Timestamp(*seconds),
        FieldValue::List(values) => {
            let values: Result<Vec<_>, _> = values.iter().map(to_amqp).collect();
            AMQPValue::FieldArray(values?.into())
        }
        FieldValue::Table(entries) => AMQPValue::FieldTable(inner_table(entries)?),
        FieldValue::Void => AMQPValue::Void,
    })
}

/// Nothing comes past the guard that is nested deeper than [`tables::DEEPEST`].
fn from_amqp(value: &AMQPValue) -> FieldValue {
    match value {
        AMQPValue::Boolean(truth) => FieldValue::Bool(*truth),
        AMQPValue::ShortShortInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::ShortShortUInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::ShortInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::ShortUInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::LongInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::LongUInt(number) => FieldValue::Int((*number).into()),
        AMQPValue::LongLongInt(number) => FieldValue::Int(*number),
        AMQPValue::Float(number) => FieldValue::Float((*number).into()),
        AMQPValue::Double(number) => FieldValue::Float(*number),
        AMQPValue::DecimalValue(number) => FieldValue::Float(decimal(*number)),
        AMQPValue::ShortString(text) => FieldValue::Text(text.as_str().to_owned().into()),
        AMQPValue::LongString(bytes) => match std::str::from_utf8(bytes.as_bytes()) {
            Ok(text) => FieldValue::Text(text.to_owned().into()),
            Err(_) => FieldValue::Bytes(bytes.as_bytes().to_vec()),
        },
        AMQPValue::FieldArray(values) => {
            FieldValue::List(values.as_slice().iter().map(from_amqp).collect())
        }
        AMQPValue::Timestamp(seconds) => FieldValue::Timestamp(*seconds),
        AMQPValue::FieldTable(table) => FieldValue::Table(entries(table)),
        AMQPValue::ByteArray(bytes) => FieldValue::Bytes(bytes.as_slice().to_vec()),
        AMQPValue::Void => FieldValue::Void,
    }
}

fn decimal(number: DecimalValue) -> f64 {
    f64::from(number.value) / 10_f64.powi(number.scale.into())
}

fn entries(table: &FieldTable) -> Vec<(Cow<'static, str>, FieldValue)> {
    let entry = |(name, value): (&ShortString, &AMQPValue)| {
        (Cow::Owned(name.as_str().to_owned()), from_amqp(value))
    };
    table.inner().iter().map(entry).collect()
}

/// Our properties as AMQP's; the error is a reason that names the one that does not fit.
pub(super) fn to_basic(properties: &Properties) -> Result<BasicProperties, String> {
    let mut basic = BasicProperties::default();
    let text = |name: &str, value: &Option<Cow<'static, str>>| {
        value.as_ref().map(|text| short(&format!("the property {name}"), text)).transpose()
    };
    if let Some(value) = text("content_type", &properties.content_type)? {
        basic = basic.with_content_type(value);
    }
    if let Some(value) = text("content_encoding", &properties.content_encoding)? {
        basic = basic.with_content_encoding(value);
    }
    if !properties.headers.is_empty() {
        basic = basic.with_headers(table(properties.headers.as_slice())?);
    }
    if properties.persistent {
        basic = basic.with_delivery_mode(PERSISTENT);
    }
    if let Some(priority) = properties.priority {
        basic = basic.with_priority(priority);
    }
    if let Some(value) = text("correlation_id", &properties.correlation_id)? {
        basic = basic.with_correlation_id(value);
    }
    if let Some(value) = text("reply_to", &properties.reply_to)? {
        basic = basic.with_reply_to(value);
    }
    if let Some(millis) = properties.expiration_millis() {
        basic = basic.with_expiration(short("the property expiration", &millis.to_string())?);
    }
    if let Some(value) = text("message_id", &properties.message_id)? {
        basic = basic.with_message_id(value);
    }
    if let Some(seconds) = properties.timestamp {
        basic = basic.with_timestamp(seconds);
    }
    if let Some(value) = text("kind", &properties.kind)? {
        basic = basic.with_type(value);
    }
    if let Some(value) = text("user_id", &properties.user_id)? {
        basic = basic.with_user_id(value);
    }
    if let Some(value) = text("app_id", &properties.app_id)? {
        basic = basic.with_app_id(value);
    }
    Ok(basic)
}

/// AMQP's properties as ours. An expiration that is no number counts as none.
pub(super) fn from_basic(basic: &BasicProperties) -> Properties {
    let text = |value: &Option<ShortString>| {
        value.as_ref().map(|text| Cow::Owned(text.as_str().to_owned()))
    };
    let expiration = basic.expiration().as_ref().and_then(|text| text.as_str().parse().ok());
    Properties {
        content_type: text(basic.content_type()),
        content_encoding: text(basic.content_encoding()),
        headers: basic.headers().iter().flat_map(entries).collect(),
        persistent: *basic.delivery_mode() == Some(PERSISTENT),
        priority: *basic.priority(),
        correlation_id: text(basic.correlation_id()),
        reply_to: text(basic.reply_to()),
        expiration: expiration.map(Duration::from_millis),
        message_id: text(basic.message_id()),
        timestamp: *basic.timestamp(),
        kind: text(basic.kind()),
        user_id: text(basic.user_id()),
        app_id: text(basic.app_id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_every_kind_survives_the_way_there_and_back() {
        let value = FieldValue::Table(vec![
            ("bool".into(), true.into()),
            ("bytes".into(), FieldValue::Bytes(vec![0, 255])),
            ("float".into(), 1.5.into()),
            ("int".into(), i64::MIN.into()),
            ("list".into(), FieldValue::List(vec![1_i64.into(), "two".into()])),
            ("text".into(), "é".into()),
            ("time".into(), FieldValue::Timestamp(1_700_000_000)),
            ("void".into(), FieldValue::Void),
        ]);
        assert_eq!(from_amqp(&to_amqp(&value).unwrap()), value);
    }

    #[test]
    fn integers_of_every_width_arrive_as_int() {
        for (value, number) in [
            (AMQPValue::ShortShortInt(-1), -1),
            (AMQPValue::ShortShortUInt(200), 200),
            (AMQPValue::ShortInt(-300), -300),
            (AMQPValue::ShortUInt(60_000), 60_000),
            (AMQPValue::LongInt(-70_000), -70_000),
            (AMQPValue::LongUInt(u32::MAX), i64::from(u32::MAX)),
            (AMQPValue::LongLongInt(i64::MAX), i64::MAX),
        ] {
            assert_eq!(from_amqp(&value), FieldValue::Int(number));
        }
    }

    #[test]
    fn a_long_string_that_is_no_text_arrives_as_bytes() {
        let value = AMQPValue::LongString(vec![0xff, 0xfe].into());
        assert_eq!(from_amqp(&value), FieldValue::Bytes(vec![0xff, 0xfe]));
    }

    #[test]
    fn a_decimal_arrives_as_a_float() {
        let value = AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1234 });
        assert_eq!(from_amqp(&value), FieldValue::Float(12.34));
    }

    #[test]
    fn properties_survive_the_way_there_and_back() {
        let properties = Properties {
            content_type: Some("application/json".into()),
            content_encoding: Some("gzip".into()),
            headers: [("attempt", 2)].into_iter().collect(),
            persistent: true,
            priority: Some(9),
            correlation_id: Some("c".into()),
            reply_to: Some("r".into()),
            expiration: Some(Duration::from_millis(1500)),
            message_id: Some("m".into()),
            timestamp: Some(1_700_000_000),
            kind: Some("command".into()),
            user_id: Some("guest".into()),
            app_id: Some("shop".into()),
        };
        assert_eq!(from_basic(&to_basic(&properties).unwrap()), properties);
        let none = Properties::default();
        assert_eq!(to_basic(&none).unwrap(), BasicProperties::default());
        assert_eq!(from_basic(&BasicProperties::default()), none);
    }

    #[test]
    fn a_text_over_255_bytes_is_named() {
        let properties =
            Properties { reply_to: Some("x".repeat(256).into()), ..Default::default() };
        let reason = to_basic(&properties).unwrap_err();
        assert!(reason.contains("reply_to") && reason.contains("256"), "{reason}");
        let header = [(Cow::Owned("k".repeat(300)), FieldValue::Void)];
        assert!(table(&header).unwrap_err().contains("300"));
    }
}
