//! We ask, Python answers what is no answer.

use std::time::Duration;

use postage_core::CallFault;

use crate::calling::client;
use crate::python::Server;
use crate::world::{World, within};

/// The commands whose replies are malformed, and what the error must name.
const MALFORMED: [(&str, &str); 12] = [
    ("unknown_type", "`maybe`"),
    ("no_result_type", "`type`"),
    ("no_value", "`value`"),
    ("no_message", "`message`"),
    ("content_is_a_list", "object"),
    ("not_json", "not JSON"),
    ("not_utf8", "not JSON"),
    ("empty", "not JSON"),
    ("truncated", "not JSON"),
    ("not_an_object", "not an object"),
    ("no_content", "`content`"),
    ("too_deep", "nested deeper than the limit of 127 levels"),
];

#[tokio::test]
async fn a_malformed_reply_is_an_error_that_names_what_is_wrong_and_is_not_waited_out() {
    let world = World::new().await;
    let _server = Server::start(&world).await;
    let client = client(&world);
    for (command, named) in MALFORMED {
        let call = client.producer().rpc::<serde_json::Value>(command, ());
        let call = call.timeout(Duration::from_secs(3600));
        match within(command, call).await {
            Err(CallFault::Malformed { reason }) => {
                assert!(reason.contains(named), "{command}: {reason}");
            }
            other => panic!("{command}: {other:?}"),
        }
    }
    assert_eq!(client.area(10, 4).await.unwrap(), 40);
    world.leave().await;
}
