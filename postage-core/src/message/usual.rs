//! A message that is written as [`Envelope`](super::Envelope) writes it, as nearly all are: it is read
//! without looking for its keys. Whatever else a body is, is not known here.

use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::{Category, Message, Text};

/// The message, where it is written so and has nothing reserved.
pub(super) fn read(body: &str) -> Option<Message<'_>> {
    let (kind, rest) = text(body.strip_prefix(r#"{"type":"#)?)?;
    let (name, rest) = text(rest.strip_prefix(r#","name":"#)?)?;
    let rest = rest.strip_prefix(r#","category":""#)?;
    let (category, rest) = [Category::Rpc, Category::Message].into_iter().find_map(|category| {
        let rest = rest.strip_prefix(category.as_str())?;
        Some((category, rest.strip_prefix(r#"","version":"2","fingerprint":"#)?))
    })?;
    let mut values = Deserializer::from_str(rest).into_iter::<&RawValue>();
    let fingerprint = not_null(values.next()?.ok()?)?;
    let rest = rest.get(values.byte_offset()..)?;
    let content = rest.strip_prefix(r#","content":"#)?.strip_suffix(r#","_reserved":{}}"#)?;
    let content = not_null(serde_json::from_str(content).ok()?)?;
    Some(Message {
        kind,
        name,
        category,
        fingerprint: Some(fingerprint),
        content,
        reserved: None,
        body: body.as_bytes(),
    })
}

/// A text without escapes, and what comes after it.
fn text(json: &str) -> Option<(Text<'_>, &str)> {
    let (text, rest) = json.strip_prefix('"')?.split_once('"')?;
    let plain = text.bytes().all(|byte| byte >= b' ' && byte != b'\\');
    plain.then(|| (text.into(), rest))
}

fn not_null(value: &RawValue) -> Option<&RawValue> {
    Some(value).filter(|value| value.get() != "null")
}
