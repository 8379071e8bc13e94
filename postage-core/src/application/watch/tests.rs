//! What a watch makes of what it hears.

use tokio::time::timeout;

use super::*;
use crate::topology::{Binding, Exchange, ExchangeKind, Queue};
use crate::{Broker, Producer, message_processor};

const DEADLINE: Duration = Duration::from_secs(60);

struct Silent;

#[message_processor(crate = "crate")]
impl Silent {}

fn named(name: &str) -> Fingerprint {
    let mut fingerprint = Fingerprint::new(name, "application").vhost("/");
    (fingerprint.pid, fingerprint.host) = ("9".to_owned(), name.to_owned());
    fingerprint
}

async fn says(broker: &Broker, who: &Fingerprint, status: &'static str, start: &'static str) {
    let said = Producer::new(broker, who).status(status).to(Address::news());
    said.header(headers::START, start).await.expect("somebody watches");
}

async fn next(watch: &mut Watch) -> Change {
    timeout(DEADLINE, watch.next()).await.expect("a change").expect("it is watched")
}

/// A queue that takes what is sent to this one, who never answers.
async fn hung(broker: &Broker, who: &Fingerprint) {
    let address = Address::unique(who).to_string();
    let queue = Queue::new(address.clone()).durable(false);
    let queue = broker.declare_queue(&queue).await.expect("it is declared");
    broker.declare_exchange(&APPLICATIONS).await.expect("it is declared");
    let binding = Binding::new(APPLICATIONS, queue, address);
    broker.bind(&binding).await.expect("it is bound");
}

/// A watch that hears, and one who has told that it is there since and answers nothing.
async fn watched(broker: &Broker, first: &Fingerprint) -> Watch {
    hung(broker, first).await;
    let mut watch = broker.applications().watch();
    let heard = async {
        let online = || Producer::new(broker, first).status(ONLINE).to(Address::news());
        while online().header(headers::START, "1").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, heard).await.expect("it listens");
    assert_eq!(next(&mut watch).await, Change::Started(first.clone()));
    watch
}

#[tokio::test(start_paused = true)]
async fn another_start_of_the_same_fingerprint_is_another_application() {
    let (broker, lamp) = (Broker::memory(), named("lamp"));
    let mut watch = watched(&broker, &lamp).await;
    says(&broker, &lamp, ONLINE, "1").await;
    says(&broker, &lamp, ONLINE, "2").await;
    assert_eq!(next(&mut watch).await, Change::Vanished(lamp.clone()));
    assert_eq!(next(&mut watch).await, Change::Started(lamp.clone()));
    // The last word of the first is not that of the second.
    says(&broker, &lamp, OFFLINE, "1").await;
    says(&broker, &lamp, OFFLINE, "2").await;
    says(&broker, &named("bell"), ONLINE, "1").await;
    assert_eq!(next(&mut watch).await, Change::Stopped(lamp));
    assert_eq!(next(&mut watch).await, Change::Started(named("bell")));
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_says_which_start_it_is_and_so_do_its_news() {
    let broker = Broker::memory();
    let mut watch = watched(&broker, &named("lamp")).await;
    let bell = broker.serve(Silent).application("bell").host("tower").await.expect("a start");
    let who = bell.fingerprint().clone();
    assert_eq!(next(&mut watch).await, Change::Started(who.clone()));
    // Somebody else was there in its name meanwhile.
    says(&broker, &who, ONLINE, "another").await;
    assert_eq!(next(&mut watch).await, Change::Vanished(who.clone()));
    assert_eq!(next(&mut watch).await, Change::Started(who.clone()));
    assert_eq!(next(&mut watch).await, Change::Vanished(who.clone()));
    assert_eq!(next(&mut watch).await, Change::Found(who.clone()));
    bell.drain(DEADLINE).await;
    assert_eq!(next(&mut watch).await, Change::Stopped(who));
}

#[tokio::test(start_paused = true)]
async fn those_who_are_silent_keep_no_news_waiting() {
    let broker = Broker::memory();
    let mut watch = watched(&broker, &named("hung")).await;
    for place in 0..100 {
        let who = named(&format!("hung{place}"));
        hung(&broker, &who).await;
        says(&broker, &who, ONLINE, "1").await;
        assert_eq!(next(&mut watch).await, Change::Started(who));
    }
    hung(&broker, &named("lamp")).await;
    // While they are asked one by one and answer nothing.
    for _ in 0..40 {
        sleep(LOOK_FOR / 5).await;
        let begun = Instant::now();
        says(&broker, &named("lamp"), ONLINE, "1").await;
        assert_eq!(next(&mut watch).await, Change::Started(named("lamp")));
        says(&broker, &named("lamp"), OFFLINE, "1").await;
        assert_eq!(next(&mut watch).await, Change::Stopped(named("lamp")));
        assert!(begun.elapsed() < LOOK_FOR / 5, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_those_who_are_not_there_are_soon_found_out() {
    let broker = Broker::memory();
    let mut watch = watched(&broker, &named("lamp")).await;
    let mut forged: Vec<_> = (0..100).map(|place| named(&format!("forged{place}"))).collect();
    for who in &forged {
        says(&broker, who, ONLINE, "1").await;
        assert_eq!(next(&mut watch).await, Change::Started(who.clone()));
    }
    let begun = Instant::now();
    while !forged.is_empty() {
        let Change::Vanished(gone) = next(&mut watch).await else { panic!("one that is there") };
        forged.retain(|who| *who != gone);
    }
    assert!(begun.elapsed() < LOOK_EVERY * 4, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_can_have_no_address_is_not_known() {
    let broker = Broker::memory();
    let mut watch = watched(&broker, &named("lamp")).await;
    let mut odd: [Fingerprint; 5] = std::array::from_fn(|_| named("odd"));
    odd[0].pid = "9".repeat(300);
    odd[1].host = String::new();
    odd[2].name = "a/b".to_owned();
    odd[3].pid = "1@2".to_owned();
    odd[4].user = "u".repeat(300);
    for who in odd {
        says(&broker, &who, ONLINE, "1").await;
    }
    says(&broker, &named("bell"), ONLINE, "1").await;
    assert_eq!(next(&mut watch).await, Change::Started(named("bell")));
}

#[tokio::test]
async fn a_watch_knows_so_many_and_no_more() {
    let (sender, mut changes) = mpsc::channel(1);
    let mut watcher = Watcher::new(Broker::memory().applications(), sender);
    let known = |place| {
        let mut who = named("lamp");
        who.pid = format!("{place}");
        Known { fingerprint: who, start: None }
    };
    watcher.known.extend((0..MOST_KNOWN).map(|place| (known(place).address(), known(place))));
    assert!(watcher.note(known(MOST_KNOWN), Change::Started).await.is_ok());
    assert!(changes.try_recv().is_err());
    assert_eq!(watcher.known.len(), MOST_KNOWN);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_ends_and_says_why() {
    let broker = Broker::memory();
    let other = Exchange::new(APPLICATIONS.name().to_owned(), ExchangeKind::Fanout);
    broker.declare_exchange(&other).await.expect("it is declared");
    let mut watch = broker.applications().watch();
    assert_eq!(timeout(DEADLINE, watch.next()).await.expect("it ends"), None);
    let error = watch.error().expect("it says why").to_string();
    assert!(error.contains("PRECONDITION_FAILED"), "{error}");
}
