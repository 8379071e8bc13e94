//! Properties as lapin has them: what this room's own reading and writing is held against.

use std::borrow::Cow;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::protocol::basic::{gen_properties, parse_properties};
use lapin::types::{AMQPValue, DecimalValue, FieldTable, ShortString};

use crate::topology::FieldValue;
use crate::transport::Properties;
use crate::transport::amqp::convert::{short, table};

const PERSISTENT: u8 = 2;

/// What lapin reads.
pub(in crate::transport::amqp) fn read(bytes: &[u8]) -> Option<Properties> {
    let (rest, basic) = parse_properties(bytes).ok()?;
    rest.is_empty().then(|| from_basic(&basic))
}

/// What lapin writes.
pub(in crate::transport::amqp) fn write(properties: &Properties) -> Result<Vec<u8>, String> {
    let basic = to_basic(properties)?;
    let written = gen_properties(&basic)(Vec::new().into()).map_err(|error| error.to_string())?;
    Ok(written.into_inner().0)
}

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

fn to_basic(properties: &Properties) -> Result<BasicProperties, String> {
    let mut basic = BasicProperties::default();
    let text = |name: &str, value: Option<&str>| {
        value.map(|text| short(&format!("the property {name}"), text)).transpose()
    };
    if let Some(value) = text("content_type", properties.content_type.as_deref())? {
        basic = basic.with_content_type(value);
    }
    if let Some(value) = text("content_encoding", properties.content_encoding.as_deref())? {
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
    if let Some(value) = text("correlation_id", properties.correlation_id.as_deref())? {
        basic = basic.with_correlation_id(value);
    }
    if let Some(value) = text("reply_to", properties.reply_to.as_deref())? {
        basic = basic.with_reply_to(value);
    }
    if let Some(millis) = properties.expiration_millis() {
        basic = basic.with_expiration(short("the property expiration", &millis.to_string())?);
    }
    if let Some(value) = text("message_id", properties.message_id.as_deref())? {
        basic = basic.with_message_id(value);
    }
    if let Some(seconds) = properties.timestamp {
        basic = basic.with_timestamp(seconds);
    }
    if let Some(value) = text("kind", properties.kind.as_deref())? {
        basic = basic.with_type(value);
    }
    if let Some(value) = text("user_id", properties.user_id.as_deref())? {
        basic = basic.with_user_id(value);
    }
    if let Some(value) = text("app_id", properties.app_id.as_deref())? {
        basic = basic.with_app_id(value);
    }
    Ok(basic)
}

/// AMQP's properties as ours. An expiration that is no number counts as none.
fn from_basic(basic: &BasicProperties) -> Properties {
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
        correlation_id: text(basic.correlation_id()).map(Into::into),
        reply_to: text(basic.reply_to()).map(Into::into),
        expiration: expiration.map(Duration::from_millis),
        message_id: text(basic.message_id()).map(Into::into),
        timestamp: *basic.timestamp(),
        kind: text(basic.kind()),
        user_id: text(basic.user_id()),
        app_id: text(basic.app_id()),
    }
}
