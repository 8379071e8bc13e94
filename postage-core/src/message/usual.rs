//! A message that is written as [`Envelope`](super::Envelope) writes it, as nearly all are: it is read
//! without looking for its keys. Whatever else a body is, is not known here.

use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::{Category, Message};

/// The message, where it is written so and has nothing reserved.
pub(super) fn read(body: &str) -> Option<Message<'_>> {
    let (kind, rest) = text(body.strip_prefix(r#"{"type":"#)?)?;
    let (name, rest) = text(rest.strip_prefix(r#","name":"#)?)?;
    let rest = rest.strip_prefix(r#","category":""#)?;
    let (category, rest) = [Category::Rpc, Category::Message].into_iter().find_map(|category| {
        let rest = rest.strip_prefix(category.as_str())?;
        Some((category, rest.strip_prefix(r#"","version":"2","fingerprint":"#)?))
    })?;
    let (fingerprint, rest) = texts(rest).or_else(|| value(rest))?;
    let content = rest.strip_prefix(r#","content":"#)?.strip_suffix(r#","_reserved":{}}"#)?;
    let content = not_null(serde_json::from_str(content).ok()?)?;
    Some(Message {
        kind: kind.into(),
        name: name.into(),
        category,
        fingerprint: Some(fingerprint),
        content,
        reserved: None,
        body: body.as_bytes(),
    })
}

/// A map of texts without escapes, as a fingerprint nearly always is, and what comes after it.
fn texts(json: &str) -> Option<(&str, &str)> {
    let mut rest = json.strip_prefix('{')?;
    let mut more = !rest.starts_with('}');
    while more {
        let (_, after) = text(rest)?;
        let (_, after) = text(after.strip_prefix(':')?)?;
        let next = after.strip_prefix(',');
        more = next.is_some();
        rest = next.unwrap_or(after);
    }
    let rest = rest.strip_prefix('}')?;
    json.split_at_checked(json.len() - rest.len())
}

/// A value other than null, and what comes after it.
fn value(json: &str) -> Option<(&str, &str)> {
    let mut values = Deserializer::from_str(json).into_iter::<&RawValue>();
    let value = not_null(values.next()?.ok()?)?;
    Some((value.get(), json.get(values.byte_offset()..)?))
}

/// A text without escapes, and what comes after it.
fn text(json: &str) -> Option<(&str, &str)> {
    let json = json.strip_prefix('"')?;
    let end = json.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    let (text, rest) = json.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
}

fn not_null(value: &RawValue) -> Option<&RawValue> {
    Some(value).filter(|value| value.get() != "null")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_map_of_texts_is_read_to_its_end_and_nothing_else_is() {
        for map in ["{}", r#"{"name":"a"}"#, r#"{"name":"","type":"{é}, [b]: "}"#] {
            assert_eq!(texts(&format!("{map},}}")), Some((map, ",}")));
        }
        for other in [
            "",
            "{",
            "[]",
            "null",
            "{,}",
            "{ }",
            r#"{"a":1}"#,
            r#"{"a","b"}"#,
            r#"{"a":"b"#,
            r#"{"a":"b""#,
            r#"{"a":"b",}"#,
            r#"{"a":"b""c":"d"}"#,
            r#"{"a":"\u0062"}"#,
            "{\"a\":\"\n\"}",
        ] {
            assert_eq!(texts(other), None, "{other}");
        }
    }

    /// Of a map of texts, mostly.
    fn any_piece() -> impl Strategy<Value = &'static str> {
        let odd = &["\"", "{", "}", ":", ",", "\"a\"", "\"\\n\":", "1", "\"a\":1", "\u{7f}"][..];
        let usual = &["\"a\":\"b\"", ",", ",\"\":\"}\"", ",\"é\":\"{\""][..];
        prop_oneof![8 => prop::sample::select(usual), 1 => prop::sample::select(odd)]
    }

    proptest! {
        #[test]
        fn a_map_of_texts_is_read_as_any_value_is(
            pieces in prop::collection::vec(any_piece(), 0..8),
            rest in prop::sample::select(&["}", "},", "", "}}"][..]),
        ) {
            let json = ["{", &pieces.concat(), rest].concat();
            if let Some(read) = texts(&json) {
                prop_assert_eq!(value(&json), Some(read), "{}", json);
            }
        }

        #[test]
        fn a_map_of_plain_texts_is_read_as_it_was_written(
            map in prop::collection::btree_map(r#"[^"\\\x00-\x1f]{0,4}"#, r#"[^"\\\x00-\x1f]{0,4}"#, 0..4),
            rest in "[,}]?",
        ) {
            let json = serde_json::to_string(&map).unwrap();
            let both = [&*json, &*rest].concat();
            prop_assert_eq!(texts(&both), Some((&*json, &*rest)));
        }
    }
}
