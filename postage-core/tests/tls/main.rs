//! `amqps://` against a RabbitMQ with a certificate of the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod authority;
#[path = "../amqp/raw.rs"]
mod raw;

use std::time::Duration;

use authority::Authority;
use postage_core::transport::{
    AmqpTransport, Delivery, Properties, Publication, Source, Transport, TransportError,
};
use postage_core::{Config, Queue, Route};
use raw::{RawPeer, long};
use testbed::RabbitMq;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// A message through a queue of its own, there and back.
async fn there_and_back(config: &Config) -> Result<Delivery, TransportError> {
    let work = async {
        let transport = AmqpTransport::connect(config).await?;
        let queue = transport.declare_queue(&Queue::server_named()).await?;
        let source = Source::new(queue.clone()).prefetch(1).auto_ack(true);
        let mut subscription = transport.consume(source).await?;
        let mut properties = Properties::default();
        properties.message_id = Some("one".into());
        let body = vec![b'x'; 300_000];
        let route = Route::to_queue(queue);
        let sent = Publication::new(route, properties, body);
        transport.publish(sent).await?;
        subscription.next().await.map(|delivery| delivery.expect("the subscription ended"))
    };
    timeout(DEADLINE, work).await.expect("it hung")
}

/// The reason of an error that is about connecting.
async fn refused(config: &Config) -> String {
    match there_and_back(config).await {
        Err(TransportError::Connect { reason, .. }) => reason,
        other => panic!("it is no error about connecting: {other:?}"),
    }
}

#[tokio::test]
async fn connections_are_made_with_who_is_trusted_and_with_nobody_else() {
    let authority = Authority::new("the tests' own authority");
    let stranger = Authority::new("another authority");
    let certificates = authority.certificates();
    let ca = certificates.ca.clone();
    let node = spawn_blocking(move || RabbitMq::start_with_tls(&certificates).unwrap());
    let node = node.await.unwrap();
    let url = node.tls_url().unwrap();

    let trusting = Config::new(&*url).ca_certificate(ca);
    assert_eq!(there_and_back(&trusting).await.unwrap().body.len(), 300_000);

    for config in [Config::new(&*url), Config::new(&*url).ca_certificate(stranger.pem())] {
        let reason = refused(&config).await;
        assert!(reason.contains("certificate") && reason.contains("UnknownIssuer"), "{reason}");
    }
    let reason = refused(&trusting.clone().host("localhost")).await;
    assert!(reason.contains("not valid for name"), "{reason}");

    let (certificate, key) = authority.client();
    there_and_back(&trusting.clone().client_certificate(certificate, key)).await.unwrap();
    // With TLS 1.3 the broker says so after the handshake, and hangs up: which of the two arrives
    // is chance.
    let (certificate, key) = stranger.client();
    refused(&trusting.client_certificate(certificate, key)).await;
    drop(node);
}

#[tokio::test]
async fn what_cannot_be_read_is_held_back_behind_tls_too() {
    let authority = Authority::new("the tests' own authority");
    let certificates = authority.certificates();
    let node = spawn_blocking(move || RabbitMq::start_with_tls(&certificates).unwrap());
    let node = node.await.unwrap();
    let config = Config::new(node.tls_url().unwrap()).ca_certificate(authority.pem());
    let transport = AmqpTransport::connect(&config).await.unwrap();
    let queue = transport.declare_queue(&Queue::server_named()).await.unwrap();
    let (url, key) = (node.url(), queue.clone());
    let attack = move || {
        let deep = (0..20_000).fold(b"V".to_vec(), |value, _| [b"A", &long(&value)[..]].concat());
        let headers = long(&[b"\x04deep", &deep[..]].concat());
        let mut peer = RawPeer::connect(&url);
        peer.publish(b"", key.as_bytes(), 1 << 13, &headers, b"body");
        peer.close();
    };
    spawn_blocking(attack).await.unwrap();
    let source = Source::new(queue.to_owned()).prefetch(1).auto_ack(true);
    let mut subscription = transport.consume(source).await.unwrap();
    let delivery = timeout(DEADLINE, subscription.next()).await.unwrap().unwrap().unwrap();
    let unreadable = "application/x-unreadable-properties";
    assert_eq!(delivery.properties.content_type.as_deref(), Some(unreadable));
    drop(node);
}

#[tokio::test]
async fn what_is_no_pem_is_told_before_anything_is_sent() {
    let config = Config::new("amqps://localhost");
    let key = "-----BEGIN PRIVATE KEY-----";
    for (config, named) in [
        (config.clone().ca_certificate("ca.pem"), "the CA certificate"),
        (config.clone().client_certificate("cert.pem", key), "the client's certificate"),
        (config.client_certificate("-----BEGIN CERTIFICATE-----", "k3y"), "the client's key"),
    ] {
        let error = AmqpTransport::connect(&config).await.unwrap_err();
        assert!(matches!(error, TransportError::Address { .. }), "{error}");
        let shown = format!("{error} {config:?}");
        assert!(shown.contains(named) && !shown.contains("k3y"), "{shown}");
    }
}
