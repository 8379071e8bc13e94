//! The debug mode: every message in and out, as events of `tracing`, without secrets.
//!
//! What is hidden goes by the key that it stands under. A bare parameter, and the value of a
//! result, stand under no key of their own, and are shown.

use serde_json::Value;

use crate::message::Codecs;
use crate::topology::Route;
use crate::transport::{Delivery, Properties, Publication};

/// How much of a body is shown, in characters.
const SHOWN: usize = 4096;

pub(crate) fn outgoing(publication: &Publication, codecs: &Codecs) {
    show("out", &publication.route, &publication.properties, &publication.body, codecs);
}

pub(crate) fn incoming(delivery: &Delivery, codecs: &Codecs) {
    show("in", &delivery.route, &delivery.properties, &delivery.body, codecs);
}

fn show(
    direction: &str,
    route: &Route,
    properties: &Properties,
    body: &bytes::Bytes,
    codecs: &Codecs,
) {
    tracing::info!(
        target: "postage::traffic",
        direction,
        exchange = route.exchange(),
        key = route.key(),
        message_id = properties.message_id.as_deref(),
        correlation_id = properties.correlation_id.as_deref(),
        reply_to = properties.reply_to.as_deref(),
        body = %readable(properties, body, codecs),
    );
}

fn readable(properties: &Properties, body: &bytes::Bytes, codecs: &Codecs) -> String {
    let json = codecs
        .of(properties.content_type.as_deref())
        .and_then(|codec| codec.decode(body.clone()))
        .ok()
        .and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let Some(mut json) = json else {
        return format!("<{} bytes that are no message>", body.len());
    };
    hide_secrets(&mut json);
    let mut text = json.to_string();
    if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Hides each value whose key sounds like a secret. Nothing says so of a bare value.
fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if sounds_secret(key) {
                    *value = Value::from("<hidden>");
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["passw", "secret", "token", "api_key", "apikey", "authorization", "credential"]
        .iter()
        .any(|secret| key.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_under_names_that_sound_secret_are_hidden_at_any_depth() {
        let body = br#"{"content":{"parameters":{"user":"ann","Password":"pw1","list":[{"api_key":"k2"}]}}}"#;
        let shown = readable(&Properties::default(), &body.as_slice().into(), &Codecs::default());
        assert!(shown.contains("ann") && shown.contains("<hidden>"), "{shown}");
        assert!(!shown.contains("pw1") && !shown.contains("k2"), "{shown}");
    }

    #[test]
    fn a_bare_parameter_and_a_bare_result_are_shown() {
        for body in [
            r#"{"content":{"parameters":"bare"}}"#,
            r#"{"content":{"type":"success","value":"bare","message":""}}"#,
        ] {
            let body = body.as_bytes().to_vec().into();
            let shown = readable(&Properties::default(), &body, &Codecs::default());
            assert!(shown.contains("bare"), "{shown}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_shows_only_its_length() {
        let shown =
            readable(&Properties::default(), &b"\xff\xfe".as_slice().into(), &Codecs::default());
        assert_eq!(shown, "<2 bytes that are no message>");
    }
}
