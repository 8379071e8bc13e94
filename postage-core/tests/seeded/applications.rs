//! Applications start, join and leave groups while their connection is lost again and again; when
//! it holds, each is where it should be.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::{Faults, FaultyTransport, MemoryTransport};
use postage_core::{Address, Application, ApplicationCommandsProducer, Queue, Stopped};
use tokio::time::{sleep, timeout};

const SEEDS: u64 = 200;

/// In paused time: what takes as long hangs.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Longer than any pause before a queue is brought back.
const SETTLED: Duration = Duration::from_secs(60);

struct Lamp;

#[message_processor]
impl Lamp {}

/// Joins and leaves, and ends in the group `night` only.
async fn moves(lamp: &Application) {
    for _ in 0..5 {
        lamp.join_group("night").await.expect("it is joined");
        lamp.leave_group("day").await.expect("it is left");
        lamp.join_group("day").await.expect("it is joined");
        lamp.leave_group("night").await.expect("it is left");
    }
    lamp.join_group("night").await.expect("it is joined");
    lamp.leave_group("day").await.expect("it is left");
}

/// Who answers at this address, in order.
async fn found(asking: &ApplicationCommandsProducer, address: impl Into<Address>) -> Vec<String> {
    let answers = asking.ping().to(address).answers(Duration::from_secs(1)).all().await;
    let mut pids: Vec<_> =
        answers.into_iter().filter_map(|answer| Some(answer.result.ok()?.pid)).collect();
    pids.sort();
    pids
}

/// One run; the number of faults in it.
async fn run(seed: u64) -> usize {
    let memory = MemoryTransport::new();
    let faults = Faults::none(seed).disconnects(0.05, Duration::from_millis(300));
    let transport = FaultyTransport::new(memory.connect(), faults);
    let lamps = Broker::over(transport.clone());
    let start = async || lamps.serve(Lamp).application("lamp").host("attic").group("day").await;
    let (one, two) = tokio::join!(start(), start());
    let (one, two) = (one.expect("it is started"), two.expect("it is started"));
    // Each by two at once.
    tokio::join!(moves(&one), moves(&one), moves(&two), moves(&two));
    transport.calm();
    sleep(SETTLED).await;

    let asking = Broker::over(memory.connect());
    let asking = ApplicationCommandsProducer::new(&asking, Fingerprint::new("run", "test"));
    let lamp = Address::name("lamp");
    let mut both = [&one, &two].map(|lamp| lamp.fingerprint().pid.clone());
    both.sort();
    let everywhere: [Address; 4] = [
        lamp.clone().into(),
        Address::host("attic"),
        lamp.group("night").into(),
        Address::everyone(),
    ];
    for address in everywhere {
        assert_eq!(found(&asking, address.clone()).await, both, "{address}");
    }
    for address in [lamp.in_turn(), lamp.on("attic").in_turn(), lamp.group("night").in_turn()] {
        let mut in_turn = found(&asking, address.clone()).await;
        in_turn.extend(found(&asking, address.clone()).await);
        in_turn.sort();
        assert_eq!(in_turn, both, "{address}");
    }
    for day in [Address::from(lamp.group("day")), lamp.group("day").in_turn()] {
        assert_eq!(found(&asking, day.clone()).await, [""; 0], "{day}");
    }
    for lamp in [one, two] {
        assert_eq!(lamp.groups(), ["night"]);
        let alone = found(&asking, Address::unique(lamp.fingerprint())).await;
        assert_eq!(alone, [lamp.fingerprint().pid.clone()]);
    }
    transport.log().faults.len()
}

#[test]
fn applications_are_where_they_should_be_after_any_losses() {
    let mut faults = 0;
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        let ran = runtime.block_on(async { timeout(AN_HOUR, run(seed)).await });
        faults += ran.expect("the run ends");
    }
    assert!(faults > 0, "losses that nothing met would prove nothing");
}

/// An application whose connection is lost, and another connection that has its address by then.
async fn locked_out() -> (FaultyTransport, Application, Broker) {
    let memory = MemoryTransport::new();
    let transport = FaultyTransport::new(memory.connect(), Faults::none(1));
    let lamps = Broker::over(transport.clone());
    let lamp = lamps.serve(Lamp).application("lamp").host("cellar").await.expect("it is started");
    transport.disconnect(Duration::from_secs(1));
    let other = Broker::over(memory.connect());
    let own = Queue::new(Address::unique(lamp.fingerprint()).to_string());
    let own = own.durable(false).exclusive(true).auto_delete(true);
    other.declare_queue(&own).await.expect("the old one has gone with its connection");
    (transport, lamp, other)
}

/// Whether all its queues are consumed.
fn is_back(lamp: &Application) -> bool {
    lamp.description().queues.iter().all(|queue| queue.consumed)
}

#[tokio::test(start_paused = true)]
async fn an_application_waits_while_the_broker_keeps_its_old_queue_locked() {
    let (_transport, lamp, other) = locked_out().await;
    // As with a heartbeat of 60 s that the broker waits for three times.
    assert!(timeout(Duration::from_secs(180), lamp.stopped()).await.is_err());
    assert!(!is_back(&lamp));
    other.close().await.expect("it is closed");
    sleep(SETTLED).await;
    assert!(is_back(&lamp));
}

#[tokio::test(start_paused = true)]
async fn an_application_whose_address_another_keeps_stops_and_says_why() {
    let (_transport, lamp, _other) = locked_out().await;
    let stopped = timeout(Duration::from_secs(600), lamp.stopped()).await.expect("it stops");
    let Stopped::Failed(error) = stopped else { panic!("{stopped:?}") };
    assert!(error.to_string().contains("RESOURCE_LOCKED"), "{error}");
}
