//! Whole applications over a harness, and mocks of them.

use postage_core::prelude::*;
use postage_core::testing::{Canned, Harness, Mock};
use postage_core::{APPLICATIONS, Address};

/// What one may ask of any monitor.
#[producer(application)]
pub(crate) trait Monitor {
    #[message]
    async fn note(&self, text: &str);
}

/// What one may ask of the monitor.
#[producer(application = "monitor")]
pub(crate) trait Counter {
    #[rpc]
    async fn noted(&self) -> u64;
}

struct Notes;

#[message_processor]
impl Monitor for Notes {
    async fn note(&self, text: &str) {
        assert!(!text.is_empty(), "a note without a text");
    }
}

struct Counts;

#[message_processor]
impl Counter for Counts {
    async fn noted(&self) -> u64 {
        2
    }
}

#[tokio::test]
async fn an_application_of_two_processors_is_driven_by_its_addresses() {
    let harness = Harness::new();
    let start = harness.broker().serve(Notes).and(Counts).application("monitor").host("here");
    let application = start.await.unwrap();
    let me = Fingerprint::new("outsider", "test");
    let monitors = MonitorProducer::new(harness.outside(), me.clone());
    let counter = CounterProducer::new(harness.outside(), me);

    monitors.note("rain").to(Address::name("monitor")).await.unwrap();
    monitors.note("").to(Address::unique(application.fingerprint())).await.unwrap();
    assert_eq!(counter.noted().await.unwrap(), 2);
    harness.idle().await;

    let [rain, empty] = harness.received("note").all();
    rain.assert_acked();
    assert_eq!(rain.parameter::<String>("text"), "rain");
    empty.assert_rejected("a note without a text");
    let noted = harness.received("noted").only();
    noted.assert_acked();
    assert_eq!(noted.route.key(), "monitor/rr");
    // What it does by itself is there too: it says that it has started.
    assert_eq!(harness.sent("online").only().route.exchange(), APPLICATIONS.name());
}

#[tokio::test]
async fn an_application_is_mocked_at_its_addresses() {
    let broker = Broker::memory();
    let me = Fingerprint::new("outsider", "test");
    let counts = Mock::serve(&broker, Counter).await.unwrap();
    counts.always("noted", Canned::value(7));
    assert_eq!(CounterProducer::new(&broker, me.clone()).noted().await.unwrap(), 7);

    let harness = Harness::new();
    let monitors = Mock::serve(harness.outside(), Monitor).await.unwrap();
    monitors.bind(&APPLICATIONS, "night@here").await.unwrap();
    let client = MonitorProducer::new(harness.broker(), me);
    client.note("rain").to(Address::name("night").on("here")).await.unwrap();
    harness.idle().await;
    assert_eq!(monitors.calls::<String>("note"), ["rain"]);
}
