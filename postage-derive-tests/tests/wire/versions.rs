//! Python asks a service of several versions, and is none the wiser unless it asks for one.

use postage_core::prelude::*;
use serde_json::json;

use crate::python::call;
use crate::studio::queue;
use crate::world::World;

mod v1 {
    use postage_core::prelude::*;

    #[producer(application, version = "1")]
    pub(super) trait Measure {
        #[rpc]
        async fn area(&self, w: u32, h: u32) -> u32;
    }
}

mod v2 {
    use postage_core::prelude::*;

    #[producer(application, version = "2")]
    pub(super) trait Measure {
        #[rpc]
        async fn area(&self, w: u32, h: u32, #[default(10)] scale: u64) -> String;
    }
}

struct V1;
struct V2;

// One message at a time, so that the fence of a case comes after all that the case caused.
#[message_processor(prefetch = 1)]
impl v1::Measure for V1 {
    async fn area(&self, w: u32, h: u32) -> u32 {
        w * h
    }

    /// What the fence of a case asks.
    #[rpc_handler]
    async fn echo(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[message_processor]
impl v2::Measure for V2 {
    async fn area(&self, w: u32, h: u32, scale: u64) -> String {
        format!("{w} by {h} at {scale}")
    }
}

async fn serve(world: &World) -> Serving {
    let serve = world.broker.serve(V1).and(V2);
    serve.bind(world.exchange(), queue(world), world.key.clone()).await.expect("it is served")
}

#[tokio::test]
async fn a_caller_that_asks_for_no_version_is_answered_by_the_first_as_ever() {
    let world = World::new().await;
    let _serving = serve(&world).await;
    let [plain, correlated, number] =
        call(&world, ["success", "correlated", "version_number"]).await;
    for (seen, area) in [(plain, 40), (correlated, 6), (number, 12)] {
        let value = json!({"type": "success", "value": area, "message": ""});
        assert_eq!(seen.content(), &value, "{}", seen.case);
    }
}

#[tokio::test]
async fn a_caller_that_asks_for_a_version_gets_it_also_by_a_number() {
    let world = World::new().await;
    let _serving = serve(&world).await;
    let [text, number] = call(&world, ["second_version", "second_version_as_a_number"]).await;
    let value = json!({"type": "success", "value": "10 by 4 at 10", "message": ""});
    assert_eq!(text.content(), &value);
    assert_eq!(number.content(), &value);
}

#[tokio::test]
async fn a_caller_that_asks_for_a_version_that_is_not_served_is_told_which_are() {
    let world = World::new().await;
    let _serving = serve(&world).await;
    let [unknown] = call(&world, ["third_version"]).await;
    let text = "this service answers command `area` in versions 1 and 2; version 3 was asked for";
    assert_eq!(unknown.exception(), ("Incompatible", text));
}

#[tokio::test]
async fn a_caller_whose_signature_does_not_fit_is_told_what() {
    let world = World::new().await;
    let _serving = serve(&world).await;
    let [other] = call(&world, ["another_signature"]).await;
    let text = "`area` takes `h` as u32, the request has str";
    assert_eq!(other.exception(), ("Incompatible", text));
}
