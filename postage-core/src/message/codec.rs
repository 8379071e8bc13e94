use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

#[cfg(feature = "msgpack")]
use crate::limits::DEFAULT_MAX_DEPTH;

/// How a message becomes the bytes of a body, and back.
///
/// A message is a dictionary, and its text form is JSON; a codec turns that text into the bytes of
/// its content type. JSON itself has nothing to do here, and pays nothing.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// The content type on the wire, like `application/json`.
    fn content_type(&self) -> &'static str;

    /// The bytes of a message given as JSON.
    ///
    /// # Errors
    /// [`CodecError`] when the message cannot be said in this encoding.
    fn encode(&self, json: Vec<u8>) -> Result<Bytes, CodecError>;

    /// The JSON of a message given as bytes. It need not check that JSON is well formed.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are not of this encoding, or cannot be said in JSON.
    fn decode(&self, body: Bytes) -> Result<Bytes, CodecError>;
}

/// A body that a codec cannot make or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CodecError {
    reason: String,
}

impl CodecError {
    /// An error for this reason.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

/// JSON, under `application/json`: Postage's own, and the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonCodec;

impl Codec for JsonCodec {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn encode(&self, json: Vec<u8>) -> Result<Bytes, CodecError> {
        Ok(json.into())
    }

    fn decode(&self, body: Bytes) -> Result<Bytes, CodecError> {
        Ok(body)
    }
}

/// `MessagePack`, under `application/msgpack`. Nesting is bounded at 127 levels, as in JSON; bytes
/// become lists of numbers.
#[cfg(feature = "msgpack")]
#[derive(Clone, Copy, Debug, Default)]
pub struct MsgPackCodec;

#[cfg(feature = "msgpack")]
impl Codec for MsgPackCodec {
    fn content_type(&self) -> &'static str {
        "application/msgpack"
    }

    fn encode(&self, json: Vec<u8>) -> Result<Bytes, CodecError> {
        let mut reader = serde_json::Deserializer::from_slice(&json);
        let mut body = Vec::with_capacity(json.len());
        let mut writer = rmp_serde::Serializer::new(&mut body);
        serde_transcode::transcode(&mut reader, &mut writer).map_err(CodecError::new)?;
        Ok(body.into())
    }

    fn decode(&self, body: Bytes) -> Result<Bytes, CodecError> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(&body);
        // It ends where it would enter the last of them.
        reader.set_max_depth(DEFAULT_MAX_DEPTH + 1);
        let mut json = Vec::with_capacity(body.len() * 2);
        let mut writer = serde_json::Serializer::new(&mut json);
        serde_transcode::transcode(&mut reader, &mut writer).map_err(CodecError::new)?;
        Ok(json.into())
    }
}

/// The codecs of a broker handle: the one that it sends with, and all that it understands.
#[derive(Clone, Debug)]
pub(crate) struct Codecs {
    outgoing: Arc<dyn Codec>,
    known: Vec<Arc<dyn Codec>>,
}

impl Codecs {
    /// Sends with `codec`; understands it and JSON.
    pub(crate) fn new(codec: Arc<dyn Codec>) -> Self {
        let known = vec![Arc::clone(&codec), Arc::new(JsonCodec)];
        Self { outgoing: codec, known }
    }

    pub(crate) fn outgoing(&self) -> &Arc<dyn Codec> {
        &self.outgoing
    }

    /// The codec of a content type; JSON where none is given, as in Python's replies.
    pub(crate) fn of(&self, content_type: Option<&str>) -> Result<&Arc<dyn Codec>, CodecError> {
        let wanted = content_type.unwrap_or("application/json");
        if let Some(known) = self.known.iter().find(|codec| codec.content_type() == wanted) {
            return Ok(known);
        }
        let essence = wanted.split(';').next().unwrap_or_default().trim();
        let mut known = self.known.iter();
        known.find(|codec| codec.content_type().eq_ignore_ascii_case(essence)).ok_or_else(|| {
            let known: Vec<Cow<'_, str>> =
                self.known.iter().map(|codec| codec.content_type().into()).collect();
            CodecError::new(format_args!(
                "the content type `{wanted}` is unknown here; known are: {}",
                known.join(", ")
            ))
        })
    }
}

impl Default for Codecs {
    fn default() -> Self {
        Self { outgoing: Arc::new(JsonCodec), known: vec![Arc::new(JsonCodec)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_content_type_is_an_error_that_lists_the_known_ones() {
        let error = Codecs::default().of(Some("application/pickle")).unwrap_err().to_string();
        assert!(error.contains("application/pickle") && error.contains("application/json"));
    }

    #[test]
    fn parameters_of_a_content_type_and_its_absence_mean_json() {
        let codecs = Codecs::default();
        assert!(codecs.of(Some("Application/JSON; charset=utf-8")).is_ok());
        assert!(codecs.of(None).is_ok());
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn message_pack_gives_back_the_same_dictionary() {
        let json = br#"{"a":[1,-2,3.5,null,true],"b":{"c":"text"}}"#;
        let body = MsgPackCodec.encode(json.to_vec()).unwrap();
        assert_ne!(&body[..], &json[..]);
        assert_eq!(&MsgPackCodec.decode(body).unwrap()[..], &json[..]);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn message_pack_is_nested_as_deep_as_json_and_deeper_is_an_error_not_a_crash() {
        let nested = |levels| ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes();
        let packed = |levels: usize| Bytes::from([vec![0x91; levels - 1], vec![0x90]].concat());
        assert_eq!(MsgPackCodec.encode(nested(127)).unwrap(), packed(127));
        assert_eq!(MsgPackCodec.decode(packed(127)).unwrap(), nested(127));
        assert!(MsgPackCodec.encode(nested(128)).is_err());
        for levels in [128, 10_000] {
            let error = MsgPackCodec.decode(packed(levels)).unwrap_err().to_string();
            assert!(error.contains("depth"), "{error}");
        }
    }
}
