//! Applications start, join and leave groups while their connection is lost again and again; when
//! it holds, each is where it should be.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::{Faults, FaultyTransport, MemoryTransport};
use postage_core::{Address, Application, ApplicationCommandsProducer};
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
