//! Calls that ask how the work goes, while lines fail.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{CallFault, Event, Events};

use crate::desk::Desk;
use crate::world::{
    Place, connect, direct, line, patient, until_lost, until_session, watchful, within,
};

const BEAT: Duration = Duration::from_millis(100);

async fn next(events: &mut Events<u64>) -> Event<u64> {
    within("an event", events.next()).await.unwrap()
}

/// A call until its handler reports and waits.
async fn begun(events: &mut Events<u64>) {
    assert!(matches!(next(events).await, Event::Accepted));
    assert!(matches!(next(events).await, Event::Started));
    assert!(matches!(next(events).await, Event::Progress(progress) if progress.completed == 1));
}

/// How far a call had come before its end, which is a value.
async fn last_progress(mut events: Events<u64>) -> u64 {
    let mut last = 0;
    loop {
        match next(&mut events).await {
            Event::Progress(progress) => last = progress.completed,
            Event::Ended(Ok(8)) => return last,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_service_in_a_black_hole_is_silent_to_its_caller_before_anybody_notices_the_loss() {
    let (place, line) = (Place::new(), line());
    let broker = connect(patient(&line)).await;
    let desk = Arc::new(Desk::default());
    let _serving = place.serve(&broker, &desk).await.unwrap();
    desk.shut();
    let callers = direct().await;
    let call = place.producer(&callers).rpc::<u64>("double", 4).heartbeat(BEAT);
    let mut events = call.timeout(Duration::from_secs(600)).max_retry(0).events();
    begun(&mut events).await;
    line.black_hole();
    match next(&mut events).await {
        Event::Ended(Err(CallFault::Silent { silent, .. })) => assert!(silent >= BEAT * 3),
        other => panic!("{other:?}"),
    }
    assert!(broker.state().borrow().is_connected(), "the service itself knows of nothing yet");
}

#[tokio::test]
async fn a_caller_whose_line_is_cut_is_told_further_where_it_is_next() {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (desk, _serving) = place.served(&services).await;
    desk.shut();
    let broker = connect(watchful(&line)).await;
    let mut events = place.producer(&broker).rpc::<u64>("double", 4).events();
    begun(&mut events).await;
    line.cut();
    // The request is sent again, and what was said last is said again.
    assert!(
        matches!(next(&mut events).await, Event::Progress(progress) if progress.completed == 1)
    );
    until_session(&broker, 2).await;
    desk.open();
    assert_eq!(last_progress(events).await, 2);
    assert!(desk.seen().asked_once());
}

#[tokio::test]
async fn what_a_service_says_last_while_its_line_is_cut_is_told_before_the_answer() {
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line)).await;
    let (desk, _serving) = place.served(&broker).await;
    desk.shut();
    let callers = direct().await;
    let mut events = place.producer(&callers).rpc::<u64>("double", 4).events();
    begun(&mut events).await;
    line.refuse();
    until_lost(&broker).await;
    desk.open();
    desk.until("the work to be done", |seen| seen.asked.contains_key(&4)).await;
    line.restore().unwrap();
    assert_eq!(last_progress(events).await, 2);
    assert!(desk.seen().asked_once());
}

#[tokio::test]
async fn a_caller_in_a_black_hole_takes_no_service_for_silent() {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (desk, _serving) = place.served(&services).await;
    desk.shut();
    let broker = connect(watchful(&line)).await;
    let call = place.producer(&broker).rpc::<u64>("double", 4).heartbeat(BEAT);
    let mut events = call.events();
    begun(&mut events).await;
    line.black_hole();
    // Ten heartbeats and more: the call would have been given up long before.
    let waited = tokio::time::timeout(Duration::from_secs(30), until_lost(&broker));
    tokio::select! {
        lost = waited => assert!(lost.unwrap() > BEAT * 10),
        event = events.next() => panic!("{event:?}"),
    }
    line.restore().unwrap();
    // The request is sent again, and what was said last is said again.
    assert!(
        matches!(next(&mut events).await, Event::Progress(progress) if progress.completed == 1)
    );
    desk.open();
    assert_eq!(last_progress(events).await, 2);
    assert!(desk.seen().asked_once());
}
