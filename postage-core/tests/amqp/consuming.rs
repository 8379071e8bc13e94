use postage_core::TransportError;
use postage_core::transport::{Settlement, Transport};

use super::{connect, next, queue, send, source, subscribe, take, within};

#[tokio::test]
async fn a_deleted_queue_cancels_its_consumer() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut subscription = subscribe(&transport, &queue, 10).await;
    transport.delete_queue(&queue).await.unwrap();
    for _ in 0..2 {
        match within(subscription.next()).await {
            Err(TransportError::ConsumerCancelled { queue: named, .. }) => assert_eq!(named, queue),
            other => panic!("{other:?}"),
        }
    }
    transport.delete_queue(&queue).await.unwrap(); // deleting what is not there is no error
}

#[tokio::test]
async fn a_cancelled_subscription_hands_out_what_has_arrived_and_ends() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    for body in ["0", "1", "2"] {
        send(&transport, &queue, body).await;
    }
    let mut subscription = subscribe(&transport, &queue, 10).await;
    next(&mut subscription).await.settle(Settlement::Ack).await.unwrap();
    subscription.cancel().await.unwrap();
    subscription.cancel().await.unwrap();
    let mut arrived = 1;
    while let Some(delivery) = within(subscription.next()).await.unwrap() {
        delivery.settle(Settlement::Ack).await.unwrap();
        arrived += 1;
    }
    assert!(within(subscription.next()).await.unwrap().is_none());
    send(&transport, &queue, "3").await;
    let rest = take(&transport, &queue).await;
    assert_eq!(rest.body, arrived.to_string().as_bytes(), "each was delivered once");
}

#[tokio::test]
async fn a_dropped_subscription_gives_back_what_it_had_not_handed_out() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    for body in ["0", "1", "2"] {
        send(&transport, &queue, body).await;
    }
    let mut subscription = subscribe(&transport, &queue, 3).await;
    let first = next(&mut subscription).await;
    drop(subscription);

    let mut other = subscribe(&transport, &queue, 0).await;
    for body in ["1", "2"] {
        let delivery = next(&mut other).await;
        assert_eq!(delivery.body, body.as_bytes());
        delivery.settle(Settlement::Ack).await.unwrap();
    }
    first.settle(Settlement::Ack).await.unwrap(); // handed out: still its holder's to settle
    send(&transport, &queue, "last").await;
    assert_eq!(&next(&mut other).await.body[..], b"last");
}

#[tokio::test]
async fn a_dropped_delivery_goes_back_to_its_queue() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    send(&transport, &queue, "x").await;
    let mut subscription = subscribe(&transport, &queue, 1).await;
    drop(next(&mut subscription).await);
    let again = next(&mut subscription).await;
    assert!(again.redelivered);
    again.settle(Settlement::Ack).await.unwrap();
}

#[tokio::test]
async fn with_auto_ack_a_dropped_delivery_is_done() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    for body in ["0", "1"] {
        send(&transport, &queue, body).await;
    }
    let mut unsettled = source(&queue, 0);
    unsettled.auto_ack = true;
    let mut subscription = transport.consume(unsettled).await.unwrap();
    drop(next(&mut subscription).await);
    let second = next(&mut subscription).await;
    assert_eq!(&second.body[..], b"1");
    second.settle(Settlement::Ack).await.unwrap();
    subscription.cancel().await.unwrap();
    send(&transport, &queue, "2").await;
    assert_eq!(&take(&transport, &queue).await.body[..], b"2");
}

#[tokio::test]
async fn an_exclusive_consumer_keeps_others_out() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut alone = source(&queue, 1);
    alone.exclusive = true;
    let _first = transport.consume(alone).await.unwrap();
    let refused = transport.consume(source(&queue, 1)).await.unwrap_err();
    assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}");
}
