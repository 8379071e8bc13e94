//! Signals: messages that come in time or not at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{FieldValue, Retry};

use crate::world::{
    Anywhere, Gate, Place, Voice, World, left_in, line, next, publish, seen, within,
};

/// Longer than any case takes, and shorter than a machine under load may stand still.
const LONG: Duration = Duration::from_secs(60);

#[producer(exchange = Anywhere, key = "unused")]
trait Clock {
    /// Says what time it is.
    #[signal(ttl = "60s")]
    async fn tick(&self, time: u32);

    #[message]
    async fn mend(&self, part: &str);
}

struct Tower {
    voice: Voice,
    gate: Gate,
}

#[message_processor]
impl Clock for Tower {
    async fn tick(&self, #[context] cx: &Context, time: u32) {
        assert!(cx.deadline().is_some_and(|late| late > SystemTime::now()));
        self.voice.say(format!("tick {time}"));
    }

    async fn mend(&self, part: &str) {
        self.voice.say(format!("mend {part}"));
        self.gate.pass().await;
    }

    #[message_handler]
    async fn chime(&self, #[context] cx: &Context, hour: u32) -> Result<(), String> {
        self.voice.say(format!("chime {hour}, failed {}", cx.failures()));
        Err("the bell is cracked".to_owned())
    }
}

on_every_broker! {
    a_signal_in_time_is_handled,
    a_signal_has_the_properties_that_are_promised,
    a_signal_that_waited_too_long_for_a_handler_is_dropped_and_no_dead_letter,
    a_signal_that_is_late_when_it_comes_is_dropped_however_short_it_was_in_its_queue,
    a_signal_that_failed_is_not_tried_again_when_it_is_late,
}

fn clock(broker: &Broker, place: &Place) -> ClockProducer {
    let clock = ClockProducer::new(broker, Fingerprint::new("clock", "test"));
    clock.with(|producer| producer.eks(place.eks()))
}

fn millis(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

async fn a_signal_in_time_is_handled(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Tower { voice, gate: Gate::shut() }).await;
    within("the send", clock(&broker, &place).tick(12)).await.expect("it is sent");
    assert_eq!(ear.hears().await, "tick 12");
}

async fn a_signal_has_the_properties_that_are_promised(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let mut sent = place.consume(&broker).await;
    let clock = clock(&broker, &place);
    for (send, ttl) in [
        (clock.tick(1), LONG),
        (clock.tick(2).ttl(Duration::from_secs(30)), Duration::from_secs(30)),
        (clock.producer().command("tick", 3).signal(LONG), LONG),
    ] {
        let before = millis(SystemTime::now());
        within("the send", send).await.expect("it is sent");
        let after = millis(SystemTime::now());
        let Properties { persistent, expiration, headers, .. } = seen(&mut sent).await.properties;
        assert_eq!((persistent, expiration), (false, Some(ttl)));
        assert_eq!(headers.get("postage-signal"), Some(&FieldValue::Bool(true)));
        let late = headers.get("postage-deadline").and_then(FieldValue::as_int).unwrap();
        let ttl = i64::try_from(ttl.as_millis()).unwrap();
        assert!((before + ttl..=after + ttl).contains(&late), "{late}");
    }
    within("the send", clock.mend("hand")).await.expect("it is sent");
    let message = seen(&mut sent).await.properties;
    assert_eq!((message.persistent, message.header("postage-deadline")), (true, None));
}

async fn a_signal_that_waited_too_long_for_a_handler_is_dropped_and_no_dead_letter(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (voice, mut ear) = line();
    let tower = std::sync::Arc::new(Tower { voice, gate: Gate::shut() });
    let serve = |serve: postage_core::Serve| serve.concurrency(1);
    let _serving = place.serve_with(&broker, std::sync::Arc::clone(&tower), serve).await;
    let clock = clock(&broker, &place);
    within("the send", clock.mend("hand")).await.expect("it is sent");
    assert_eq!(ear.hears().await, "mend hand");
    // The only place is taken until its time is up, of which the broker does not know.
    let late = SystemTime::now() + Duration::from_millis(50);
    publish(&broker, &place, signal(late), tick(7)).await;
    while SystemTime::now() < late {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tower.gate.open(2);
    within("the send", clock.mend("wheel")).await.expect("it is sent");
    assert_eq!(ear.hears().await, "mend wheel", "the signal was not handled late");
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn a_signal_that_is_late_when_it_comes_is_dropped_however_short_it_was_in_its_queue(
    world: World,
) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Tower { voice, gate: Gate::shut() }).await;
    let mut late = signal(SystemTime::now() - Duration::from_millis(1));
    publish(&broker, &place, late.clone(), tick(7)).await;
    // Of a message that is no signal the deadline is its caller's affair.
    let odd = tick(7).replace("tick", "chime").replace("time", "hour");
    late.headers.remove("postage-signal");
    publish(&broker, &place, late, odd).await;
    assert_eq!(ear.hears().await, "chime 7, failed 0");
    let mut dead = place.dead_letters(&broker).await;
    assert_eq!(next(&mut dead).await.properties.header("postage-signal"), None);
}

async fn a_signal_that_failed_is_not_tried_again_when_it_is_late(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (voice, mut ear) = line();
    let retry = Retry::new(3).first_pause(Duration::from_secs(6));
    let serve = |serve: postage_core::Serve| serve.retry(retry);
    let _serving = place.serve_with(&broker, Tower { voice, gate: Gate::shut() }, serve).await;
    let clock = clock(&broker, &place);
    let chime = |hour: u32, ttl| clock.producer().command("chime", hour).signal(ttl);
    within("the send", chime(1, Duration::from_secs(5))).await.expect("it is sent");
    within("the send", chime(2, LONG)).await.expect("it is sent");
    let mut heard = vec![ear.hears().await, ear.hears().await, ear.hears().await];
    heard.sort();
    assert_eq!(heard, ["chime 1, failed 0", "chime 2, failed 0", "chime 2, failed 1"]);
}

/// A signal by hand, without a time that the broker knows.
fn signal(late: SystemTime) -> Properties {
    let mut signal = Properties::default();
    signal.set_header("postage-signal", true);
    signal.set_header("postage-deadline", millis(late));
    signal
}

fn tick(time: u32) -> String {
    format!(
        r#"{{"type":"command","name":"tick","category":"message","content":{{"parameters":{{"time":{time}}}}}}}"#
    )
}
