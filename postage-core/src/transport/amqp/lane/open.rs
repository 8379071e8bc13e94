//! The publications that are with the broker over one channel.

use std::collections::VecDeque;

use super::Job;
use crate::topology::Route;
use crate::transport::amqp::direct::{Outbox, Outcome};
use crate::transport::amqp::fault::{self, Loss};

/// With how many channels a message may go down: one that another message's refusal closed, one
/// of a connection that was lost by it, and one more.
const MOST_ATTEMPTS: u32 = 3;

/// The publications under way, in the order in which they were sent. The broker numbers those of a
/// channel from 1.
#[derive(Default)]
pub(super) struct Open {
    /// How many were sent before the first of these.
    before: u64,
    /// One that the broker has spoken of before those ahead of it leaves its place empty.
    jobs: VecDeque<Option<Box<Job>>>,
}

impl Open {
    pub(super) fn takes_more(&self, window: usize) -> bool {
        self.jobs.len() < window
    }

    pub(super) fn sends_again(&self) -> bool {
        self.jobs.iter().flatten().next().is_some_and(|job| job.attempts > 0)
    }

    /// Sends a message. One that cannot be sent is finished.
    pub(super) fn admit(&mut self, mut job: Box<Job>, outbox: &Outbox) {
        job.returned = false;
        match outbox.publish(&job.publication) {
            Ok(()) if job.publication.confirm => self.jobs.push_back(Some(job)),
            Ok(()) => job.finish(Ok(())),
            Err(reason) => {
                let operation = format!("publish to {}", job.publication.route);
                job.finish(Err(fault::refused(operation, reason)));
            }
        }
    }

    /// Tells the publishers what became of their messages. The broker sends a message back before it
    /// confirms it.
    pub(super) fn judge(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Returned { route, id } => self.mark_returned(&route, id.as_deref()),
                Outcome::Confirmed { number, multiple, taken } => {
                    self.confirm(number, multiple, taken);
                }
            }
        }
    }

    fn confirm(&mut self, number: u64, multiple: bool, taken: bool) {
        let place =
            number.checked_sub(self.before + 1).and_then(|place| usize::try_from(place).ok());
        let Some(place) = place else { return };
        let first = if multiple { 0 } else { place };
        for job in self.jobs.iter_mut().take(place.saturating_add(1)).skip(first) {
            if let Some(job) = job.take() {
                job.confirm(taken);
            }
        }
        while let Some(None) = self.jobs.front() {
            self.jobs.pop_front();
            self.before += 1;
        }
    }

    /// Few are sent back, so they are looked for one by one. Of several under one id, which a caller
    /// may have sent again, it is the first.
    fn mark_returned(&mut self, route: &Route, id: Option<&str>) {
        let sent = self.jobs.iter_mut().flatten().find(|job| {
            let Job { publication, returned, .. } = &***job;
            publication.mandatory
                && !returned
                && publication.properties.message_id.as_deref() == id
                && publication.route == *route
        });
        if let Some(job) = sent {
            job.returned = true;
        }
    }

    /// The channel is gone. What the broker refused is finished, and what went down beside it is
    /// sent again: it may have arrived already, and has the same message id then.
    pub(super) fn abandon(self, loss: &Loss, again: &mut VecDeque<Box<Job>>) {
        let lost: Vec<_> = self.jobs.into_iter().flatten().collect();
        let alone = lost.len() == 1;
        for mut job in lost {
            let names = |reason: &str| alone || names_exchange(reason, &job);
            if loss.refusal().is_some_and(names) || job.attempts >= MOST_ATTEMPTS {
                let operation = format!("publish to {}", job.publication.route);
                job.finish(Err(loss.of_operation(|| operation)));
            } else {
                job.attempts += 1;
                again.push_back(job);
            }
        }
    }
}

/// Whether a refusal is about the exchange that the message was for.
fn names_exchange(reason: &str, job: &Job) -> bool {
    reason.contains(&format!("exchange '{}'", job.publication.route.exchange()))
}
