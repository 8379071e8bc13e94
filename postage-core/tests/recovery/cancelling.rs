//! Callers that leave while a line fails: theirs, or that of the service.

use std::sync::Arc;
use std::time::Duration;

use postage_core::__private as p;
use postage_core::{Broker, CallFault, Serving};
use testbed::Proxy;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{Place, connect, direct, line, until_lost, until_session, watchful, within};

/// Counts the handlers that run and those that have begun. They never end by themselves.
#[derive(Default)]
struct Guard {
    counts: watch::Sender<(u32, u32)>,
}

struct Runs<'a>(&'a Guard);

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        self.0.counts.send_modify(|(running, _)| *running -= 1);
    }
}

impl Guard {
    async fn until(&self, running: u32, begun: u32) {
        let mut counts = self.counts.subscribe();
        let what = format!("{running} handlers of {begun}");
        within(&what, counts.wait_for(|counts| *counts == (running, begun))).await.unwrap();
    }
}

impl p::MessageProcessor for Guard {
    const NAME: &'static str = "Guard";
    const TABLE: &'static [&'static [p::Method]] =
        &[&[p::Method::rpc("command", "guard", "guard", &[], "u32").cancellable()]];

    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new()
    }

    fn dispatch<'a>(&'a self, _: usize, request: p::Request<'a>) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            self.counts
                .send_modify(|(running, begun)| (*running, *begun) = (*running + 1, *begun + 1));
            let _runs = Runs(self);
            std::future::pending::<()>().await;
            request.answer(1).await
        })
    }
}

async fn served(place: &Place, broker: &Broker) -> (Arc<Guard>, Serving) {
    let guard = Arc::new(Guard::default());
    let serve = broker.serve(Arc::clone(&guard)).bind(
        place.exchange.clone(),
        place.queue.clone(),
        place.key.clone(),
    );
    let serving = within("a service", serve.into_future()).await.unwrap();
    (guard, serving)
}

/// A call whose handler runs. Its time is far longer than that of the test.
async fn guarded(
    place: &Place,
    broker: &Broker,
    guard: &Guard,
) -> JoinHandle<Result<u32, CallFault>> {
    let call = place.producer(broker).rpc::<u32>("guard", ()).cancellable();
    let call = tokio::spawn(call.timeout(Duration::from_secs(600)));
    guard.until(1, 1).await;
    call
}

async fn gone(call: JoinHandle<Result<u32, CallFault>>) {
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
}

async fn down(line: &Proxy, broker: &Broker) {
    line.refuse();
    line.cut();
    until_lost(broker).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_while_its_line_is_down_is_cancelled_when_it_is_there_again() {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (guard, _serving) = served(&place, &services).await;
    let broker = connect(watchful(&line)).await;
    let call = guarded(&place, &broker, &guard).await;
    down(&line, &broker).await;
    gone(call).await;
    line.restore().unwrap();
    guard.until(0, 1).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_into_a_black_hole_is_cancelled_by_the_next_connection() {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (guard, _serving) = served(&place, &services).await;
    let broker = connect(watchful(&line)).await;
    let call = guarded(&place, &broker, &guard).await;
    line.black_hole();
    gone(call).await;
    until_lost(&broker).await;
    line.restore().unwrap();
    guard.until(0, 1).await;
}

#[tokio::test]
async fn a_service_whose_line_was_down_asks_and_stops_the_handler_of_a_caller_that_left() {
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line)).await;
    let (guard, _serving) = served(&place, &broker).await;
    let callers = direct().await;
    let call = guarded(&place, &callers, &guard).await;
    down(&line, &broker).await;
    gone(call).await;
    line.restore().unwrap();
    until_session(&broker, 2).await;
    guard.until(0, 1).await;
    // Its request, which comes again before this one, does not begin.
    let next = tokio::spawn(place.producer(&callers).rpc::<u32>("guard", ()).cancellable());
    guard.until(1, 2).await;
    gone(next).await;
    guard.until(0, 2).await;
}

#[tokio::test]
async fn a_caller_that_comes_back_after_its_line_was_cut_is_still_served() {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (guard, _serving) = served(&place, &services).await;
    let broker = connect(watchful(&line)).await;
    let call = guarded(&place, &broker, &guard).await;
    line.cut();
    until_session(&broker, 2).await;
    // Its request is sent again; the handler that runs is not stopped by that.
    let other = guarded_again(&place, &broker, &guard).await;
    gone(call).await;
    guard.until(1, 2).await;
    gone(other).await;
    guard.until(0, 2).await;
}

async fn guarded_again(
    place: &Place,
    broker: &Broker,
    guard: &Guard,
) -> JoinHandle<Result<u32, CallFault>> {
    let call = tokio::spawn(place.producer(broker).rpc::<u32>("guard", ()).cancellable());
    guard.until(2, 2).await;
    call
}
