//! Python tells, and asks for no answer.

use postage_core::Stopped;
use serde_json::json;

use crate::python::call;
use crate::studio::{Studio, queue};
use crate::world::{World, within};

#[tokio::test]
async fn commands_statuses_and_plain_messages_reach_their_handlers_and_are_not_answered() {
    let world = World::new().await;
    let (_serving, mut heard) = Studio::serve(&world, queue(&world)).await;
    let cases = ["told", "status", "plain", "plain_without_names", "unheard"];
    for seen in call(&world, cases).await {
        assert!(seen.replies.is_empty(), "{seen:?}");
    }
    let told = json!({"told": "it rains", "by": ["ui", "application", "4021", "desk", "ann", "/"]});
    assert_eq!(heard.recv().await, Some(told));
    assert_eq!(heard.recv().await, Some(json!({"status": "online", "content": {}})));
    let plain = json!({"args": [1, "str"], "kwds": {"values": [1, 2]}});
    assert_eq!(heard.recv().await, Some(plain));
    assert_eq!(heard.recv().await, Some(json!({"args": [2], "kwds": null})));
    assert!(heard.try_recv().is_err(), "what nobody handles reached a handler");
}

#[tokio::test]
async fn the_command_quit_stops_the_service() {
    let world = World::new().await;
    let (serving, _) = Studio::serve(&world, queue(&world)).await;
    call(&world, ["success", "quit"]).await;
    let why = within("the service to stop", serving.stopped()).await;
    assert!(matches!(why, Stopped::Quit), "{why:?}");
}
