//! Applications: addressed, grouped, asked, listed and watched.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{
    Address, Answered, Application, ApplicationCommandsProducer, Category, Change, Description,
    SendError, ServeError, StartApplication,
};
use serde_json::{Value, json};

use crate::world::{Ear, Gate, Voice, World, line, within};

/// Longer than applications of this process need to answer, also on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

#[producer(application)]
trait Monitoring {
    /// Answers who was asked.
    #[rpc]
    async fn who(&self) -> String;

    #[message]
    async fn note(&self, text: &str);
}

struct Monitor {
    label: String,
    noted: AtomicUsize,
    voice: Voice,
}

#[message_processor]
impl Monitoring for Monitor {
    async fn who(&self) -> String {
        self.label.clone()
    }

    async fn note(&self, text: &str) {
        self.noted.fetch_add(1, Ordering::Relaxed);
        self.voice.say(format!("{} {text}", self.label));
    }
}

struct Lamp;

#[message_processor]
impl Lamp {
    /// Answers whether it is lit.
    #[rpc_handler]
    async fn lit(&self, #[default] floor: u32) -> Result<bool, String> {
        if floor < 3 { Ok(true) } else { Err("no such floor".into()) }
    }
}

on_every_broker! {
    each_address_reaches_exactly_those_it_names,
    a_group_is_joined_and_left_at_run_time,
    a_group_is_joined_and_left_at_anothers_command,
    a_command_that_fails_counts_as_failed,
    a_busy_application_says_who_it_is_and_takes_its_commands,
    ping_answers_the_fingerprint_and_joins_no_other,
    applications_of_one_process_have_addresses_of_their_own,
    a_process_id_that_another_has_gets_a_suffix,
    names_that_would_blur_addresses_are_refused,
    a_call_to_many_collects_the_answers_of_all,
    the_first_answers_are_enough,
    a_call_to_nobody_is_one_unroutable_answer,
    several_processors_serve_as_one_application,
    processors_that_set_a_setting_differently_are_refused,
    an_application_describes_itself,
    all_applications_are_listed,
    who_comes_and_goes_is_watched,
    one_that_a_command_stops_is_heard_to_stop,
    a_start_that_fails_or_is_given_up_keeps_no_address,
    a_contract_may_name_its_application,
}

/// Applications of one case, and a client of them.
struct Scene {
    world: World,
    broker: Broker,
    name: String,
    voice: Voice,
    ear: Ear,
}

impl Scene {
    async fn of(world: World) -> Self {
        let (broker, name) = (world.broker().await, world.name("monitor"));
        let (voice, ear) = line();
        Self { world, broker, name, voice, ear }
    }

    fn monitor(&self, label: &str) -> Arc<Monitor> {
        let voice = self.voice.clone();
        Arc::new(Monitor { label: label.to_owned(), noted: AtomicUsize::new(0), voice })
    }

    /// An application of the case's name, or of another.
    fn starts(&self, label: &str, name: &str) -> StartApplication {
        self.broker.serve(self.monitor(label)).application(name.to_owned())
    }

    async fn start(&self, label: &str) -> Application {
        started(self.starts(label, &self.name)).await
    }

    fn client(&self) -> MonitoringProducer {
        MonitoringProducer::new(&self.broker, Fingerprint::new("case", "test"))
    }

    fn commands(&self) -> ApplicationCommandsProducer {
        ApplicationCommandsProducer::new(&self.broker, Fingerprint::new("case", "test"))
    }

    /// Tells an address, and answers who heard: those that are expected, and no others.
    async fn heard(&mut self, address: impl Into<Address>, expected: usize) -> Vec<String> {
        let address = address.into();
        let text = address.to_string();
        let noted = self.client().note(&text).to(address);
        within("a confirm", noted).await.expect("somebody has the address");
        let mut heard = Vec::new();
        for _ in 0..expected {
            let said = self.ear.hears().await;
            let (label, said) = said.split_once(' ').expect("a label and a text");
            assert_eq!(said, text);
            heard.push(label.to_owned());
        }
        heard.sort();
        heard
    }
}

async fn started(application: StartApplication) -> Application {
    within("the application", application.into_future()).await.expect("it is started")
}

async fn each_address_reaches_exactly_those_it_names(world: World) {
    let mut scene = Scene::of(world).await;
    let (here, there) = (scene.world.name("here"), scene.world.name("there"));
    let (name, other) = (scene.name.clone(), scene.world.name("other"));
    let start = |label: &str, name: &str, host: &str| {
        started(scene.starts(label, name).host(host.to_owned()).group("night"))
    };
    let one = start("one", &name, &here).await;
    let _two = start("two", &name, &here).await;
    let _three = start("three", &name, &there).await;
    let _four = start("four", &other, &here).await;

    let named = Address::name(&name);
    assert_eq!(scene.heard(named.clone(), 3).await, ["one", "three", "two"]);
    assert_eq!(scene.heard(Address::host(&here), 3).await, ["four", "one", "two"]);
    assert_eq!(scene.heard(named.on(&here), 2).await, ["one", "two"]);
    assert_eq!(scene.heard(named.on(&there), 1).await, ["three"]);
    assert_eq!(scene.heard(named.group("night"), 3).await, ["one", "three", "two"]);
    assert_eq!(scene.heard(Address::unique(one.fingerprint()), 1).await, ["one"]);
    for (address, mut expected) in [
        (named.in_turn(), vec!["one", "two", "three"]),
        (named.on(&here).in_turn(), vec!["one", "two"]),
        (named.group("night").in_turn(), vec!["one", "two", "three"]),
        (Address::name(&other).in_turn(), vec!["four"]),
    ] {
        let mut heard = Vec::new();
        for _ in 0..expected.len() {
            heard.extend(scene.heard(address.clone(), 1).await);
        }
        heard.sort();
        expected.sort_unstable();
        assert_eq!(heard, expected, "{address}");
    }
    assert_eq!(scene.ear.rest(), [""; 0]);
}

async fn a_group_is_joined_and_left_at_run_time(world: World) {
    let mut scene = Scene::of(world).await;
    let (one, two) = (scene.start("one").await, scene.start("two").await);
    for application in [&one, &two] {
        within("the group", application.join_group("night")).await.expect("it is joined");
        assert_eq!(application.groups(), ["night"]);
    }
    let night = Address::name(&scene.name).group("night");
    assert_eq!(scene.heard(night.clone(), 2).await, ["one", "two"]);
    let mut in_turn = scene.heard(night.in_turn(), 1).await;
    in_turn.extend(scene.heard(night.in_turn(), 1).await);
    in_turn.sort();
    assert_eq!(in_turn, ["one", "two"]);

    within("the leaving", one.leave_group("night")).await.expect("it is left");
    assert_eq!(one.groups(), [""; 0]);
    assert_eq!(scene.heard(night.clone(), 1).await, ["two"]);
    for _ in 0..2 {
        assert_eq!(scene.heard(night.in_turn(), 1).await, ["two"]);
    }
    // Joining twice and leaving what it is not in are no errors.
    within("the leaving", one.leave_group("night")).await.expect("it is left");
    for _ in 0..2 {
        within("the group", one.join_group("night")).await.expect("it is joined");
    }
    assert_eq!(scene.heard(night, 2).await, ["one", "two"]);
    assert_eq!(scene.ear.rest(), [""; 0]);
}

async fn a_group_is_joined_and_left_at_anothers_command(world: World) {
    let mut scene = Scene::of(world).await;
    let application = scene.start("one").await;
    let (commands, name) = (scene.commands(), Address::name(&scene.name));
    within("a confirm", commands.join_group("night").to(name.in_turn())).await.unwrap();
    let grouped = |describe: Description| describe.groups == ["night"];
    until(&scene, grouped).await;
    let night = name.group("night");
    assert_eq!(scene.heard(night.clone(), 1).await, ["one"]);
    assert_eq!(scene.heard(night.in_turn(), 1).await, ["one"]);

    // By the group's own queue, which is left while this very message is handled.
    within("a confirm", commands.leave_group("night").to(night.in_turn())).await.unwrap();
    until(&scene, |describe| describe.groups.is_empty()).await;
    let gone = within("the error", scene.client().note("x").to(night)).await;
    assert!(matches!(gone, Err(SendError::Unroutable { .. })), "{gone:?}");
    assert_eq!(application.groups(), [""; 0]);
}

async fn a_command_that_fails_counts_as_failed(world: World) {
    let scene = Scene::of(world).await;
    let _application = scene.start("one").await;
    let (commands, name) = (scene.commands(), Address::name(&scene.name).in_turn());
    within("a confirm", commands.join_group("a/b").to(name.clone())).await.unwrap();
    within("a confirm", commands.leave_group("").to(name)).await.unwrap();
    let counts = |describe: &Description, name: &str| {
        let mut handlers = describe.handlers.iter();
        let handler = handlers.find(|handler| handler.name == name).unwrap();
        (handler.handled, handler.failed)
    };
    until(&scene, |describe| {
        ["join_group", "leave_group"].map(|name| counts(&describe, name)) == [(1, 1), (1, 1)]
    })
    .await;
}

struct Clerk {
    voice: Voice,
    gate: Arc<Gate>,
}

#[message_processor(concurrency = 1)]
impl Clerk {
    #[message_handler]
    async fn toil(&self) {
        self.voice.say("toils");
        self.gate.pass().await;
    }
}

async fn a_busy_application_says_who_it_is_and_takes_its_commands(world: World) {
    let mut scene = Scene::of(world).await;
    let gate = Arc::new(Gate::shut());
    let clerk = Clerk { voice: scene.voice.clone(), gate: Arc::clone(&gate) };
    let clerk = started(scene.broker.serve(clerk).application(scene.name.clone())).await;
    let (who, name) = (clerk.fingerprint().clone(), Address::name(&scene.name));
    let client = Producer::new(&scene.broker, Fingerprint::new("case", "test"));
    for _ in 0..3 {
        within("a confirm", client.command("toil", ()).to(Address::unique(&who))).await.unwrap();
    }
    assert_eq!(scene.ear.hears().await, "toils");
    let ping = scene.commands().ping().to(Address::unique(&who));
    assert_eq!(within("an answer", ping).await.expect("it answers"), who);
    let joining = scene.commands().join_group("night").to(name);
    within("a confirm", joining).await.unwrap();
    until(&scene, |describe| describe.groups == ["night"]).await;
    let list = within("the list", scene.broker.applications().list(ANSWERED_WITHIN)).await;
    let mut listed = list.expect("it is listed").into_iter();
    assert!(listed.any(|described| described.fingerprint == who));
    // No other toil has begun beside the first.
    assert_eq!(scene.ear.rest(), [""; 0]);
    gate.open(3);
}

/// Asks until the description is as it should be.
async fn until(scene: &Scene, holds: impl Fn(Description) -> bool) {
    let commands = scene.commands();
    let asked = async {
        let name = Address::name(&scene.name).in_turn();
        while !holds(commands.describe_application().to(name.clone()).await.unwrap()) {
            tokio::task::yield_now().await;
        }
    };
    within("the change", asked).await;
}

async fn ping_answers_the_fingerprint_and_joins_no_other(world: World) {
    let scene = Scene::of(world).await;
    let application = scene.start("one").await;
    let ping = scene.commands().ping().to(Address::name(&scene.name));
    let found = within("an answer", ping).await.expect("it answers");
    assert_eq!(&found, application.fingerprint());
    assert_eq!((found.name, found.kind), (scene.name.clone(), "application".to_owned()));
    // As a Python client sends it, by its name and with no parameters of its own.
    let client = Producer::new(&scene.broker, Fingerprint::new("case", "test"));
    let ping = client.rpc::<Fingerprint>("ping", ()).to(Address::name(&scene.name));
    let found = within("an answer", ping).await.expect("it answers");
    assert_eq!(&found, application.fingerprint());
}

async fn applications_of_one_process_have_addresses_of_their_own(world: World) {
    let mut scene = Scene::of(world).await;
    let other = scene.world.broker().await;
    let one = scene.start("one").await;
    let two = scene.start("two").await;
    let three = other.serve(scene.monitor("three")).application(scene.name.clone());
    let three = started(three).await;
    let process = std::process::id().to_string();
    for (application, label) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        assert!(application.fingerprint().pid.starts_with(&process));
        let address = Address::unique(application.fingerprint());
        assert_eq!(scene.heard(address, 1).await, [label]);
    }
    assert_eq!(scene.ear.rest(), [""; 0]);
}

async fn a_process_id_that_another_has_gets_a_suffix(world: World) {
    let mut scene = Scene::of(world).await;
    let host = scene.world.name("container");
    // Another process of this id on a host of this name.
    let other = scene.world.broker().await;
    let process = std::process::id().to_string();
    let taken = Queue::new(format!("{process}@{host}"));
    let taken = taken.durable(false).exclusive(true).auto_delete(true);
    within("a queue", other.declare_queue(&taken)).await.expect("it is declared");

    let application = started(scene.starts("one", &scene.name).host(host)).await;
    let pid = &application.fingerprint().pid;
    assert!(pid.starts_with(&format!("{process}-")), "{pid}");
    let address = Address::unique(application.fingerprint());
    assert_eq!(scene.heard(address, 1).await, ["one"]);
}

async fn names_that_would_blur_addresses_are_refused(world: World) {
    let scene = Scene::of(world).await;
    let refused = async |application: StartApplication| {
        let refused = within("the error", application.into_future()).await;
        let error = refused.expect_err("the name is refused");
        assert!(matches!(error, ServeError::ApplicationName { .. }), "{error:?}");
        error.to_string()
    };
    let error = refused(scene.starts("one", "monitor/rr")).await;
    assert!(error.contains("`monitor/rr`") && error.contains("`/`, `@` and `#`"), "{error}");
    assert!(refused(scene.starts("one", "")).await.contains("empty"));
    assert!(refused(scene.starts("one", &"m".repeat(101))).await.contains("100 bytes"));
    assert!(refused(scene.starts("one", "monitor").group("a#b")).await.contains("group `a#b`"));
    assert!(refused(scene.starts("one", "monitor").host("a@b")).await.contains("host `a@b`"));
    let application = scene.start("one").await;
    let joined = within("the error", application.join_group("a/b")).await;
    joined.expect_err("the group is refused");
}

fn values(answers: Vec<Answered<String>>) -> Vec<String> {
    let mut values: Vec<_> = answers.into_iter().map(|answer| answer.result.unwrap()).collect();
    values.sort();
    values
}

async fn a_call_to_many_collects_the_answers_of_all(world: World) {
    let scene = Scene::of(world).await;
    let (one, two) = (scene.start("one").await, scene.start("two").await);
    let who = scene.client().who().to(Address::name(&scene.name));
    let mut answers = who.answers(ANSWERED_WITHIN);
    let mut heard = Vec::new();
    for _ in 0..2 {
        heard.push(within("an answer", answers.next()).await.expect("two answer"));
    }
    // The next is the end of the time.
    assert!(within("the end", answers.next()).await.is_none());
    heard.sort_by_key(|answer| answer.result.clone().ok());
    for (answer, (application, label)) in heard.into_iter().zip([(&one, "one"), (&two, "two")]) {
        assert_eq!(answer.from, Some(Address::unique(application.fingerprint())));
        assert_eq!(answer.result.as_deref().ok(), Some(label));
    }
}

async fn the_first_answers_are_enough(world: World) {
    let scene = Scene::of(world).await;
    let _all = [scene.start("one").await, scene.start("one").await, scene.start("one").await];
    let who = scene.client().who().to(Address::name(&scene.name));
    // Far longer than the case may take.
    let two = who.answers(Duration::from_secs(600)).first(2);
    assert_eq!(values(within("two answers", two).await), ["one", "one"]);
}

async fn a_call_to_nobody_is_one_unroutable_answer(world: World) {
    let scene = Scene::of(world).await;
    let who = scene.client().who().to(Address::name(scene.world.name("nobody")));
    let answers = within("the end", who.answers(Duration::from_secs(600)).all()).await;
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    assert!(matches!(answer.result, Err(CallFault::Unroutable { .. })), "{answers:?}");
}

async fn several_processors_serve_as_one_application(world: World) {
    let mut scene = Scene::of(world).await;
    let serve = scene.broker.serve(scene.monitor("one")).and(Lamp);
    let _application = started(serve.application(scene.name.clone())).await;
    let name = Address::name(&scene.name);
    assert_eq!(scene.heard(name.clone(), 1).await, ["one"]);
    let client = Producer::new(&scene.broker, Fingerprint::new("case", "test"));
    let lit = client.rpc::<bool>("lit", json!({})).to(name);
    assert!(within("an answer", lit).await.expect("it answers"));
    // One call has one answer.
    let twice = scene.broker.serve(Lamp).and(Lamp).application(scene.name.clone());
    let refused = within("the error", twice.into_future()).await;
    assert!(matches!(refused, Err(ServeError::TwoAnswers { name: "lit", .. })), "{refused:?}");
}

struct Slow;

#[message_processor(prefetch = 1)]
impl Slow {}

struct Quick;

#[message_processor(prefetch = 500)]
impl Quick {}

async fn processors_that_set_a_setting_differently_are_refused(world: World) {
    let scene = Scene::of(world).await;
    let serve = scene.broker.serve(Slow).and(Lamp).and(Quick);
    let refused = within("the error", serve.application("monitor").into_future()).await;
    let error = refused.expect_err("the settings differ").to_string();
    assert!(error.contains("`prefetch`") && error.contains("`monitor`"), "{error}");
    let serve = scene.broker.serve(Slow).and(Lamp).and(Slow);
    let _agreed = started(serve.application(scene.name.clone())).await;
}

async fn an_application_describes_itself(world: World) {
    let scene = Scene::of(world).await;
    let application = scene.broker.serve(Lamp).application(scene.name.clone());
    let application = started(application.version("1.2.3").group("night")).await;
    let name = Address::name(&scene.name);
    let client = Producer::new(&scene.broker, Fingerprint::new("case", "test"));
    let lit = |floor: u32| client.rpc::<bool>("lit", json!({ "floor": floor })).to(name.clone());
    within("an answer", lit(1)).await.expect("it is lit");
    within("the error", lit(4)).await.expect_err("there is no such floor");
    let wrong = client.rpc::<bool>("lit", json!({ "floor": "up" })).to(name.clone());
    within("the error", wrong).await.expect_err("a floor is a number");

    let asked = scene.commands().describe_application().to(name);
    let described = within("an answer", asked).await.expect("it answers");
    assert_eq!(&described.fingerprint, application.fingerprint());
    assert_eq!(described.version.as_deref(), Some("1.2.3"));
    assert_eq!(described.groups, ["night"]);
    assert_eq!(described.connections, 1);
    assert!(described.queues.len() == 4 && described.queues.iter().all(|queue| queue.consumed));
    let lit = &described.handlers[0];
    assert_eq!(
        (lit.category, lit.kind.as_str(), lit.name.as_str()),
        (Category::Rpc, "command", "lit")
    );
    assert_eq!(lit.documentation, "Answers whether it is lit.");
    assert_eq!(
        (lit.parameters[0].name.as_str(), lit.parameters[0].rust_type.as_str()),
        ("floor", "u32")
    );
    assert_eq!(lit.returns, "Result<bool, String>");
    let kind = |schema: &Option<Value>| schema.as_ref().expect("it is known")["type"].clone();
    assert_eq!(kind(&lit.parameters[0].schema), "integer");
    assert_eq!(
        (kind(&lit.returns_schema), kind(&lit.error_schema)),
        ("boolean".into(), "string".into())
    );
    let describe = described.handlers.iter().find(|h| h.name == "describe_application").unwrap();
    assert_eq!(described.handlers[1].returns_schema.as_ref().unwrap()["title"], "Fingerprint");
    assert!(describe.returns_schema.as_ref().unwrap()["properties"]["handlers"].is_object());
    // A documented error is an answer; parameters that cannot be read are a failure.
    assert_eq!((lit.handled, lit.failed), (3, 1));
    let names: Vec<_> = described.handlers.iter().map(|handler| handler.name.as_str()).collect();
    assert_eq!(names, ["lit", "ping", "describe_application", "join_group", "leave_group"]);
    // Other cases ask everyone, too.
    assert_eq!((described.messages(), described.failures()), (0, 1));
    assert!(described.calls() >= 3 && application.description().calls() > described.calls());
}

async fn all_applications_are_listed(world: World) {
    let scene = Scene::of(world).await;
    let other = scene.world.name("another");
    let _one = scene.start("one").await;
    let _two = started(scene.starts("two", &other)).await;
    let applications = scene.broker.applications();
    let list = applications.list(ANSWERED_WITHIN);
    let list = within("the list", list).await.expect("it is listed");
    // Other cases have theirs on the same broker.
    let ours = [other, scene.name];
    let names = list.into_iter().map(|described| described.fingerprint.name);
    assert_eq!(names.filter(|name| ours.contains(name)).collect::<Vec<_>>(), ours);
}

async fn who_comes_and_goes_is_watched(world: World) {
    let scene = Scene::of(world).await;
    let found = scene.start("found").await;
    let mut watch = scene.broker.applications().watch();
    let name = scene.name.clone();
    let mut next = async || loop {
        let change = within("a change", watch.next()).await.expect("it is watched");
        // Other cases have theirs on the same broker.
        let (Change::Found(who)
        | Change::Started(who)
        | Change::Stopped(who)
        | Change::Vanished(who)) = &change
        else {
            panic!("{change:?}")
        };
        if who.name == name {
            return change;
        }
    };
    assert_eq!(next().await, Change::Found(found.fingerprint().clone()));
    let started = scene.start("started").await;
    let who = started.fingerprint().clone();
    assert_eq!(next().await, Change::Started(who.clone()));
    within("the drain", started.drain(Duration::from_secs(1))).await;
    assert_eq!(next().await, Change::Stopped(who));

    // One whose connection ends says nothing.
    let other = scene.world.broker().await;
    let killed = other.serve(scene.monitor("killed")).application(scene.name.clone());
    let killed = within("the application", killed.into_future()).await.expect("it is started");
    let who = killed.fingerprint().clone();
    assert_eq!(next().await, Change::Started(who.clone()));
    within("the end", other.close()).await.expect("it is closed");
    assert_eq!(next().await, Change::Vanished(who));
}

async fn one_that_a_command_stops_is_heard_to_stop(world: World) {
    let scene = Scene::of(world).await;
    let mut watch = scene.broker.applications().watch();
    let client = Producer::new(&scene.broker, Fingerprint::new("case", "test"));
    for command in ["quit", "restart"] {
        let application = scene.start("one").await;
        let who = application.fingerprint().clone();
        let mut there = false;
        let told = async {
            loop {
                match watch.next().await.expect("it is watched") {
                    // Once it is known, or it would not be missed.
                    Change::Found(found) | Change::Started(found) if found == who => {
                        let stops = client.command(command, ()).to(Address::unique(&who));
                        stops.await.expect("it is there");
                        there = true;
                    }
                    // Other cases have theirs on the same broker.
                    Change::Stopped(stopped) if stopped == who => return,
                    Change::Vanished(gone) => assert_ne!(gone, who),
                    _ => {}
                }
            }
        };
        within("the last word", told).await;
        assert!(there);
    }
}

struct Pinger;

#[message_processor]
impl Pinger {
    /// Every application answers this.
    #[rpc_handler]
    async fn ping(&self) -> u32 {
        0
    }
}

async fn a_start_that_fails_or_is_given_up_keeps_no_address(world: World) {
    let scene = Scene::of(world).await;
    let (host, other) = (scene.world.name("attic"), scene.world.broker().await);
    let own = Queue::new(format!("{}@{host}", std::process::id()));
    let own = own.durable(false).exclusive(true).auto_delete(true);
    let free = async || {
        let free = async {
            while other.declare_queue(&own).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        within("the address to be free", free).await;
        within("a deletion", other.transport().delete_queue(own.name())).await.unwrap();
    };
    let pinger = scene.broker.serve(Pinger).application(scene.name.clone()).host(host.clone());
    let refused = within("the error", pinger.into_future()).await;
    assert!(matches!(refused, Err(ServeError::TwoAnswers { name: "ping", .. })), "{refused:?}");
    free().await;

    // Given up wherever it waits.
    let broker = scene.world.broker().await;
    for polls in 0..40 {
        let lamp = broker.serve(Lamp).application(scene.name.clone()).host(host.clone());
        let mut lamp = Box::pin(lamp.into_future());
        let mut polled = 0;
        let given_up = std::future::poll_fn(|context| {
            if polled == polls {
                return std::task::Poll::Ready(None);
            }
            polled += 1;
            lamp.as_mut().poll(context).map(Some)
        });
        let started = within("the polls", given_up).await;
        drop((lamp, started));
        free().await;
    }
}

#[producer(application = "behaviour-lamps")]
trait Lamps {
    #[rpc]
    async fn lit(&self) -> bool;
}

async fn a_contract_may_name_its_application(world: World) {
    let broker = world.broker().await;
    let lamps = LampsProducer::new(&broker, Fingerprint::new("case", "test"));
    let _lamp = started(broker.serve(Lamp).application("behaviour-lamps")).await;
    assert!(within("an answer", lamps.lit()).await.expect("it is lit"));
    let nowhere = MonitoringProducer::new(&broker, Fingerprint::new("case", "test"));
    let nowhere = within("the error", nowhere.who()).await;
    assert!(matches!(nowhere, Err(CallFault::NoRoute)), "{nowhere:?}");
}
