//! A caller under replies that are none: each call ends with an error, and the next good answer is
//! taken, at the reply address that all calls share.

use postage_core::transport::{Delivery, Properties, Publication};
use postage_core::{Broker, CallFault, Exchange, Fingerprint, Producer, Queue, Route};
use uuid::Uuid;

use crate::bodies::Bodies;
use crate::{BODIES, DEADLINE, LIMIT, consume, soon, within};

const ANSWER: &[u8] = br#"{"type":"result","name":"none","category":"message","content":{"type":"success","value":40,"message":""}}"#;

/// Publishes to the reply address of a request.
async fn reply(broker: &Broker, request: &Delivery, id: Option<&str>, body: Vec<u8>) {
    let to = request.properties.reply_to.as_deref().expect("it asks for a reply");
    let mut properties = Properties::default();
    properties.correlation_id = id.map(|id| id.to_owned().into());
    let route = Route::to_queue(to.to_owned());
    let reply = Publication::new(route, properties, body).mandatory(false);
    within("a confirm", broker.transport().publish(reply)).await.expect("the broker takes it");
}

pub(crate) async fn a_thousand_malformed_replies(broker: Broker) {
    let queue = format!("malformed-replies-{}", Uuid::new_v4());
    let own = Queue::new(queue.clone()).durable(false).exclusive(true);
    broker.declare_queue(&own).await.expect("a queue");
    let mut requests = consume(&broker, &queue).await;
    let producer = Producer::new(&broker.with_max_body(LIMIT), Fingerprint::new("test", "test"))
        .eks([(Exchange::DEFAULT, queue)])
        .timeout(DEADLINE)
        .max_retry(0);

    for body in Bodies::new(4021, LIMIT).take(BODIES) {
        let call = tokio::spawn(producer.rpc::<u32>("ask", ()));
        let request = soon(&mut requests).await;
        let id = request.properties.correlation_id.clone().expect("it has an id");
        // To nobody, to somebody else, and then to the call.
        reply(&broker, &request, None, body.bytes.clone()).await;
        reply(&broker, &request, Some("somebody else"), body.bytes.clone()).await;
        reply(&broker, &request, Some(&*id), body.bytes).await;
        let ended = within("the call to end", call).await.expect("no panic");
        assert!(matches!(ended, Err(CallFault::Malformed { .. })), "{ended:?}");
    }

    let call = tokio::spawn(producer.rpc::<u32>("ask", ()));
    let request = soon(&mut requests).await;
    let id = request.properties.correlation_id.clone();
    reply(&broker, &request, id.as_deref(), ANSWER.to_vec()).await;
    assert_eq!(within("the answer", call).await.expect("no panic").expect("it is answered"), 40);
    within("the end", broker.close()).await.expect("the connection is closed");
}
