use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::transport::Transport;
use postage_core::{FieldValue, Overflow, Queue, Route, TransportError};

use super::{connect, message, queue, send, take, unique, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_concurrent_publishers_learns_whether_its_own_message_was_routed() {
    const MESSAGES: usize = 1000;
    const ROUNDS: usize = 20;
    let transport = connect().await;
    let durable = Queue::new(unique("durable")).expires(Duration::from_secs(60)).max_length(10);
    let durable = transport.declare_queue(&durable).await.unwrap();
    let transient = queue(&transport).await;
    for round in 0..ROUNDS {
        let publications = (0..MESSAGES).map(|number| {
            let nowhere = (number * 7 + round).is_multiple_of(3);
            let to = match (nowhere, number % 2) {
                (true, _) => unique("nowhere"),
                (false, 0) => durable.clone(),
                (false, _) => transient.clone(),
            };
            let mut publication = message(Route::to_queue(to), "x");
            // On the durable queue the broker confirms these after it has returned others.
            publication.properties.persistent = true;
            let transport = &transport;
            async move { (nowhere, transport.publish(publication).await) }
        });
        for (nowhere, outcome) in within(join_all(publications)).await {
            match outcome {
                Err(TransportError::Unroutable { .. }) => assert!(nowhere, "round {round}"),
                Ok(()) => assert!(!nowhere, "round {round}: an unroutable message was confirmed"),
                other => panic!("round {round}: {other:?}"),
            }
        }
    }
    transport.delete_queue(&durable).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_in_tasks_of_their_own_learn_the_same() {
    let transport = Arc::new(connect().await);
    let queue = queue(&transport).await;
    let publisher = |publisher: usize| {
        let (transport, queue) = (Arc::clone(&transport), queue.clone());
        tokio::spawn(async move {
            for number in 0..300 {
                let nowhere = (publisher + number).is_multiple_of(2);
                let to = if nowhere { unique("nowhere") } else { queue.clone() };
                let outcome = transport.publish(message(Route::to_queue(to), "x")).await;
                let unroutable = matches!(outcome, Err(TransportError::Unroutable { .. }));
                assert_eq!(unroutable, nowhere, "{outcome:?}");
            }
        })
    };
    for outcome in within(join_all((0..16).map(publisher))).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn two_messages_under_way_with_one_id_are_told_apart_by_their_route() {
    let transport = connect().await;
    let routed = message(Route::to_queue(queue(&transport).await), "x");
    let mut lost = message(Route::to_queue(unique("nowhere")), "x");
    lost.properties.message_id = routed.properties.message_id.clone();
    let (routed, lost) = tokio::join!(transport.publish(routed), transport.publish(lost));
    routed.unwrap();
    assert!(matches!(lost, Err(TransportError::Unroutable { .. })), "{lost:?}");
}

#[tokio::test]
async fn a_mandatory_message_without_an_id_is_refused() {
    let transport = connect().await;
    let mut publication = message(Route::to_queue("any"), "x");
    publication.properties.message_id = None;
    let error = transport.publish(publication).await.unwrap_err();
    assert!(error.to_string().contains("message id"), "{error}");
}

#[tokio::test]
async fn a_message_that_is_not_mandatory_may_go_nowhere() {
    let transport = connect().await;
    let mut publication = message(Route::to_queue(unique("nowhere")), "x");
    publication.mandatory = false;
    within(transport.publish(publication)).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_the_message() {
    let transport = connect().await;
    let full = Queue::new(unique("full")).durable(false).exclusive(true);
    let full = full.max_length(0).overflow(Overflow::RejectPublish);
    let full = transport.declare_queue(&full).await.unwrap();
    let outcome = within(transport.publish(message(Route::to_queue(full), "x"))).await;
    assert!(matches!(outcome, Err(TransportError::NotConfirmed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_unconfirmed_message_arrives() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut publication = message(Route::to_queue(queue.clone()), "unconfirmed");
    publication.confirm = false;
    within(transport.publish(publication)).await.unwrap();
    assert_eq!(&take(&transport, &queue).await.body[..], b"unconfirmed");
}

#[tokio::test]
async fn properties_and_headers_survive_the_broker() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut publication = message(Route::to_queue(queue.clone()), "x");
    let properties = &mut publication.properties;
    properties.content_type = Some("application/json".into());
    properties.expiration = Some(Duration::from_secs(60));
    properties.timestamp = Some(1_700_000_000);
    properties.persistent = true;
    properties.priority = Some(3);
    properties.set_header("attempt", 3_i64);
    properties.set_header("list", FieldValue::List(vec![true.into(), "é".into()]));
    let sent = properties.clone();
    within(transport.publish(publication)).await.unwrap();
    let delivery = take(&transport, &queue).await;
    assert_eq!(delivery.properties, sent);
    assert_eq!(delivery.route, Route::to_queue(queue));
    assert!(!delivery.redelivered);
}

#[tokio::test]
async fn a_body_of_several_frames_arrives_whole() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let body = "0123456789".repeat(50_000);
    send(&transport, &queue, &body).await;
    assert_eq!(take(&transport, &queue).await.body, body.as_bytes());
}

#[tokio::test]
async fn an_empty_body_arrives() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    send(&transport, &queue, "").await;
    assert!(take(&transport, &queue).await.body.is_empty());
}
