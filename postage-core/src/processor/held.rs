use std::sync::Arc;

use bytes::Bytes;

use super::history::History;
use super::replier::Replies;
use super::request::Request;
use super::service::Service;
use super::sources::ServedQueue;
use super::table::Entry;
use super::taken::Taken;
use super::{Context, Outcome};
use crate::message::Codec;
use crate::topology::Route;

/// A message in hand: what its handlers know of it, and what they have answered. It is made once and
/// lent from then on. What passes through layers may outlive the one who received it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) service: Arc<Service>,
    pub(super) context: Context,
    /// The body as it came; the context has it as JSON.
    pub(super) came: Bytes,
    pub(super) replies: Replies,
}

impl Held {
    /// A message in this codec, which is this JSON. What is settled of it stays behind.
    pub(super) fn new(
        service: &Arc<Service>,
        queue: &ServedQueue,
        taken: &mut Taken,
        codec: Arc<dyn Codec>,
        json: Bytes,
    ) -> Self {
        let delivery = &mut taken.delivery;
        let properties = std::mem::take(&mut delivery.properties);
        let came_by = std::mem::replace(&mut delivery.route, Route::new("", ""));
        let history = History::of(&properties, came_by, queue);
        let replies = Replies::of(codec, &properties, &service.id);
        let (control, report) = (Arc::clone(&service.control), taken.report.take());
        Self {
            service: Arc::clone(service),
            context: Context::new(properties, history, delivery.redelivered, json, control, report),
            came: std::mem::take(&mut delivery.body),
            replies,
        }
    }

    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    /// What the service is called.
    pub(crate) fn service(&self) -> &str {
        &self.service.name
    }

    /// Runs the handler, which reads the message once more.
    pub(crate) async fn run(self: &Arc<Self>, handler: Entry) -> Outcome {
        match self.context.message() {
            Ok(message) => {
                let request = Request::new(&message, self);
                let outcome = self.service.bounded(&handler, &request).await;
                // What the handler said outright is for the layers to see, too.
                self.context.outcome().and(outcome)
            }
            Err(error) => Outcome::reject(error),
        }
    }
}
