//! The private node does what the suites rely on.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use testbed::{Proxy, RabbitMq};

/// Begins an AMQP connection, and reads the first bytes of the server's `connection.start`.
fn begin_amqp(proxy: &Proxy) -> std::io::Result<[u8; 11]> {
    let mut client = TcpStream::connect(proxy.address())?;
    client.write_all(b"AMQP\0\0\x09\x01")?;
    let mut answer = [0; 11];
    client.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_node_starts_dies_comes_back_on_its_port_and_stops() {
    let mut node = RabbitMq::start().unwrap();
    let (url, port) = (node.url(), node.port());
    assert!(!node.version().is_empty());
    TcpStream::connect(("127.0.0.1", port)).unwrap();

    node.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "a killed node listens no more");

    node.restart().unwrap();
    assert_eq!(node.url(), url);
    TcpStream::connect(("127.0.0.1", port)).unwrap();

    drop(node);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "a dropped node listens no more");
}

#[test]
fn a_node_does_what_it_is_told_and_says_when_it_cannot() {
    let node = RabbitMq::start().unwrap();
    assert_eq!(node.control(&["eval", "1 + 1."]).unwrap(), "2");
    let error = node.control(&["no_such_command"]).unwrap_err().to_string();
    assert!(error.contains("rabbitmqctl no_such_command"), "{error}");
}

#[test]
fn two_nodes_run_beside_each_other() {
    let (one, other) = (RabbitMq::start().unwrap(), RabbitMq::start().unwrap());
    assert_ne!(one.port(), other.port());
}

#[test]
fn a_proxy_outlives_its_node_and_reaches_it_again() {
    let mut node = RabbitMq::start().unwrap();
    let proxy = Proxy::start(node.address()).unwrap();
    assert_eq!(proxy.url(&node), format!("amqp://guest:guest@{}", proxy.address()));
    // A method frame on channel 0, and in it method 10 of class 10.
    let is_start = |answer: [u8; 11]| answer[..3] == [1, 0, 0] && answer[7..] == [0, 10, 0, 10];
    assert!(is_start(begin_amqp(&proxy).unwrap()));

    node.kill();
    assert_eq!(begin_amqp(&proxy).unwrap_err().kind(), ErrorKind::ConnectionReset);

    node.restart().unwrap();
    assert!(is_start(begin_amqp(&proxy).unwrap()));
}
