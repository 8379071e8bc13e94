//! How large and how deep a table may be: the headers of a message, the arguments of a declaration.

use std::borrow::Cow;

use crate::message::shorten;
use crate::topology::FieldValue;

/// How deep tables and lists may be nested, the outermost table included. lapin overflows its
/// stack at some 300 in a debug build.
pub(in crate::transport) const DEEPEST: usize = 64;

/// A table cannot be split over frames, and the broker closes the connection on a frame that is
/// too long: 128 KiB by default.
const LARGEST: usize = 100 * 1024;

/// What a name in a table may have, in bytes.
const LONGEST_NAME: usize = 255;

/// Whether a table can be sent; the error is a reason that says what is too much.
pub(in crate::transport) fn check(
    entries: &[(Cow<'static, str>, FieldValue)],
) -> Result<(), String> {
    // Before anything else, since the rest goes all the way down.
    if entries.iter().any(|(_, value)| !fits(value, DEEPEST - 1)) {
        return Err(format!("the table is nested deeper than {DEEPEST} levels"));
    }
    let bytes = size(entries);
    if bytes > LARGEST {
        return Err(format!("the table has {bytes} bytes, and at most {LARGEST} fit"));
    }
    check_names(entries)
}

/// Whether a value has at most so many levels of lists and tables.
fn fits(value: &FieldValue, levels: usize) -> bool {
    match value {
        FieldValue::List(values) => {
            levels > 0 && values.iter().all(|value| fits(value, levels - 1))
        }
        FieldValue::Table(entries) => {
            levels > 0 && entries.iter().all(|(_, value)| fits(value, levels - 1))
        }
        _ => true,
    }
}

/// What the entries take on the wire.
fn size(entries: &[(Cow<'static, str>, FieldValue)]) -> usize {
    entries.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum()
}

fn value_size(value: &FieldValue) -> usize {
    const TYPE: usize = 1;
    const LENGTH: usize = 4;
    TYPE + match value {
        FieldValue::Bool(_) => 1,
        FieldValue::Int(_) | FieldValue::Float(_) | FieldValue::Timestamp(_) => 8,
        FieldValue::Text(text) => LENGTH + text.len(),
        FieldValue::Bytes(bytes) => LENGTH + bytes.len(),
        FieldValue::List(values) => LENGTH + values.iter().map(value_size).sum::<usize>(),
        FieldValue::Table(entries) => LENGTH + size(entries),
        FieldValue::Void => 0,
    }
}

fn check_names(entries: &[(Cow<'static, str>, FieldValue)]) -> Result<(), String> {
    entries.iter().try_for_each(|(name, value)| match name.len() {
        0..=LONGEST_NAME => check_names_within(value),
        bytes => Err(format!(
            "the name `{}` in the table has {bytes} bytes, and AMQP allows {LONGEST_NAME}",
            shorten(name)
        )),
    })
}

fn check_names_within(value: &FieldValue) -> Result<(), String> {
    match value {
        FieldValue::List(values) => values.iter().try_for_each(check_names_within),
        FieldValue::Table(entries) => check_names(entries),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_refused_when_it_is_nested_deeper_than_a_message_may_be() {
        let nested =
            |levels| (1..levels).fold(FieldValue::Void, |inner, _| FieldValue::List(vec![inner]));
        assert!(check(&[("deep".into(), nested(DEEPEST))]).is_ok());
        let reason = check(&[("deep".into(), nested(DEEPEST + 1))]).unwrap_err();
        assert!(reason.contains("deeper than 64"), "{reason}");
    }

    #[test]
    fn a_table_that_no_frame_can_hold_is_refused() {
        let text = FieldValue::from("x".repeat(LARGEST));
        let nested = FieldValue::List(vec![FieldValue::Table(vec![("inner".into(), text)])]);
        assert!(check(&[("outer".into(), nested)]).is_err());
    }

    #[test]
    fn a_name_of_more_than_255_bytes_is_refused_at_any_depth() {
        let entry = |bytes| (Cow::Owned("k".repeat(bytes)), FieldValue::Void);
        assert!(check(&[entry(255)]).is_ok());
        assert!(check(&[entry(256)]).unwrap_err().contains("256 bytes"));
        let list = FieldValue::List(vec![FieldValue::Table(vec![entry(256)])]);
        assert!(check(&[("outer".into(), list)]).is_err());
    }
}
