//! Applications, ours and Python's, of one name.

use std::collections::BTreeMap;

use postage_core::prelude::*;
use postage_core::{
    Address, Application, ApplicationCommandsProducer, NamedAddress, Peer, SendError,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::python::{Seen, Server, operate};
use crate::world::within;

struct Monitor;

#[message_processor]
impl Monitor {}

/// A name and two hosts that no other test has.
struct Place {
    broker: Broker,
    name: String,
    host: String,
    other: String,
}

impl Place {
    async fn new() -> Self {
        let broker = Broker::connect(&testbed::broker_url()).await.expect("the broker is there");
        let suffix = Uuid::new_v4().simple().to_string();
        let named = |what: &str| format!("{what}-{suffix}");
        Self { broker, name: named("monitor"), host: named("attic"), other: named("cellar") }
    }

    /// An application of ours, in a group from its start.
    async fn start(&self, host: &str) -> Application {
        let started = self.broker.serve(Monitor).application(self.name.clone());
        let started = started.host(host).group("early").into_future();
        within("the application", started).await.expect("it is started")
    }

    /// A Python application on the same host and in the same group.
    async fn python(&self, pid: &str) -> Server {
        Server::application(&self.name, pid, &self.host, "early").await
    }

    fn commands(&self) -> ApplicationCommandsProducer {
        ApplicationCommandsProducer::new(&self.broker, Fingerprint::new("ui", "application"))
    }

    fn named(&self) -> NamedAddress {
        Address::name(&self.name)
    }

    /// The address of a Python application on the first host.
    fn alone(&self, pid: &str) -> Address {
        let mut who = Fingerprint::new("", "");
        (who.pid, who.host) = (pid.to_owned(), self.host.clone());
        Address::unique(&who)
    }
}

/// The fingerprint as Python has it: six texts.
fn six(application: &Application) -> Value {
    let Fingerprint { name, kind, pid, host, user, vhost, .. } = application.fingerprint();
    json!({ "name": name, "type": kind, "pid": pid, "host": host, "user": user, "vhost": vhost })
}

/// How often each application answered, by its address.
fn answers<'a>(seen: impl IntoIterator<Item = &'a Seen>) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for answer in seen.into_iter().flat_map(|seen| &seen.replies) {
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        *answers.entry(format!("{}@{}", text("pid"), text("host"))).or_default() += 1;
    }
    answers
}

fn addresses<'a>(
    expected: impl IntoIterator<Item = (&'a Application, usize)>,
) -> BTreeMap<String, usize> {
    let address = |one: &Application| Address::unique(one.fingerprint()).to_string();
    expected.into_iter().map(|(application, times)| (address(application), times)).collect()
}

/// How many pings it has answered.
fn pinged(application: &Application) -> u64 {
    let handlers = application.description().handlers.into_iter();
    handlers.filter(|handler| handler.name == "ping").map(|handler| handler.handled).sum()
}

/// Asks again and again until the answer is yes.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    within(what, asking).await;
}

#[tokio::test]
async fn a_ping_to_each_kind_of_key_is_answered_by_those_it_names_with_six_texts() {
    let place = Place::new().await;
    let (one, two) = (place.start(&place.host).await, place.start(&place.other).await);
    let (name, host) = (&place.name, &place.host);
    let (first, second) = (six(&one), six(&two));

    let alone = format!("ping {}@{host} 1", one.fingerprint().pid);
    let [on_host, on_both, in_turn_there, alone] = operate([
        &format!("ping @{host} 1"),
        &format!("ping {name}@{host} 1"),
        &format!("ping {name}@{host}/rr 1"),
        &alone,
    ])
    .await;
    for seen in [on_host, on_both, in_turn_there, alone] {
        assert_eq!(seen.replies, std::slice::from_ref(&first), "{}", seen.case);
    }
    let [all, once, again] = operate([
        &format!("ping {name} 2"),
        &format!("ping {name}/rr 1"),
        &format!("ping {name}/rr 1"),
    ])
    .await;
    assert!(all.replies.contains(&first) && all.replies.contains(&second), "{all:?}");
    assert_eq!(answers([&once, &again]), addresses([(&one, 1), (&two, 1)]), "in turn");
    // Nobody else got one of them.
    until("the counts", async || (pinged(&one), pinged(&two)) == (6, 2)).await;
}

#[tokio::test]
async fn join_group_and_leave_group_change_whom_a_group_reaches() {
    let place = Place::new().await;
    let (one, two) = (place.start(&place.host).await, place.start(&place.other).await);
    let name = &place.name;

    // To all of the name, and to one alone.
    operate([&format!("join_group {name} night")]).await;
    for application in [&one, &two] {
        until("the group", async || application.groups() == ["early", "night"]).await;
    }
    let [all, once, again] = operate([
        &format!("ping {name}#night 2"),
        &format!("ping {name}#night/rr 1"),
        &format!("ping {name}#night/rr 1"),
    ])
    .await;
    assert_eq!(answers([&all]), addresses([(&one, 1), (&two, 1)]));
    assert_eq!(answers([&once, &again]), addresses([(&one, 1), (&two, 1)]), "in turn");

    operate([&format!("leave_group {}@{} night", one.fingerprint().pid, place.host)]).await;
    until("the leaving", async || one.groups() == ["early"]).await;
    let [all, once, again] = operate([
        &format!("ping {name}#night 1"),
        &format!("ping {name}#night/rr 1"),
        &format!("ping {name}#night/rr 1"),
    ])
    .await;
    assert_eq!(answers([&all, &once, &again]), addresses([(&two, 3)]));

    operate([&format!("leave_group {name}#night night")]).await;
    let nobody = async || {
        let told = place.commands().leave_group("night").to(place.named().group("night")).await;
        matches!(told, Err(SendError::Unroutable { .. }))
    };
    until("the group to be empty", nobody).await;
    // The group of the start is as it was.
    let [all] = operate([&format!("ping {name}#early 2")]).await;
    assert_eq!(answers([&all]), addresses([(&one, 1), (&two, 1)]));
}

#[tokio::test]
async fn the_shared_queues_are_declared_with_pythons_flags_and_the_own_one_is_locked() {
    let place = Place::new().await;
    let application = place.start(&place.host).await;
    let own = format!("locked {}", Address::unique(application.fingerprint()));
    let shared = format!("declare {} {} early", place.name, place.host);
    operate([&shared, &own]).await;

    within("the group", application.join_group("late")).await.expect("it is joined");
    operate([&format!("declare {} {} late", place.name, place.host)]).await;
}

#[tokio::test]
async fn a_python_application_of_the_same_name_takes_its_turn_beside_ours() {
    // Who comes first has declared the queues.
    for python_first in [true, false] {
        let place = Place::new().await;
        let (_python, ours) = if python_first {
            let python = place.python("4021").await;
            (python, place.start(&place.host).await)
        } else {
            let ours = place.start(&place.host).await;
            (place.python("4021").await, ours)
        };
        let ping = format!("ping {}/rr 1", place.name);
        let here = format!("ping {}@{}/rr 1", place.name, place.host);
        let group = format!("ping {}#early/rr 1", place.name);
        let both = format!("ping {} 2", place.name);
        let seen = operate([&ping, &ping, &here, &here, &group, &group, &both]).await;
        let mut expected = addresses([(&ours, 4)]);
        expected.insert(format!("4021@{}", place.host), 4);
        assert_eq!(answers(&seen), expected, "Python first: {python_first}");

        // We ask, and all answer; Python does not say who it is but in what it answers.
        let ping = place.commands().ping().to(place.named());
        let all = ping.answers(std::time::Duration::from_secs(20)).first(2);
        let mut all: Vec<_> = within("the answers", all)
            .await
            .into_iter()
            .map(|answer| (answer.from, answer.result.expect("a fingerprint").pid))
            .collect();
        all.sort_by_key(|(from, _)| from.is_some());
        let us = ours.fingerprint();
        let expected = [(None, "4021".to_owned()), (Some(Address::unique(us)), us.pid.clone())];
        assert_eq!(all, expected, "Python first: {python_first}");
    }
}

#[tokio::test]
async fn two_python_applications_answer_our_ping_in_turn_each_with_its_fingerprint() {
    let place = Place::new().await;
    let (_one, _two) = (place.python("1001").await, place.python("1002").await);
    for address in [place.named().in_turn(), place.named().on(&place.host).in_turn()] {
        let mut answered = Vec::new();
        for _ in 0..4 {
            let ping = place.commands().ping().to(address.clone()).peer(Peer::Python);
            let found = within("an answer", ping).await.expect("it answers");
            let Fingerprint { name, kind, pid, host, user, vhost, .. } = found;
            assert_eq!((name, host), (place.name.clone(), place.host.clone()));
            assert_eq!(
                (kind.as_str(), user.as_str(), vhost.as_deref()),
                ("application", "ann", Some("/"))
            );
            answered.push(pid);
        }
        assert_eq!(answered[..2], answered[2..], "{address}: {answered:?}");
        answered.sort();
        assert_eq!(answered, ["1001", "1001", "1002", "1002"], "{address}");
    }
    let alone = place.commands().ping().to(place.alone("1002")).peer(Peer::Python);
    assert_eq!(within("an answer", alone).await.expect("it answers").pid, "1002");
}

#[tokio::test]
async fn a_python_application_joins_and_leaves_a_group_at_our_command() {
    let place = Place::new().await;
    let mut python = place.python("4021").await;
    let commands = place.commands();
    let night = place.named().group("night");
    for (joins, command) in [(true, "join_group"), (false, "leave_group")] {
        let told = match joins {
            true => commands.join_group("night"),
            false => commands.leave_group("night"),
        };
        within("a confirm", told.to(place.alone("4021"))).await.expect("it is routed");
        let heard = python.heard().await;
        assert_eq!(heard["body"]["name"], command);
        assert_eq!(heard["body"]["content"], json!({"parameters": {"group_name": "night"}}));

        let ping = commands.ping().to(night.clone()).peer(Peer::Python);
        let pinged = within("an answer", ping).await;
        match joins {
            true => {
                assert_eq!(pinged.expect("it answers").pid, "4021");
                python.heard().await;
            }
            false => assert!(matches!(pinged, Err(CallFault::Unroutable { .. })), "{pinged:?}"),
        }
    }
}
