//! Answers that go to a queue that lasts, where a reply handler takes them: the broker has such an
//! answer before its request is acknowledged, so neither is lost.

use std::borrow::Cow;

use tokio::time::sleep;
use uuid::Uuid;

use super::Outcome;
use crate::error::SendError;
use crate::headers;
use crate::link::Link;
use crate::pauses::Pauses;
use crate::producer::TICKETS;
use crate::topology::FieldValue;
use crate::transport::{Properties, Publication, TransportError};

/// The longest text of a property, in bytes.
const LONGEST: usize = 255;

/// What a request says that wants such an answer.
#[derive(Debug)]
pub(super) struct Lasting {
    /// What the answer says it is for.
    name: Cow<'static, str>,
    /// The caller's own data, which the answer has with it.
    data: Option<Cow<'static, str>>,
    /// The same each time that this service answers the request.
    message_id: String,
}

impl Lasting {
    /// Nothing, where the request wants no such answer. `service` is a name that no other service has.
    pub(super) fn of(request: &Properties, service: &str) -> Option<Self> {
        let name = text(request, headers::ANSWER)?;
        let data = text(request, headers::DATA);
        let call = request.correlation_id.as_deref();
        let message_id = call.map(|call| format!("{call}/{service}"));
        let message_id = message_id.filter(|id| id.len() <= LONGEST);
        let message_id = message_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        Some(Self { name, data, message_id })
    }

    /// Makes it an answer that lasts.
    pub(super) fn mark(&self, answer: &mut Properties) {
        answer.persistent = true;
        answer.message_id = Some(self.message_id.clone().into());
        answer.set_header(headers::ANSWER, self.name.clone());
        if let Some(data) = &self.data {
            answer.set_header(headers::DATA, data.clone());
        }
    }

    /// What becomes of a request whose answer could not be sent to this queue.
    pub(super) fn owed(&self, queue: &str, error: &SendError) -> Option<Outcome> {
        let reason = format!("its answer could not be sent: {error}");
        match error {
            SendError::Unroutable { .. } if queue.starts_with(TICKETS) => {
                tracing::warn!(
                    queue,
                    "a ticket was discarded, or kept for too short a time: nobody hears the answer"
                );
                None
            }
            SendError::Unroutable { .. } => Some(Outcome::reject(reason)),
            _ => Some(Outcome::Fail { reason }),
        }
    }
}

/// The header of this name, when it is a text, to be sent back.
pub(super) fn text(request: &Properties, header: &str) -> Option<Cow<'static, str>> {
    match request.header(header) {
        Some(FieldValue::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Whether a message is an answer, or a status, at a queue that lasts, and what it says it is for.
pub(super) fn answers(properties: &Properties) -> Option<&str> {
    properties.header(headers::ANSWER).and_then(FieldValue::as_str)
}

/// Publishes an answer until the broker has it: over losses of the connection, and where its queue is
/// full for now. The caller bounds the time.
pub(super) async fn publish(link: &Link, answer: Publication) -> Result<(), TransportError> {
    let mut pauses = Pauses::new();
    loop {
        match link.through_losses(|| link.publish(answer.clone())).await {
            Err(TransportError::NotConfirmed { .. }) => sleep(pauses.next()).await,
            sent => return sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(call: Option<String>) -> Properties {
        let mut request =
            Properties { correlation_id: call.map(Into::into), ..Properties::default() };
        request.set_header(headers::ANSWER, "place");
        request
    }

    fn id(lasting: &Lasting) -> String {
        let mut answer = Properties::default();
        lasting.mark(&mut answer);
        answer.message_id.unwrap().into_owned()
    }

    #[test]
    fn a_request_that_does_not_ask_for_it_gets_no_answer_that_lasts() {
        assert!(Lasting::of(&Properties::default(), "s").is_none());
        let mut odd = Properties::default();
        odd.set_header(headers::ANSWER, 3_i64);
        assert!(Lasting::of(&odd, "s").is_none());
    }

    #[test]
    fn the_same_service_answers_a_request_under_one_id_and_another_under_another() {
        let answered = |service| id(&Lasting::of(&request(Some("call".into())), service).unwrap());
        assert_eq!(answered("one"), "call/one");
        assert_ne!(answered("one"), answered("other"));
    }

    #[test]
    fn a_request_whose_id_is_missing_or_as_long_as_may_be_is_answered_under_an_id_that_fits() {
        for call in [None, Some("c".repeat(LONGEST))] {
            let id = id(&Lasting::of(&request(call), "service").unwrap());
            assert_eq!(id.len(), 36);
        }
    }
}
