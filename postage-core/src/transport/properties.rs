use std::borrow::Cow;
use std::time::Duration;

use super::{Headers, SharedText};
use crate::topology::FieldValue;

/// What travels beside the body: AMQP's basic properties.
///
/// Each text is at most 255 bytes. A Python Postage component sends only `content_type` and, with
/// a request, `reply_to`; its replies have no properties at all.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Properties {
    /// The codec's name, like `application/json`.
    pub content_type: Option<Cow<'static, str>>,
    /// The encoding over the content type, like `gzip`.
    pub content_encoding: Option<Cow<'static, str>>,
    /// Free headers.
    pub headers: Headers,
    /// Whether a durable queue keeps the message over a restart (delivery mode 2).
    pub persistent: bool,
    /// Its rank in a priority queue, 0 to 255.
    pub priority: Option<u8>,
    /// Which request a reply answers.
    pub correlation_id: Option<SharedText>,
    /// The queue that wants the reply.
    pub reply_to: Option<SharedText>,
    /// How long the message may wait in a queue. Whole milliseconds on the wire, rounded up. More
    /// than `u32::MAX` of them, some 49 days, counts as no limit: RabbitMQ refuses it.
    pub expiration: Option<Duration>,
    /// The message's own id.
    pub message_id: Option<SharedText>,
    /// When it was made, in seconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// The application's name for the kind of message.
    pub kind: Option<Cow<'static, str>>,
    /// The user who sent it; the broker checks it.
    pub user_id: Option<Cow<'static, str>>,
    /// The application that sent it.
    pub app_id: Option<Cow<'static, str>>,
}

impl Properties {
    /// The expiration as it travels, in milliseconds.
    pub(crate) fn expiration_millis(&self) -> Option<u32> {
        // Rounded up: zero would mean that the message expires at once.
        u32::try_from(self.expiration?.as_nanos().div_ceil(1_000_000)).ok()
    }

    /// The message's id. One that is empty, as some peers send it, is none: it tells no messages apart.
    pub(crate) fn id(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }

    /// The header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&FieldValue> {
        self.headers.get(name)
    }

    /// Sets a header, in the place of one of the same name.
    pub fn set_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FieldValue>) {
        self.headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_is_rounded_up_and_left_out_where_it_is_too_long() {
        let millis = |expiration| {
            Properties { expiration: Some(expiration), ..Default::default() }.expiration_millis()
        };
        assert_eq!(millis(Duration::ZERO), Some(0));
        assert_eq!(millis(Duration::from_micros(1)), Some(1));
        assert_eq!(millis(Duration::from_millis(2)), Some(2));
        let longest = Duration::from_millis(u32::MAX.into());
        assert_eq!(millis(longest), Some(u32::MAX));
        assert_eq!(millis(longest + Duration::from_nanos(1)), None);
        assert_eq!(millis(Duration::MAX), None);
    }
}
