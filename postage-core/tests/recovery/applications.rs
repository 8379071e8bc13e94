//! An application is on the network as before, by all its addresses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postage_core::{
    Address, Application, ApplicationCommandsProducer, Broker, Change, Config, Fingerprint,
    NamedAddress, Producer, SendError, StartApplication, Watch,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::desk::Desk;
use crate::world::{
    SLACK, connect, direct, killed, line, node, restarted, until, until_lost, until_session,
    watchful, within,
};

/// How long an application waits for its last word to be taken.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Two applications of one name on one host, of one connection, and who sends to them.
struct Stage {
    names: Names,
    services: Broker,
    producer: Producer,
    commands: ApplicationCommandsProducer,
    desks: [Arc<Desk>; 2],
    applications: [Application; 2],
}

/// A name and a host that no other test has.
struct Names {
    name: String,
    host: String,
}

impl Names {
    fn new() -> Self {
        let suffix = Uuid::new_v4().simple();
        Self { name: format!("monitor-{suffix}"), host: format!("attic-{suffix}") }
    }

    fn named(&self) -> NamedAddress {
        Address::name(&self.name)
    }

    fn application(&self, broker: &Broker, desk: &Arc<Desk>) -> StartApplication {
        broker.serve(Arc::clone(desk)).application(&*self.name).host(&*self.host)
    }

    async fn start(&self, broker: &Broker) -> Application {
        let application = self.application(broker, &Arc::default());
        within("an application", application.into_future()).await.unwrap()
    }
}

impl Stage {
    /// Both are in the group `given` from the start, and have joined `joined` and left `left` since.
    async fn of(services: Broker, senders: &Broker) -> Self {
        let names = Names::new();
        let desks: [Arc<Desk>; 2] = Default::default();
        let start = async |desk| {
            let application = names.application(&services, desk).group("given");
            let application = within("an application", application.into_future()).await.unwrap();
            for group in ["joined", "left"] {
                within("the group", application.join_group(group)).await.unwrap();
            }
            within("the leaving", application.leave_group("left")).await.unwrap();
            application
        };
        let applications = [start(&desks[0]).await, start(&desks[1]).await];
        let producer = Producer::new(senders, Fingerprint::new("test", "test"));
        let commands = ApplicationCommandsProducer::new(senders, Fingerprint::new("test", "test"));
        Self { names, services, producer, commands, desks, applications }
    }

    /// Waits until both consume all their queues in this session.
    async fn until_back(&self, wanted: u64) {
        until_session(&self.services, wanted).await;
        for application in &self.applications {
            let there = async || {
                let described = application.description();
                described.connections == wanted
                    && described.queues.iter().all(|queue| queue.consumed)
            };
            until("all queues to be consumed", there).await;
        }
    }

    /// Each address reaches exactly those that it should, and nobody is in a group that was left.
    async fn reached(&self, round: u64) {
        let (named, host) = (self.names.named(), &self.names.host);
        let [one, two] = self.applications.each_ref().map(Application::fingerprint);
        let ways: [(Address, u64, [u32; 2]); 12] = [
            (named.clone().into(), 1, [1, 1]),
            (named.in_turn(), 4, [2, 2]),
            (Address::host(host), 1, [1, 1]),
            (named.on(host).into(), 1, [1, 1]),
            (named.on(host).in_turn(), 4, [2, 2]),
            (named.group("given").into(), 1, [1, 1]),
            (named.group("given").in_turn(), 4, [2, 2]),
            (named.group("joined").into(), 1, [1, 1]),
            (named.group("joined").in_turn(), 4, [2, 2]),
            (Address::unique(one), 1, [1, 0]),
            (Address::unique(two), 1, [0, 1]),
            (named.in_turn(), 2, [1, 1]),
        ];
        let numbered = || ways.iter().zip(round * 100..);
        for ((address, times, _), number) in numbered() {
            for _ in 0..*times {
                let told = self.producer.command("tell", number).to(address.clone());
                within("a confirm", told).await.unwrap();
            }
        }
        for (place, desk) in self.desks.iter().enumerate() {
            let expected: BTreeMap<u64, u32> = numbered()
                .map(|((.., expected), number)| (number, expected[place]))
                .filter(|(_, times)| *times > 0)
                .collect();
            let of_round = |seen: &crate::desk::Seen| -> BTreeMap<u64, u32> {
                let told = seen.told.iter().map(|(number, times)| (*number, *times));
                told.filter(|(number, _)| number / 100 == round).collect()
            };
            let sum = |told: &BTreeMap<u64, u32>| told.values().sum::<u32>();
            desk.until("all to be told", |seen| sum(&of_round(seen)) >= sum(&expected)).await;
            assert_eq!(of_round(&desk.seen()), expected, "application {place}, round {round}");
        }
        for application in &self.applications {
            assert_eq!(application.groups(), ["given", "joined"]);
            let who = application.fingerprint();
            let found = within("a ping", self.commands.ping().to(Address::unique(who))).await;
            assert_eq!(&found.unwrap(), who);
        }
        let left = self.producer.command("tell", 0).to(named.group("left"));
        let left = within("the error", left).await;
        assert!(matches!(left, Err(SendError::Unroutable { .. })), "{left:?}");
    }
}

#[tokio::test]
async fn after_each_cut_its_addresses_groups_and_fingerprint_are_as_before() {
    let line = line();
    let senders = direct().await;
    let stage = Stage::of(connect(watchful(&line)).await, &senders).await;
    stage.reached(1).await;
    for session in 2..=4 {
        line.cut();
        stage.until_back(session).await;
        stage.reached(session).await;
    }
    // In turn to a group that was left, it waits for whoever joins: nobody has taken it.
    let told = stage.producer.command("tell", 7).to(stage.names.named().group("left").in_turn());
    within("a confirm", told).await.unwrap();
    line.cut();
    stage.until_back(5).await;
    within("the group", stage.applications[0].join_group("left")).await.unwrap();
    stage.desks[0].until_told([7]).await;
    within("the leaving", stage.applications[0].leave_group("left")).await.unwrap();
    stage.reached(5).await;
    assert!(!stage.desks[1].seen().told.contains_key(&7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_broker_was_killed_its_addresses_groups_and_fingerprint_are_as_before() {
    let node = node().await;
    let senders = connect(Config::new(node.url())).await;
    let stage = Stage::of(connect(Config::new(node.url())).await, &senders).await;
    let mut watch = connect(Config::new(node.url())).await.applications().watch();
    let [one, two] = stage.applications.each_ref().map(|one| one.fingerprint().clone());
    found(&mut watch, [&one, &two]).await;
    stage.reached(1).await;

    let _node = restarted(killed(node).await).await;
    stage.until_back(2).await;
    stage.reached(2).await;
    // Nobody was missed meanwhile: what is heard next is new.
    let third = stage.names.start(&senders).await;
    assert_eq!(heard_of(&mut watch).await, third.fingerprint().pid);
    let [first, second] = stage.applications;
    for (application, who) in [(first, one), (second, two)] {
        within("the drain", application.drain(Duration::from_secs(10))).await;
        assert_eq!(next(&mut watch).await, Change::Stopped(who));
    }
}

/// Waits until these, and nobody else, were found.
async fn found<const N: usize>(watch: &mut Watch, who: [&Fingerprint; N]) {
    let mut pids = Vec::new();
    for _ in who {
        pids.push(heard_of(watch).await);
    }
    pids.sort();
    let mut wanted = who.map(|who| who.pid.clone());
    wanted.sort();
    assert_eq!(pids, wanted);
}

async fn next(watch: &mut Watch) -> Change {
    within("a change", watch.next()).await.unwrap()
}

/// The process of whom the next change says that it is there.
async fn heard_of(watch: &mut Watch) -> String {
    match next(watch).await {
        Change::Found(who) | Change::Started(who) => who.pid,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_goes_on_over_a_loss_and_knows_whom_it_knew() {
    let (node, names) = (node().await, Names::new());
    let line = testbed::Proxy::start_before(&node.url()).unwrap();
    let watching = connect(watchful(&line)).await;
    let services = connect(Config::new(node.url())).await;
    let one = names.start(&services).await;
    let mut watch = watching.applications().watch();
    found(&mut watch, [one.fingerprint()]).await;

    line.refuse();
    until_lost(&watching).await;
    // Nobody hears that it starts.
    let two = names.start(&services).await;
    line.restore().unwrap();
    assert_eq!(next(&mut watch).await, Change::Found(two.fingerprint().clone()));
    for application in [one, two] {
        let who = application.fingerprint().clone();
        within("the drain", application.drain(Duration::from_secs(10))).await;
        assert_eq!(next(&mut watch).await, Change::Stopped(who));
    }
}

#[tokio::test]
async fn a_watch_hears_that_one_stops_before_its_handlers_have_ended() {
    let (node, names) = (node().await, Names::new());
    let services = connect(Config::new(node.url())).await;
    let desk = Arc::new(Desk::default());
    let application = names.application(&services, &desk).into_future();
    let application = within("an application", application).await.unwrap();
    let who = application.fingerprint().clone();
    let mut watch = services.applications().watch();
    found(&mut watch, [&who]).await;
    desk.shut();
    let producer = Producer::new(&services, Fingerprint::new("test", "test"));
    within("a confirm", producer.command("tell", 1).to(names.named())).await.unwrap();
    desk.until_begun(1).await;

    let drain = tokio::spawn(application.drain(Duration::from_secs(60)));
    assert_eq!(next(&mut watch).await, Change::Stopped(who));
    desk.open();
    let drained = within("the drain", drain).await.unwrap();
    assert_eq!((drained.finished, drained.cut_off), (1, 0));
}

#[tokio::test]
async fn groups_are_joined_and_left_while_there_is_no_connection() {
    let line = line();
    let (services, senders) = (connect(watchful(&line)).await, direct().await);
    let stage = Stage::of(services, &senders).await;
    line.refuse();
    until_lost(&stage.services).await;
    let [one, two] = &stage.applications;
    let changes = async {
        let join = async |application: &Application| {
            application.join_group("left").await.unwrap();
            application.leave_group("joined").await.unwrap();
            application.leave_group("left").await.unwrap();
            application.join_group("joined").await.unwrap();
        };
        tokio::join!(join(one), join(two));
    };
    let restored = async { line.restore().unwrap() };
    within("the groups", async { tokio::join!(biased; changes, restored) }).await;
    stage.until_back(2).await;
    stage.reached(2).await;
}

#[tokio::test]
async fn a_group_that_is_left_while_the_connection_comes_back_stays_left() {
    let line = line();
    let senders = direct().await;
    let stage = Stage::of(connect(watchful(&line)).await, &senders).await;
    for session in 2..=6 {
        for application in &stage.applications {
            within("the group", application.join_group("left")).await.unwrap();
        }
        line.cut();
        for application in &stage.applications {
            within("the leaving", application.leave_group("left")).await.unwrap();
        }
        stage.until_back(session).await;
        stage.reached(session).await;
    }
}

#[tokio::test]
async fn a_group_that_is_joined_by_many_at_once_is_consumed_once_and_left_at_once() {
    let senders = direct().await;
    let stage = Stage::of(direct().await, &senders).await;
    let [one, two] = &stage.applications;
    let join = || async { one.join_group("left").await.unwrap() };
    within("the group", async { tokio::join!(join(), join(), join(), join()) }).await;
    within("the group", two.join_group("left")).await.unwrap();
    let queues = one.serving().queues();
    let shared = Address::from(stage.names.named().group("left")).to_string();
    assert_eq!(queues.iter().filter(|queue| **queue == *shared).count(), 1, "{queues:?}");
    within("the leaving", one.leave_group("left")).await.unwrap();
    for _ in 0..4 {
        let told =
            stage.producer.command("tell", 1).to(stage.names.named().group("left").in_turn());
        within("a confirm", told).await.unwrap();
    }
    stage.desks[1].until("all to be told", |seen| seen.told.get(&1) == Some(&4)).await;
    assert!(stage.desks[0].seen().told.is_empty());
    within("the leaving", two.leave_group("left")).await.unwrap();
    stage.reached(2).await;
}

#[tokio::test]
async fn an_application_that_starts_while_the_line_is_down_starts_when_it_is_back() {
    let (line, names) = (line(), Names::new());
    let services = connect(watchful(&line)).await;
    line.refuse();
    until_lost(&services).await;
    let start = names.application(&services, &Arc::default()).group("given").into_future();
    let start = tokio::spawn(start);
    tokio::task::yield_now().await;
    line.restore().unwrap();
    let application = within("the application", start).await.unwrap().unwrap();
    let commands = ApplicationCommandsProducer::new(&direct().await, Fingerprint::new("t", "t"));
    for address in [names.named().in_turn(), Address::unique(application.fingerprint())] {
        let found = within("a ping", commands.ping().to(address)).await.unwrap();
        assert_eq!(&found, application.fingerprint());
    }
}

#[tokio::test]
async fn stopping_an_application_while_disconnected_ends_soon() {
    let line = line();
    let senders = direct().await;
    let stage = Stage::of(connect(watchful(&line)).await, &senders).await;
    line.refuse();
    until_lost(&stage.services).await;
    let [drained, dropped] = stage.applications;
    let since = Instant::now();
    within("the drain", drained.drain(Duration::from_secs(30))).await;
    drop(dropped);
    let took = since.elapsed();
    assert!(took < LAST_WORD + SLACK, "it took {took:?}");

    // Nothing of them comes back.
    line.restore().unwrap();
    until_session(&stage.services, 2).await;
    let told = stage.producer.command("tell", 1).to(stage.names.named());
    let told = within("the error", told).await;
    assert!(matches!(told, Err(SendError::Unroutable { .. })), "{told:?}");
}
