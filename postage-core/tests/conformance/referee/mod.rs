//! The in-process broker beside RabbitMQ: whatever is done to both ends the same on both.
//!
//! The steps are made at random, but the same ones in every run. What depends on time is left to
//! the cases of its own.

mod side;
mod step;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use postage_core::transport::{Delivery, Settlement, Subscription};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use self::side::Side;
use self::step::{QUEUES, Step, step};
use crate::world::{World, settle, within};

const SEQUENCES: usize = 15;
const STEPS: usize = 60;

#[tokio::test]
async fn whatever_is_done_to_both_brokers_ends_the_same_on_both() {
    let mut runner = TestRunner::deterministic();
    for sequence in 0..SEQUENCES {
        let steps = vec(step(), STEPS).new_tree(&mut runner).expect("steps are made").current();
        let memory = Side::of(World::memory()).await;
        let rabbit = Side::of(World::amqp()).await;

        let ended = match play(&steps, &memory, &rabbit).await {
            Ok(()) => compare(&memory, &rabbit).await,
            difference => difference,
        };

        rabbit.clear().await;
        if let Err(difference) = ended {
            panic!("sequence {sequence}: {difference}\nthe steps: {steps:#?}");
        }
    }
}

/// Does all steps on both sides; the error is the first difference.
async fn play(steps: &[Step], memory: &Side, rabbit: &Side) -> Result<(), String> {
    for (number, step) in steps.iter().enumerate() {
        let difference = match step {
            Step::Take(queue, settlement) => take(*queue, *settlement, memory, rabbit).await.err(),
            _ => {
                let outcomes = (memory.act(number, step).await, rabbit.act(number, step).await);
                (outcomes.0 != outcomes.1).then(|| differ(outcomes.0, outcomes.1))
            }
        };
        if let Some(difference) = difference {
            return Err(format!("step {number}, {step:?}: {difference}"));
        }
        if matches!(step, Step::Publish { .. } | Step::Take(..)) {
            rabbit.settle_down().await;
        }
    }
    Ok(())
}

/// Takes the head of a queue on both sides, where there is one, and settles it.
async fn take(
    queue: usize,
    settlement: Settlement,
    memory: &Side,
    rabbit: &Side,
) -> Result<(), String> {
    let Some((mut ours, mut theirs)) = consume(queue, memory, rabbit).await? else {
        return Ok(());
    };
    if let Some((our, their)) = heads(&mut ours, &mut theirs, memory, rabbit).await? {
        // Else it would be back at once, on one side or the other.
        within("the end", ours.cancel()).await.expect("it is cancelled");
        within("the end", theirs.cancel()).await.expect("it is cancelled");
        settle(our, settlement).await;
        settle(their, settlement).await;
    }
    Ok(())
}

/// Empties all queues on both sides.
async fn compare(memory: &Side, rabbit: &Side) -> Result<(), String> {
    for queue in 0..QUEUES {
        let Some((mut ours, mut theirs)) = consume(queue, memory, rabbit).await? else { continue };
        while let Some((our, their)) = heads(&mut ours, &mut theirs, memory, rabbit).await? {
            settle(our, Settlement::Ack).await;
            settle(their, Settlement::Ack).await;
        }
        rabbit.settle_down().await;
        if let Some(extra) = at_once(&mut theirs).await {
            return Err(differ("empty", &rabbit.show(&extra)));
        }
    }
    Ok(())
}

async fn consume(
    queue: usize,
    memory: &Side,
    rabbit: &Side,
) -> Result<Option<(Subscription, Subscription)>, String> {
    match (memory.consume(queue).await, rabbit.consume(queue).await) {
        (Some(ours), Some(theirs)) => Ok(Some((ours, theirs))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(differ("a queue", "none")),
        (None, Some(_)) => Err(differ("no queue", "one")),
    }
}

/// The next delivery of both sides, which say the same; none when there is none in memory.
async fn heads(
    ours: &mut Subscription,
    theirs: &mut Subscription,
    memory: &Side,
    rabbit: &Side,
) -> Result<Option<(Delivery, Delivery)>, String> {
    let Some(our) = at_once(ours).await else { return Ok(None) };
    let what = format!("{} on RabbitMQ too", memory.show(&our));
    let their = within(&what, theirs.next()).await;
    let their = their.expect("the consumer lives").expect("it goes on");
    match (memory.show(&our), rabbit.show(&their)) {
        (ours, theirs) if ours != theirs => Err(differ(&ours, &theirs)),
        _ => Ok(Some((our, their))),
    }
}

/// The next delivery if it is there already.
async fn at_once(subscription: &mut Subscription) -> Option<Delivery> {
    let mut next = pin!(subscription.next());
    match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
        Poll::Ready(next) => next.expect("the consumer lives"),
        Poll::Pending => None,
    }
}

fn differ(ours: &str, theirs: &str) -> String {
    format!("in memory {ours}, on RabbitMQ {theirs}")
}
