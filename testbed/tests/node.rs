//! The private node does what the suites rely on.

use std::net::TcpStream;

use testbed::RabbitMq;

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
fn two_nodes_run_beside_each_other() {
    let (one, other) = (RabbitMq::start().unwrap(), RabbitMq::start().unwrap());
    assert_ne!(one.port(), other.port());
}
