//! We ask, Python answers.

use std::collections::BTreeSet;
use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{CallError, Event, Peer, RemoteException};
use serde_json::{Value, json};

use crate::python::Server;
use crate::world::{World, within};

#[exchange(name = "wire")]
struct Wire;

/// What `server.py` answers. Its exchange and key are given at run time.
#[producer(exchange = Wire, key = "wire-rk", peer = "python", timeout = "10s", max_retry = 0)]
pub(crate) trait Python {
    #[rpc]
    async fn area(&self, w: u32, h: u32) -> u32;
    #[rpc]
    async fn refuse(&self, size: &str) -> Result<u32, String>;
    #[rpc(name = "raise")]
    async fn raise_in_python(&self) -> u32;
    #[rpc]
    async fn odd_exception(&self) -> Result<u32, String>;
    #[rpc]
    async fn nothing(&self) -> ();
    #[rpc]
    async fn text(&self) -> String;
    #[rpc]
    async fn minimal(&self) -> u32;
    #[rpc(bare)]
    async fn echo(&self, text: &str) -> String;
    #[rpc]
    async fn passed_over(&self) -> u32;
    #[rpc]
    async fn third_time(&self) -> u32;
    #[rpc]
    async fn late(&self) -> u32;
    #[message]
    async fn tell(&self, news: &str);
    #[message(type = "status", name = "online")]
    async fn online(&self);
}

/// A client of the server in this world.
pub(crate) fn client(world: &World) -> PythonProducer {
    let routes = [(world.exchange(), world.key.clone())];
    PythonProducer::new(&world.broker, Fingerprint::new("shop", "front-end"))
        .with(|producer| producer.eks(routes))
}

async fn served() -> (World, Server, PythonProducer) {
    let world = World::new().await;
    let server = Server::start(&world).await;
    let client = client(&world);
    (world, server, client)
}

#[tokio::test]
async fn a_forgotten_call_harms_no_python_service_though_that_replies_always() {
    let (world, _server, client) = served().await;
    within("the send", client.area(1, 2).forget()).await.expect("it is sent");
    let area = within("an answer", client.area(10, 4)).await;
    assert_eq!(area.expect("the server lives"), 40);
    world.leave().await;
}

#[tokio::test]
async fn a_value_a_null_and_a_text_with_escapes_come_back_typed() {
    let (world, _server, client) = served().await;
    assert_eq!(client.area(10, 4).await.unwrap(), 40);
    client.nothing().await.unwrap();
    assert_eq!(client.text().await.unwrap(), "café \"x\"");
    assert_eq!(client.minimal().await.unwrap(), 1);
    world.leave().await;
}

#[tokio::test]
async fn a_python_service_that_knows_of_no_statuses_just_ends_the_call() {
    let (world, _server, client) = served().await;
    let mut events = client.area(10, 4).heartbeat(Duration::from_millis(100)).events();
    match within("an event", events.next()).await {
        Some(Event::Ended(Ok(area))) => assert_eq!(area, 40),
        other => panic!("{other:?}"),
    }
    world.leave().await;
}

#[tokio::test]
async fn an_error_is_its_text_and_a_documented_one_where_a_text_will_do() {
    let (world, _server, client) = served().await;
    match client.producer().rpc::<u32>("refuse", "XXL").await {
        Err(CallFault::Error(told)) => assert_eq!(told.message, "no such size"),
        other => panic!("{other:?}"),
    }
    match client.refuse("XXL").await {
        Err(CallError::Documented(text)) => assert_eq!(text, "no such size"),
        other => panic!("{other:?}"),
    }
    world.leave().await;
}

#[tokio::test]
async fn an_exception_keeps_its_class_and_its_text() {
    let (world, _server, client) = served().await;
    match client.raise_in_python().await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(*raised, RemoteException::new("KeyError", "'w'"));
        }
        other => panic!("{other:?}"),
    }
    match client.odd_exception().await {
        Err(CallError::Fault(CallFault::Exception(raised))) => {
            assert_eq!(raised.name, r#"{"code": 7}"#);
            assert_eq!(raised.message, r#"["a", 1]"#);
        }
        other => panic!("{other:?}"),
    }
    world.leave().await;
}

#[tokio::test]
async fn a_value_of_another_type_is_malformed_and_says_which_was_wanted() {
    let (world, _server, client) = served().await;
    match client.producer().rpc::<String>("area", json!({"w": 10, "h": 4})).await {
        Err(CallFault::Malformed { reason }) => assert!(reason.contains("String"), "{reason}"),
        other => panic!("{other:?}"),
    }
    world.leave().await;
}

#[tokio::test]
async fn a_bare_parameter_travels_bare() {
    let (world, mut server, client) = served().await;
    assert_eq!(client.echo("a bare \"té\"").await.unwrap(), "a bare \"té\"");
    assert_eq!(server.heard().await["body"]["content"], json!({"parameters": "a bare \"té\""}));
    world.leave().await;
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let (world, _server, client) = served().await;
    let calls: Vec<_> = (0..20_u32)
        .map(|number| tokio::spawn(client.producer().rpc::<u32>("echo", number)))
        .collect();
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), number);
    }
    world.leave().await;
}

#[tokio::test]
async fn python_reads_our_request_as_one_of_its_own() {
    let (world, mut server, client) = served().await;
    client.area(10, 4).await.unwrap();
    let heard = server.heard().await;
    same_frame(&heard, "command", "area", "rpc", &json!({"parameters": {"w": 10, "h": 4}}));
    let reply_to = heard["properties"]["reply_to"].as_str().expect("it asks for a reply");
    assert!(reply_to.starts_with("amq.gen-"), "{reply_to}");
    world.leave().await;
}

#[tokio::test]
async fn python_reads_our_messages_as_its_own() {
    let (world, mut server, client) = served().await;
    client.tell("it rains").await.unwrap();
    client.online().await.unwrap();
    client.producer().status("offline").await.unwrap();
    client.producer().message((1, "str"), json!({"values": [1, 2]})).await.unwrap();
    let expected = [
        ("command", "tell", json!({"parameters": {"news": "it rains"}})),
        ("status", "online", json!({})),
        ("status", "offline", json!({})),
        ("none", "none", json!({"args": [1, "str"], "kwds": {"values": [1, 2]}})),
    ];
    for (kind, name, content) in expected {
        let heard = server.heard().await;
        same_frame(&heard, kind, name, "message", &content);
        assert_eq!(heard["properties"].get("reply_to"), None);
    }
    world.leave().await;
}

/// The keys and values that every message of Postage has.
#[track_caller]
fn same_frame(heard: &Value, kind: &str, name: &str, category: &str, content: &Value) {
    let body = heard["body"].as_object().expect("a map");
    let keys: BTreeSet<&str> = body.keys().map(String::as_str).collect();
    let wanted = ["type", "name", "category", "version", "fingerprint", "content", "_reserved"];
    assert_eq!(keys, BTreeSet::from(wanted));
    assert_eq!((&body["type"], &body["name"]), (&json!(kind), &json!(name)));
    assert_eq!(body["category"], category);
    assert_eq!(body["version"], "2", "a text, not a number");
    assert_eq!(&body["content"], content);
    assert_eq!(body["_reserved"], json!({}));

    let sender = body["fingerprint"].as_object().expect("a map");
    let keys: BTreeSet<&str> = sender.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["name", "type", "pid", "host", "user", "vhost"]));
    assert!(sender.values().all(Value::is_string), "{sender:?}");
    assert_eq!((&sender["name"], &sender["type"]), (&json!("shop"), &json!("front-end")));
    assert_eq!(sender["pid"], std::process::id().to_string());
    assert_eq!(sender["vhost"], "/");
    assert_eq!(heard["properties"]["content_type"], "application/json");
}

#[tokio::test]
async fn a_python_peer_at_the_shared_reply_address_times_out_with_a_hint() {
    let (world, mut server, client) = served().await;
    let wrong = client.area(10, 4).peer(Peer::Postage).timeout(Duration::from_secs(1)).max_retry(1);
    let fault = within("the call to end", wrong).await.unwrap_err();
    assert!(matches!(fault, CallFault::TimedOut { attempts: 2, .. }), "{fault:?}");
    assert!(fault.to_string().contains(r#"peer = "python""#), "{fault}");
    // It was not for want of an answer: both attempts were served.
    assert_eq!(server.heard().await["body"]["name"], "area");
    assert_eq!(server.heard().await["body"]["name"], "area");
    world.leave().await;
}
