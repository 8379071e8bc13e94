use bytes::Bytes;
use postage_core::transport::Properties;
use postage_core::{Codec, CodecError, DEFAULT_MAX_DEPTH, JsonCodec, MsgPackCodec};

/// A body under a content type, as a fuzzer's input: the type is the first line, and an input of
/// one line is a body without one.
#[derive(Clone, Debug)]
pub struct Mail {
    content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Mail {
    /// Reads an input; `None` where the first line is no text.
    #[must_use]
    pub fn read(input: &[u8]) -> Option<Self> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            return Some(Self { content_type: None, body: Bytes::copy_from_slice(input) });
        };
        let (line, body) = (&input[..end], &input[end + 1..]);
        let line = std::str::from_utf8(line).ok()?;
        let content_type = (!line.is_empty()).then(|| line.to_owned());
        Some(Self { content_type, body: Bytes::copy_from_slice(body) })
    }

    /// The properties that it travels with.
    #[must_use]
    pub fn properties(&self) -> Properties {
        let mut properties = Properties::default();
        properties.content_type = self.content_type.clone().map(Into::into);
        properties
    }

    /// The JSON of the body, by the codec of its content type, as deep as is allowed.
    ///
    /// # Errors
    /// Why there is none.
    pub fn json(&self) -> Result<Bytes, CodecError> {
        let json = Self::decode(self.content_type.as_deref(), self.body.clone())?;
        if depth(&json) > DEFAULT_MAX_DEPTH {
            return Err(CodecError::new("it is nested too deep"));
        }
        Ok(json)
    }

    /// The JSON of a body under this content type.
    ///
    /// # Errors
    /// Why there is none.
    pub fn decode(content_type: Option<&str>, body: Bytes) -> Result<Bytes, CodecError> {
        let essence = content_type
            .map_or("application/json", |named| named.split(';').next().unwrap_or_default().trim());
        if essence.eq_ignore_ascii_case(JsonCodec.content_type()) {
            JsonCodec.decode(body)
        } else if essence.eq_ignore_ascii_case(MsgPackCodec.content_type()) {
            MsgPackCodec.decode(body)
        } else {
            Err(CodecError::new("the content type is unknown"))
        }
    }
}

/// How deep the lists and maps of a JSON text are nested.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
