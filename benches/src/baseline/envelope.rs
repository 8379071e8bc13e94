//! The messages of Postage, as one writes them by hand with serde.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Who sends.
#[derive(Debug, Serialize)]
pub struct Fingerprint {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    pid: String,
    host: String,
    user: String,
    vhost: &'static str,
}

impl Fingerprint {
    /// That of this program.
    #[must_use]
    pub fn new() -> Self {
        let said = |name| std::env::var(name).unwrap_or_else(|_| "None".to_owned());
        Self {
            name: "bench",
            kind: "client",
            pid: std::process::id().to_string(),
            host: said("HOSTNAME"),
            user: said("USER"),
            vhost: "/",
        }
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct Envelope<F, C> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    category: &'static str,
    version: &'static str,
    fingerprint: F,
    content: C,
    #[serde(rename = "_reserved")]
    reserved: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Deserialize, Serialize)]
struct Command<'a> {
    #[serde(borrow)]
    parameters: Parameters<'a>,
}

#[derive(Deserialize, Serialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct Success<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
    message: &'static str,
}

/// What a service reads of a command.
#[derive(Deserialize)]
pub struct Received<'a> {
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    content: Command<'a>,
}

/// What a service is asked.
pub enum Asked<'a> {
    /// To answer the text.
    Echo(Cow<'a, str>),
    /// To take note of the text.
    Tell(Cow<'a, str>),
}

/// A call.
///
/// # Errors
/// serde's.
pub fn echo(fingerprint: &Fingerprint, text: &str) -> Result<Vec<u8>, Error> {
    command("echo", "rpc", fingerprint, text)
}

/// A message.
///
/// # Errors
/// serde's.
pub fn tell(fingerprint: &Fingerprint, text: &str) -> Result<Vec<u8>, Error> {
    command("tell", "message", fingerprint, text)
}

fn command(
    name: &'static str,
    category: &'static str,
    fingerprint: &Fingerprint,
    text: &str,
) -> Result<Vec<u8>, Error> {
    let content = Command { parameters: Parameters { text: text.into() } };
    let kind = "command";
    let envelope =
        Envelope { kind, name, category, version: "2", fingerprint, content, reserved: Empty {} };
    Ok(serde_json::to_vec(&envelope)?)
}

/// Reads what a service is asked.
///
/// # Errors
/// serde's, and a command that is unknown.
pub fn read(body: &[u8]) -> Result<Asked<'_>, Error> {
    let Received { category, name, content } = serde_json::from_slice(body)?;
    match (&*category, &*name) {
        ("rpc", "echo") => Ok(Asked::Echo(content.parameters.text)),
        ("message", "tell") => Ok(Asked::Tell(content.parameters.text)),
        _ => Err(format!("there is no {category} `{name}`").into()),
    }
}

/// The answer to a call.
///
/// # Errors
/// serde's.
pub fn answer(value: &str) -> Result<Vec<u8>, Error> {
    let content = Success { kind: "success", value, message: "" };
    let envelope = Envelope {
        kind: "result",
        name: "none",
        category: "message",
        version: "2",
        fingerprint: Empty {},
        content,
        reserved: Empty {},
    };
    Ok(serde_json::to_vec(&envelope)?)
}

/// Reads an answer.
///
/// # Errors
/// serde's, and an answer that is no success.
pub fn read_answer(body: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        content: Content<'a>,
    }
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        value: Option<String>,
    }
    let Answer { content } = serde_json::from_slice(body)?;
    match (&*content.kind, content.value) {
        ("success", Some(value)) => Ok(value),
        (kind, _) => Err(format!("the call ended with {kind}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fingerprint = Fingerprint::new();
        let asked = echo(&fingerprint, "a \"text\"").unwrap();
        assert!(matches!(read(&asked).unwrap(), Asked::Echo(text) if text == "a \"text\""));
        let told = tell(&fingerprint, "a text").unwrap();
        assert!(matches!(read(&told).unwrap(), Asked::Tell(text) if text == "a text"));
        assert_eq!(read_answer(&answer("a \"text\"").unwrap()).unwrap(), "a \"text\"");
    }
}
