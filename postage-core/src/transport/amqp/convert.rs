//! Our values as lapin's, for what is declared and bound.

use std::borrow::Cow;

use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::topology::FieldValue;
use crate::transport::tables;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_over_255_bytes_is_told() {
        let entry = [(Cow::Owned("k".repeat(300)), FieldValue::Void)];
        assert!(table(&entry).unwrap_err().contains("300"));
        assert!(short("the queue's name", &"q".repeat(256)).unwrap_err().contains("256"));
    }
}
