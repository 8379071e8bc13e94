//! The publications that are with the broker over one channel.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};

use lapin::message::BasicReturnMessage;
use lapin::{Confirmation, Error};

use super::{Job, Message};
use crate::transport::TransportError;
use crate::transport::amqp::fault;

/// With how many channels a message may go down: one that another message's refusal closed, one
/// of a connection that was lost by it, and one more.
const MOST_ATTEMPTS: u32 = 3;

/// The publications under way, and what ended the channel once something has.
#[derive(Default)]
pub(super) struct Open {
    next_slot: u64,
    jobs: BTreeMap<u64, Job>,
    /// The slots of the mandatory messages under a message id: one, unless a caller sends a
    /// message again while its first sending is under way.
    mandatory: HashMap<Cow<'static, str>, Vec<u64>>,
    /// Those that went down with the channel, by their slots.
    lost: BTreeMap<u64, Job>,
    /// The broker's refusal if there was one, else the first failure.
    failure: Option<Error>,
}

impl Open {
    pub(super) fn takes_more(&self, window: usize) -> bool {
        self.failure.is_none() && self.jobs.len() < window
    }

    /// Whether the channel is gone, and all that went down with it is known.
    pub(super) fn is_over(&self) -> bool {
        self.failure.is_some() && self.jobs.is_empty()
    }

    pub(super) fn sends_again(&self) -> bool {
        self.jobs.first_key_value().is_some_and(|(_, job)| job.attempts > 0)
    }

    /// Takes a place, and answers what to send from it.
    pub(super) fn admit(&mut self, mut job: Job) -> Option<(u64, Message)> {
        // It was made once, so it can be made again.
        let message = job.message.take().or_else(|| Message::new(&job.publication).ok())?;
        let slot = self.next_slot;
        self.next_slot += 1;
        if let Some(id) = mandatory_id(&job) {
            self.mandatory.entry(id.clone()).or_default().push(slot);
        }
        self.jobs.insert(slot, job);
        Some((slot, message))
    }

    /// Tells the publishers of a batch that can be judged what became of their messages.
    pub(super) fn judge(&mut self, batch: Vec<(u64, lapin::Result<Confirmation>)>) {
        let mut confirmed = Vec::with_capacity(batch.len());
        for (slot, outcome) in batch {
            match outcome {
                Ok(confirmation) => {
                    confirmed.push((slot, confirmation.is_nack()));
                    if let Some(message) = confirmation.take_message() {
                        self.mark_returned(&message);
                    }
                }
                Err(error) => self.lose(slot, error),
            }
        }
        for (slot, refused) in confirmed {
            let Some(job) = self.release(slot) else { continue };
            let route = job.publication.route.clone();
            let outcome = match (job.returned, refused) {
                (true, _) => Err(TransportError::Unroutable { route }),
                (false, true) => Err(TransportError::NotConfirmed { route }),
                (false, false) => Ok(()),
            };
            job.finish(outcome);
        }
    }

    /// The channel is gone. What the broker refused is finished, and what went down beside it is
    /// sent again: it may have arrived already, and has the same message id then.
    pub(super) fn abandon(mut self, again: &mut VecDeque<Job>) -> Option<Error> {
        let failure = self.failure.take()?;
        let refusal = fault::refusal(&failure);
        let alone = self.lost.len() == 1;
        for mut job in self.lost.into_values() {
            // Without confirms, the refused one may have been finished as written.
            let alone = alone && job.publication.confirm;
            let refused = refusal.is_some_and(|reason| alone || names_exchange(reason, &job));
            if refused || job.attempts >= MOST_ATTEMPTS {
                let operation = format!("publish to {}", job.publication.route);
                job.finish(Err(fault::of_operation(&failure, || operation)));
            } else {
                job.attempts += 1;
                again.push_back(job);
            }
        }
        Some(failure)
    }

    fn mark_returned(&mut self, message: &BasicReturnMessage) {
        let (exchange, key) = (message.exchange.as_str(), message.routing_key.as_str());
        let Some(id) = message.properties.message_id() else { return };
        let slots = self.mandatory.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
        for slot in slots {
            if let Some(job) = self.jobs.get_mut(slot)
                && !job.returned
                && job.publication.route.exchange() == exchange
                && job.publication.route.key() == key
            {
                job.returned = true;
                return;
            }
        }
    }

    fn lose(&mut self, slot: u64, error: Error) {
        if let Some(job) = self.release(slot) {
            self.lost.insert(slot, job);
        }
        let told = self.failure.as_ref().is_some_and(|known| fault::refusal(known).is_some());
        if self.failure.is_none() || (!told && fault::refusal(&error).is_some()) {
            self.failure = Some(error);
        }
    }

    fn release(&mut self, slot: u64) -> Option<Job> {
        let job = self.jobs.remove(&slot)?;
        if let Some(id) = mandatory_id(&job)
            && let Some(slots) = self.mandatory.get_mut(id)
        {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.mandatory.remove(id);
            }
        }
        Some(job)
    }
}

fn mandatory_id(job: &Job) -> Option<&Cow<'static, str>> {
    job.publication.properties.message_id.as_ref().filter(|_| job.publication.mandatory)
}

/// Whether a refusal is about the exchange that the message was for.
fn names_exchange(reason: &str, job: &Job) -> bool {
    reason.contains(&format!("exchange '{}'", job.publication.route.exchange()))
}
