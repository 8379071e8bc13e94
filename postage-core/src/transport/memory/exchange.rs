//! An exchange, and which of its bindings take a message.

use super::state::QueueId;
use crate::topology::routing::topic_matches;
use crate::topology::{Arguments, Exchange as Description, ExchangeKind, FieldValue};
use crate::transport::Headers;

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) kind: ExchangeKind,
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    pub(super) internal: bool,
    /// Gets what this exchange cannot route.
    pub(super) alternate: Option<FieldValue>,
    pub(super) bindings: Vec<Bound>,
}

/// A queue's binding to the exchange that holds it.
#[derive(Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) queue: QueueId,
    pub(super) key: String,
    pub(super) arguments: Arguments,
}

impl Exchange {
    pub(super) fn new(description: &Description) -> Self {
        let arguments = description.arguments();
        Self {
            kind: description.kind.clone(),
            durable: description.durable,
            auto_delete: description.auto_delete,
            internal: description.internal,
            alternate: arguments.get("alternate-exchange").cloned(),
            bindings: Vec::new(),
        }
    }

    /// The queues whose bindings take a message of this key and these headers. A queue shows up
    /// once for each of its bindings that does.
    pub(super) fn matching<'a>(
        &'a self,
        key: &'a str,
        headers: &'a Headers,
    ) -> impl Iterator<Item = QueueId> + 'a {
        let takes = move |bound: &&Bound| match self.kind {
            ExchangeKind::Direct => bound.key == key,
            ExchangeKind::Topic => topic_matches(&bound.key, key),
            ExchangeKind::Headers => headers_match(&bound.arguments, headers),
            ExchangeKind::Fanout | ExchangeKind::Plugin(_) => true,
        };
        self.bindings.iter().filter(takes).map(|bound| bound.queue)
    }
}

/// Says why a headers binding cannot be, if so.
pub(super) fn check_match_kind(arguments: &Arguments) -> Result<(), String> {
    match arguments.get("x-match") {
        None => Ok(()),
        Some(FieldValue::Text(kind))
            if matches!(&**kind, "all" | "any" | "all-with-x" | "any-with-x") =>
        {
            Ok(())
        }
        Some(other) => Err(format!(
            "PRECONDITION_FAILED - invalid x-match field value {other:?}: it must be all, any, \
             all-with-x or any-with-x"
        )),
    }
}

fn headers_match(arguments: &Arguments, headers: &Headers) -> bool {
    let kind = arguments.get("x-match").and_then(FieldValue::as_str).unwrap_or("all");
    let with_x = kind.ends_with("-with-x");
    let mut wanted = arguments
        .iter()
        .filter(|(name, _)| *name != "x-match" && (with_x || !name.starts_with("x-")));
    let has = |(name, value): (&str, &FieldValue)| match headers.get(name) {
        Some(found) => *value == FieldValue::Void || found == value,
        None => false,
    };
    if kind.starts_with("any") { wanted.any(has) } else { wanted.all(has) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pairs: &[(&'static str, FieldValue)]) -> Arguments {
        pairs.iter().cloned().collect()
    }

    #[test]
    fn all_wants_every_header_any_wants_one_and_x_headers_count_only_where_said() {
        let headers: [(&str, FieldValue); 3] =
            [("a", 1.into()), ("b", "two".into()), ("x-c", 3.into())];
        let headers = Headers::from_iter(headers);
        for (arguments, expected) in [
            (table(&[("a", 1.into()), ("b", "two".into())]), true),
            (table(&[("a", 1.into()), ("b", "three".into())]), false),
            (table(&[("x-match", "any".into()), ("a", 9.into()), ("b", "two".into())]), true),
            (table(&[("x-match", "any".into()), ("a", 9.into())]), false),
            (table(&[("x-match", "any".into())]), false),
            (table(&[("x-match", "all".into())]), true),
            (table(&[("a", FieldValue::Void)]), true),
            (table(&[("d", FieldValue::Void)]), false),
            (table(&[("x-match", "all".into()), ("a", 1.into()), ("x-c", 4.into())]), true),
            (table(&[("x-match", "all-with-x".into()), ("a", 1.into()), ("x-c", 4.into())]), false),
            (table(&[("x-match", "any".into()), ("x-c", 3.into())]), false),
            (table(&[("x-match", "any-with-x".into()), ("x-c", 3.into())]), true),
        ] {
            assert_eq!(headers_match(&arguments, &headers), expected, "{arguments:?}");
        }
    }
}
