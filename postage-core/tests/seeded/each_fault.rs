//! Each fault by itself does what its documentation says.

use std::time::Duration;

use postage_core::transport::{
    ConnectionState, Delivery, FaultKind, Faults, FaultyTransport, MemoryTransport, Properties,
    Publication, Settlement, Source, Subscription, Transport, TransportError,
};
use postage_core::{Queue, Route};
use tokio::time::{Instant, timeout};

const QUEUE: &str = "letters";
const MOMENT: Duration = Duration::from_millis(100);

/// A queue that has no faults, and a faulty connection to it.
async fn faulty(faults: Faults) -> (MemoryTransport, FaultyTransport) {
    let memory = MemoryTransport::new();
    memory.declare_queue(&Queue::new(QUEUE)).await.expect("a queue");
    let transport = FaultyTransport::new(memory.connect(), faults);
    (memory, transport)
}

fn letter(text: &'static str, confirm: bool) -> Publication {
    let mut properties = Properties::default();
    properties.message_id = Some(text.into());
    Publication::new(Route::to_queue(QUEUE), properties, text).mandatory(confirm).confirm(confirm)
}

async fn send(transport: &impl Transport, texts: &[&'static str]) {
    for text in texts {
        transport.publish(letter(text, true)).await.expect("it is taken");
    }
}

async fn consume(transport: &impl Transport) -> Subscription {
    transport.consume(Source::new(QUEUE)).await.expect("a consumer")
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

/// What comes until nothing has come for a second, each acknowledged.
async fn all(letters: &mut Subscription) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(Ok(Some(delivery))) = timeout(Duration::from_secs(1), letters.next()).await {
        texts.push(text(&delivery));
        delivery.settle(Settlement::Ack).await.expect("it is settled");
    }
    texts
}

fn is_disconnected<T>(result: &Result<T, TransportError>) -> bool {
    matches!(result, Err(TransportError::Disconnected { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_lost_publication_is_nowhere_and_only_who_waits_for_a_confirm_hears_of_it() {
    let (memory, transport) = faulty(Faults::none(1).lost_publications(1.0)).await;
    assert!(is_disconnected(&transport.publish(letter("a", true)).await));
    transport.publish(letter("b", false)).await.expect("nothing is heard");
    assert!(transport.state().borrow().is_connected());
    assert!(all(&mut consume(&memory).await).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_confirm_is_lost_is_there() {
    let (memory, transport) = faulty(Faults::none(1).lost_confirms(1.0)).await;
    assert!(is_disconnected(&transport.publish(letter("a", true)).await));
    assert_eq!(all(&mut consume(&memory).await).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubled_publication_is_there_twice() {
    let (memory, transport) = faulty(Faults::none(1).doubled_publications(1.0)).await;
    send(&transport, &["a"]).await;
    assert_eq!(all(&mut consume(&memory).await).await, ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubled_delivery_comes_twice_and_is_settled_once() {
    let (memory, transport) = faulty(Faults::none(1).doubled_deliveries(1.0)).await;
    send(&transport, &["a"]).await;
    let mut letters = consume(&transport).await;
    let first = letters.next().await.expect("a delivery").expect("the first");
    let second = letters.next().await.expect("a delivery").expect("the second");
    assert_eq!((text(&first), text(&second)), ("a".to_owned(), "a".to_owned()));
    assert_eq!((first.redelivered, second.redelivered), (false, true));
    second.settle(Settlement::Ack).await.expect("it counts as settled");
    first.settle(Settlement::Requeue).await.expect("it goes back");
    drop(letters);
    assert_eq!(all(&mut consume(&memory).await).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn delays_are_bounded_and_keep_the_order() {
    let (_memory, transport) = faulty(Faults::none(5).delays(1.0, MOMENT)).await;
    let begun = Instant::now();
    send(&transport, &["a", "b", "c"]).await;
    assert!(begun.elapsed() > Duration::ZERO && begun.elapsed() <= 3 * MOMENT);
    let mut letters = consume(&transport).await;
    let begun = Instant::now();
    for expected in ["a", "b", "c"] {
        let delivery = letters.next().await.expect("a delivery").expect("a letter");
        assert_eq!(text(&delivery), expected);
    }
    assert!(begun.elapsed() > Duration::ZERO && begun.elapsed() <= MOMENT, "side by side");
}

#[tokio::test(start_paused = true)]
async fn a_reordered_delivery_lets_no_more_pass_than_the_window_and_waits_for_nobody() {
    let (memory, transport) = faulty(Faults::none(3).reorderings(0.3, 2)).await;
    let texts = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    send(&memory, &texts).await;
    let came = all(&mut consume(&transport).await).await;
    assert_ne!(came, texts);
    for (place, text) in texts.iter().enumerate() {
        let passed = came.iter().take_while(|came| came != text);
        assert!(passed.filter(|came| ***came > **text).count() <= 2, "{place}: {came:?}");
    }
    let (memory, transport) = faulty(Faults::none(3).reorderings(1.0, 2)).await;
    send(&memory, &["alone"]).await;
    assert_eq!(all(&mut consume(&transport).await).await, ["alone"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_takes_its_own_queues_along_and_comes_back_under_the_next_number() {
    let (memory, transport) = faulty(Faults::none(1)).await;
    let own = transport.declare_queue(&Queue::server_named()).await.expect("a queue");
    send(&memory, &["a"]).await;
    let mut letters = consume(&transport).await;
    let unsettled = letters.next().await.expect("a delivery").expect("a letter");
    let mut state = transport.state();
    transport.disconnect(MOMENT);
    assert!(matches!(*state.borrow_and_update(), ConnectionState::Reconnecting { .. }));
    assert!(is_disconnected(&transport.publish(letter("b", true)).await));
    assert!(is_disconnected(&letters.next().await));
    assert!(is_disconnected(&unsettled.settle(Settlement::Ack).await));
    let begun = Instant::now();
    state.changed().await.expect("it is told");
    assert!(matches!(*state.borrow(), ConnectionState::Connected { session: 2 }));
    assert_eq!(begun.elapsed(), MOMENT);
    let gone = transport.consume(Source::new(own)).await;
    assert!(matches!(gone, Err(TransportError::Refused { .. })), "{gone:?}");
    assert_eq!(all(&mut consume(&transport).await).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_while_it_is_lost_stays_closed() {
    let (_memory, transport) = faulty(Faults::none(1)).await;
    let mut state = transport.state();
    transport.disconnect(MOMENT);
    transport.close().await.expect("it closes");
    let back = timeout(10 * MOMENT, state.wait_for(ConnectionState::is_connected)).await;
    assert!(back.is_err());
    assert!(matches!(*transport.state().borrow(), ConnectionState::Closed));
    assert!(is_disconnected(&transport.declare_queue(&Queue::new("more")).await));
}

#[tokio::test(start_paused = true)]
async fn after_the_calm_nothing_goes_wrong_and_the_log_says_what_did() {
    let always = Faults::none(1).disconnects(1.0, MOMENT);
    let (memory, transport) = faulty(always).await;
    let other = transport.connect();
    assert!(is_disconnected(&other.publish(letter("a", true)).await));
    transport.calm();
    send(&transport, &["b"]).await;
    let mut state = other.state();
    state.wait_for(ConnectionState::is_connected).await.expect("it comes back");
    send(&other, &["c"]).await;
    let log = transport.log();
    assert!(
        matches!(log.faults[..], [ref fault] if fault.connection == 2
        && matches!(fault.kind, FaultKind::Disconnected { .. })),
        "{log}"
    );
    assert!(log.to_string().contains("a publication to queue `letters`"), "{log}");
    let came = all(&mut consume(&memory).await).await;
    assert!(came.ends_with(&["b".to_owned(), "c".to_owned()]), "{came:?}");
}
