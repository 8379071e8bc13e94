//! A message that was taken from its queue and waits for its handler.

use std::sync::Arc;

use tokio::time::Instant;

use super::replier::Address;
use super::report::{Asked, Report, Teller};
use super::service::Service;
use super::settle::Failure;
use super::sources::ServedQueue;
use crate::transport::Delivery;

#[derive(Debug)]
pub(super) struct Taken {
    pub(super) delivery: Delivery,
    pub(super) since: Instant,
    /// What its caller is told meanwhile, where it asked for that.
    pub(super) report: Option<Arc<Report>>,
}

impl Service {
    /// A message that has come; a caller that asked for it is told so. In a box, since it goes from
    /// hand to hand.
    pub(super) fn take(&self, queue: &ServedQueue, delivery: Delivery) -> Box<Taken> {
        let report = self.report(queue, &delivery);
        Box::new(Taken { delivery, since: Instant::now(), report })
    }

    fn report(&self, queue: &ServedQueue, delivery: &Delivery) -> Option<Arc<Report>> {
        let asked = Asked::by(&delivery.properties)?;
        let to = Address::of(&delivery.properties)?;
        if !self.reply_to.allows(&to.reply_to) || Failure::kept(delivery, queue).is_some() {
            return None;
        }
        let codec = self.link.codecs.of(delivery.properties.content_type.as_deref()).ok()?;
        let teller = Teller {
            link: Arc::clone(&self.link),
            codec: Arc::clone(codec),
            identity: self.identity.clone(),
            from: self.answers_from.clone(),
            asked,
            progress_every: self.progress_every,
        };
        let id = delivery.properties.id().filter(|_| self.dedup.is_some());
        let working = id.and_then(|id| self.reports.working(&copy_id(&queue.id, id)));
        if let Some(working) = &working {
            working.tell_at(to.clone(), delivery.redelivered);
        }
        Some(Arc::new(Report::begin(to, teller, self.accepted_by_handlers, working.as_deref())))
    }
}

/// The id under which the copies of a message are known. Those in different queues are different
/// messages.
pub(super) fn copy_id(queue: &str, id: &str) -> String {
    [queue, id].join("/")
}
