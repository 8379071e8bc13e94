use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::transport::{AmqpTransport, Settlement, Transport};
use postage_core::{Config, Queue, Route, TransportError};
use testbed::RabbitMq;
use tokio::task::spawn_blocking;

use super::{connect, message, next, queue, send, subscribe, within};

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let config = Config::new(testbed::broker_url()).user("ann").password("s3cret");
    let error = within(AmqpTransport::connect(&config)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error}");
    let shown = format!("{error} {error:?} {config:?}");
    assert!(shown.contains("ACCESS_REFUSED") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_missing_virtual_host_is_named() {
    let config = Config::new(testbed::broker_url()).vhost("no-such-world");
    let error = within(AmqpTransport::connect(&config)).await.unwrap_err();
    assert!(error.to_string().contains("no-such-world"), "{error}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_connect_error_with_the_address() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = Config::new("amqp://127.0.0.1").port(port);
    let error = within(AmqpTransport::connect(&config)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn a_broker_that_never_answers_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config::new("amqp://127.0.0.1")
        .port(silent.local_addr().unwrap().port())
        .connect_timeout(Duration::from_millis(200));
    let error = within(AmqpTransport::connect(&config)).await.unwrap_err();
    assert!(error.to_string().contains("200ms"), "{error}");
}

#[tokio::test]
async fn after_close_everything_fails_at_once_and_closing_again_is_fine() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut subscription = subscribe(&transport, &queue, 1).await;
    within(transport.close()).await.unwrap();
    within(transport.close()).await.unwrap();
    let error = within(subscription.next()).await.unwrap_err();
    assert!(matches!(error, TransportError::Disconnected { .. }), "{error}");
    let error = transport.publish(message(Route::to_queue(queue), "x")).await.unwrap_err();
    assert!(matches!(error, TransportError::Disconnected { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_broker_is_killed_what_is_under_way_and_what_follows_is_disconnected() {
    let mut node = spawn_blocking(RabbitMq::start).await.unwrap().unwrap();
    let transport = AmqpTransport::connect(&Config::new(node.url())).await.unwrap();
    let queue = queue(&transport).await;
    let mut subscription = subscribe(&transport, &queue, 1).await;
    send(&transport, &queue, "x").await;
    let delivery = next(&mut subscription).await;

    let publishing = async {
        loop {
            let to = || Route::to_queue(queue.clone());
            let burst = (0..100).map(|_| transport.publish(message(to(), "x")));
            if let Some(error) = join_all(burst).await.into_iter().find_map(Result::err) {
                return error;
            }
        }
    };
    let killing = spawn_blocking(move || {
        node.kill();
        node
    });
    let (error, node) = within(async { tokio::join!(publishing, killing) }).await;
    let errors = [
        error,
        within(subscription.next()).await.unwrap_err(),
        within(delivery.settle(Settlement::Ack)).await.unwrap_err(),
        within(transport.declare_queue(&Queue::server_named())).await.unwrap_err(),
        within(transport.publish(message(Route::to_queue("any"), "x"))).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, TransportError::Disconnected { .. }), "{error}");
    }
    within(transport.close()).await.unwrap();
    drop(node);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_to_a_port_that_speaks_none_is_a_connect_error() {
    let plain = testbed::broker_url();
    let config = Config::new(plain.replace("amqp://", "amqps://"));
    let error = within(AmqpTransport::connect(&config)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error}");
}
