//! The publications that are with the broker over one channel.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::Job;
use crate::topology::Route;
use crate::transport::amqp::direct::{Outbox, Outcome};
use crate::transport::amqp::fault::{self, Loss};

/// With how many channels a message may go down: one that another message's refusal closed, one
/// of a connection that was lost by it, and one more.
const MOST_ATTEMPTS: u32 = 3;

/// The publications under way, by their numbers: the broker counts those of a channel from 1.
#[derive(Default)]
pub(super) struct Open {
    /// The number of the last one.
    last: u64,
    jobs: BTreeMap<u64, Box<Job>>,
}

impl Open {
    pub(super) fn takes_more(&self, window: usize) -> bool {
        self.jobs.len() < window
    }

    pub(super) fn sends_again(&self) -> bool {
        self.jobs.first_key_value().is_some_and(|(_, job)| job.attempts > 0)
    }

    /// Sends a message. One that cannot be sent is finished; one that the channel did not take, since
    /// it is gone, comes back.
    pub(super) fn admit(&mut self, mut job: Box<Job>, outbox: &Arc<Outbox>) -> Option<Box<Job>> {
        job.returned = false;
        match outbox.publish(&job.publication) {
            Ok(false) => return Some(job),
            Ok(true) if job.publication.confirm => {
                self.last += 1;
                self.jobs.insert(self.last, job);
            }
            Ok(true) => job.finish(Ok(())),
            Err(reason) => {
                let operation = format!("publish to {}", job.publication.route);
                job.finish(Err(fault::refused(operation, reason)));
            }
        }
        None
    }

    /// Tells the publishers what became of their messages. The broker sends a message back before it
    /// confirms it.
    pub(super) fn judge(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Returned { route, id } => self.mark_returned(&route, id.as_deref()),
                Outcome::Confirmed { number, multiple: false, taken } => {
                    self.jobs.remove(&number).into_iter().for_each(|job| job.confirm(taken));
                }
                Outcome::Confirmed { number, multiple: true, taken } => {
                    let later = self.jobs.split_off(&number.saturating_add(1));
                    let confirmed = std::mem::replace(&mut self.jobs, later);
                    confirmed.into_values().for_each(|job| job.confirm(taken));
                }
            }
        }
    }

    /// Few are sent back, so they are looked for one by one. Of several under one id, which a caller
    /// may have sent again, it is the first.
    fn mark_returned(&mut self, route: &Route, id: Option<&str>) {
        let sent = self.jobs.values_mut().find(|job| {
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
        let alone = self.jobs.len() == 1;
        for mut job in self.jobs.into_values() {
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

#[cfg(test)]
mod tests {

    use tokio::sync::oneshot;

    use super::*;
    use crate::transport::amqp::direct::Direct;
    use crate::transport::{Properties, Publication, TransportError};

    type Told = oneshot::Receiver<Result<(), TransportError>>;

    struct World {
        open: Open,
        outbox: Arc<Outbox>,
    }

    impl World {
        fn new() -> Self {
            Self {
                open: Open::default(),
                outbox: Outbox::new(1, 4096, &Arc::new(Direct::default())),
            }
        }

        fn publish(&mut self, id: &'static str) -> Told {
            let (done, told) = oneshot::channel();
            let properties = Properties { message_id: Some(id.into()), ..Properties::default() };
            let publication = Publication::new(Route::new("ex", "rk"), properties, "");
            let job = Job { publication, attempts: 0, returned: false, done };
            assert!(self.open.admit(Box::new(job), &self.outbox).is_none());
            told
        }

        fn confirm(&mut self, number: u64, multiple: bool, taken: bool) {
            self.open.judge(vec![Outcome::Confirmed { number, multiple, taken }]);
        }
    }

    fn returned(id: &'static str) -> Outcome {
        Outcome::Returned { route: Route::new("ex", "rk"), id: Some(id.into()) }
    }

    #[test]
    fn confirms_reach_their_own_in_any_order_and_many_at_once() {
        let mut world = World::new();
        let mut told: Vec<_> = (0..5).map(|_| world.publish("m")).collect();
        world.confirm(3, false, true);
        world.confirm(2, false, false);
        assert!(matches!(told[2].try_recv(), Ok(Ok(()))));
        assert!(matches!(told[1].try_recv(), Ok(Err(TransportError::NotConfirmed { .. }))));
        assert!(told[0].try_recv().is_err(), "nothing was said of the first");
        world.confirm(4, true, true);
        assert!(matches!((told[0].try_recv(), told[3].try_recv()), (Ok(Ok(())), Ok(Ok(())))));
        assert!(told[4].try_recv().is_err(), "nothing was said of the last");
        world.confirm(9, false, true);
    }

    #[test]
    fn one_that_is_never_confirmed_takes_one_place_only() {
        let mut world = World::new();
        let _first = world.publish("m");
        for number in 2..=100 {
            let mut told = world.publish("m");
            assert!(world.open.takes_more(3));
            world.confirm(number, false, true);
            assert!(matches!(told.try_recv(), Ok(Ok(()))));
        }
        assert!(!world.open.takes_more(1));
    }

    #[test]
    fn what_comes_back_is_known_by_its_id_and_of_two_alike_it_is_the_first() {
        let mut world = World::new();
        let mut told: Vec<_> = ["a", "b", "b"].map(|id| world.publish(id)).into();
        world.open.judge(vec![returned("b")]);
        world.confirm(3, true, true);
        let outcomes: Vec<_> =
            told.iter_mut().map(|told| told.try_recv().unwrap().is_ok()).collect();
        assert_eq!(outcomes, [true, false, true]);
    }
}
