//! Each fault against a plain echo server.

mod server;

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Direction, Proxy};
use server::EchoServer;

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);
/// How long nothing must come. A byte that goes through takes far less.
const QUIET: Duration = Duration::from_millis(150);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.expect("this takes far too long")
}

async fn set_up() -> (EchoServer, Proxy) {
    let server = EchoServer::start().await;
    let proxy = Proxy::start(server.address).unwrap();
    (server, proxy)
}

async fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
    in_time(TcpStream::connect(proxy.address())).await
}

/// Connects, and waits until the connection goes all the way.
async fn connected(proxy: &Proxy) -> TcpStream {
    let mut client = connect(proxy).await.unwrap();
    assert_echo(&mut client, b"hello").await;
    client
}

async fn assert_reads(client: &mut TcpStream, expected: &[u8]) {
    let mut answer = vec![0; expected.len()];
    in_time(client.read_exact(&mut answer)).await.unwrap();
    assert!(answer == expected, "other bytes came back");
}

async fn assert_echo(client: &mut TcpStream, message: &[u8]) {
    in_time(client.write_all(message)).await.unwrap();
    assert_reads(client, message).await;
}

async fn assert_silent(client: &mut TcpStream) {
    let read = timeout(QUIET, client.read(&mut [0; 16])).await;
    assert!(read.is_err(), "wanted silence, got {read:?}");
}

async fn assert_reset(client: &mut TcpStream) {
    let error = in_time(client.read(&mut [0; 16])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

async fn assert_end(client: &mut TcpStream) {
    assert_eq!(in_time(client.read(&mut [0; 16])).await.unwrap(), 0);
}

#[tokio::test]
async fn bytes_and_the_end_of_the_stream_pass_both_ways() {
    let (server, proxy) = set_up().await;
    let mut client = connect(&proxy).await.unwrap();
    assert_echo(&mut client, &[7; 100_000]).await;
    client.shutdown().await.unwrap();
    assert_end(&mut client).await;
    in_time(server.wait(|seen| seen.open == 0 && seen.received.len() == 100_000)).await;
    proxy.wait_for_open(0, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_target_that_refuses_resets_the_client() {
    let (server, proxy) = set_up().await;
    server.stop().await;
    // The reset may come before the connect has returned.
    match connect(&proxy).await {
        Ok(mut client) => assert_reset(&mut client).await,
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn connections_are_counted_and_waited_for() {
    let (_server, proxy) = set_up().await;
    assert_eq!((proxy.connections(), proxy.total_connections()), (0, 0));
    let (one, two) = (connect(&proxy).await.unwrap(), connect(&proxy).await.unwrap());
    proxy.wait_for_connections(2, LIMIT).await.unwrap();
    assert_eq!((proxy.connections(), proxy.total_connections()), (2, 2));
    drop(one);
    proxy.wait_for_open(1, LIMIT).await.unwrap();
    drop(two);
    proxy.wait_for_open(0, LIMIT).await.unwrap();
    assert_eq!(proxy.total_connections(), 2);

    let error = proxy.wait_for_connections(3, Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("0 open connections, 2 in all; wanted: at least 3"), "{error}");
}

#[tokio::test]
async fn cut_resets_the_connections_of_now_and_lets_new_ones_through() {
    let (server, proxy) = set_up().await;
    let (mut one, mut two) = (connected(&proxy).await, connected(&proxy).await);
    proxy.cut();
    assert_eq!(proxy.connections(), 0);
    assert_reset(&mut one).await;
    assert_reset(&mut two).await;
    in_time(server.wait(|seen| seen.open == 0)).await;
    connected(&proxy).await;
}

#[tokio::test]
async fn two_hundred_cuts_leave_nothing_behind() {
    let (server, proxy) = set_up().await;
    for _ in 0..200 {
        let mut client = connected(&proxy).await;
        proxy.cut();
        assert_reset(&mut client).await;
    }
    assert_eq!((proxy.connections(), proxy.total_connections()), (0, 200));
    in_time(server.wait(|seen| seen.open == 0)).await;
}

#[tokio::test]
async fn a_sender_that_nobody_reads_is_cut_too() {
    let (_server, proxy) = set_up().await;
    let mut client = connect(&proxy).await.unwrap();
    proxy.stall_only(Direction::ToClient);
    let all = async { while client.write_all(&[0; 65_536]).await.is_ok() {} };
    tokio::pin!(all);
    assert!(timeout(QUIET, all.as_mut()).await.is_err(), "the buffers on the way have an end");
    proxy.cut();
    in_time(all).await;
}

#[tokio::test]
async fn hang_up_ends_the_streams_in_good_order() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.hang_up();
    assert_eq!(proxy.connections(), 0);
    assert_end(&mut client).await;
    in_time(server.wait(|seen| seen.open == 0)).await;
    connected(&proxy).await;
}

#[tokio::test]
async fn refuse_cuts_and_refuses_until_restored_on_the_same_port() {
    let (server, proxy) = set_up().await;
    let address = proxy.address();
    for _ in 0..3 {
        let mut client = connected(&proxy).await;
        proxy.refuse();
        assert_reset(&mut client).await;
        in_time(server.wait(|seen| seen.open == 0)).await;
        for _ in 0..3 {
            let error = connect(&proxy).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        proxy.restore().unwrap();
        assert_eq!(proxy.address(), address);
        connected(&proxy).await;
    }
}

#[tokio::test]
async fn stall_holds_bytes_back_and_loses_none() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.stall();
    client.write_all(b"held").await.unwrap();
    assert_silent(&mut client).await;
    assert_eq!(server.received(), b"hello");
    proxy.restore().unwrap();
    assert_reads(&mut client, b"held").await;
}

#[tokio::test]
async fn stall_holds_back_the_end_of_a_stream() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.stall();
    client.shutdown().await.unwrap();
    proxy.wait_for_open(0, LIMIT).await.unwrap();
    assert_silent(&mut client).await;
    assert_eq!(server.open(), 1);
    proxy.restore().unwrap();
    assert_end(&mut client).await;
}

#[tokio::test]
async fn a_connection_made_in_a_stall_reaches_the_server_when_it_is_over() {
    let (server, proxy) = set_up().await;
    proxy.stall();
    let mut client = connect(&proxy).await.unwrap();
    client.write_all(b"early").await.unwrap();
    proxy.wait_for_connections(1, LIMIT).await.unwrap();
    assert_silent(&mut client).await;
    assert_eq!(server.total(), 0);
    proxy.restore().unwrap();
    assert_reads(&mut client, b"early").await;
}

#[tokio::test]
async fn a_stall_to_the_client_lets_the_server_hear() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.stall_only(Direction::ToClient);
    client.write_all(b" you").await.unwrap();
    in_time(server.wait(|seen| seen.received == b"hello you")).await;
    assert_silent(&mut client).await;
    proxy.restore().unwrap();
    assert_reads(&mut client, b" you").await;
}

#[tokio::test]
async fn a_stalled_connection_can_be_cut() {
    let (_server, proxy) = set_up().await;
    let mut old = connected(&proxy).await;
    proxy.stall();
    let mut new = connect(&proxy).await.unwrap();
    proxy.wait_for_connections(2, LIMIT).await.unwrap();
    proxy.cut();
    assert_reset(&mut old).await;
    assert_reset(&mut new).await;
}

#[tokio::test]
async fn a_black_hole_keeps_its_connections_for_ever() {
    let (server, proxy) = set_up().await;
    let mut before = connected(&proxy).await;
    proxy.black_hole();
    let mut within = connect(&proxy).await.unwrap();
    proxy.wait_for_connections(2, LIMIT).await.unwrap();
    proxy.restore().unwrap();
    for client in [&mut before, &mut within] {
        client.write_all(b"lost").await.unwrap();
        assert_silent(client).await;
    }
    assert_eq!(proxy.connections(), 2);
    assert_eq!((server.total(), server.received()), (1, b"hello".to_vec()));
    connected(&proxy).await;
}

#[tokio::test]
async fn in_a_black_hole_neither_end_hears_that_the_other_has_gone() {
    let (server, proxy) = set_up().await;
    let (gone, mut left) = (connected(&proxy).await, connected(&proxy).await);
    proxy.black_hole();
    drop(gone);
    proxy.wait_for_open(1, LIMIT).await.unwrap();
    assert_eq!(server.open(), 2);
    server.stop().await;
    assert_silent(&mut left).await;
    proxy.cut();
    assert_reset(&mut left).await;
}

#[tokio::test]
async fn a_black_hole_takes_a_full_connection_too() {
    let (_server, proxy) = set_up().await;
    let mut client = connect(&proxy).await.unwrap();
    proxy.stall_only(Direction::ToServer);
    let all = async {
        for _ in 0..1_000 {
            client.write_all(&[0; 65_536]).await.unwrap();
        }
    };
    tokio::pin!(all);
    assert!(timeout(QUIET, all.as_mut()).await.is_err(), "the buffers on the way have an end");
    proxy.black_hole();
    in_time(all).await;
}

#[tokio::test]
async fn a_black_hole_to_the_client_lets_the_server_hear() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.black_hole_only(Direction::ToClient);
    client.write_all(b" you").await.unwrap();
    in_time(server.wait(|seen| seen.received == b"hello you")).await;
    proxy.restore().unwrap();
    assert_silent(&mut client).await;
    server.stop().await;
    for _ in 0..3 {
        client.write_all(b"anybody?").await.unwrap();
        assert_silent(&mut client).await;
    }
}

#[tokio::test]
async fn slow_keeps_to_its_speed_until_restored() {
    let (_server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.slow_only(Direction::ToServer, 100_000);
    let start = Instant::now();
    assert_echo(&mut client, &[1; 30_000]).await;
    // The first portion goes at once, so it is a little less than 0.3 s.
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());

    proxy.slow(1);
    client.write_all(&[2; 100_000]).await.unwrap();
    proxy.restore().unwrap();
    assert_reads(&mut client, &[2; 100_000]).await;
}

#[tokio::test]
async fn cut_after_lets_so_many_bytes_arrive_and_cuts_once() {
    let (server, proxy) = set_up().await;
    let (mut one, mut two) = (connected(&proxy).await, connected(&proxy).await);
    proxy.cut_after(7);
    assert_echo(&mut one, b"1234").await;
    two.write_all(b"567890").await.unwrap();
    in_time(server.wait(|seen| seen.open == 0)).await;
    assert_eq!(server.received(), b"hellohello1234567");
    // What the server had answered may come first.
    let mut rest = Vec::new();
    let error = in_time(two.read_to_end(&mut rest)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(b"567".starts_with(&rest));
    assert_reset(&mut one).await;

    let mut client = connected(&proxy).await;
    assert_echo(&mut client, &[0; 1_000]).await;
}

#[tokio::test]
async fn restore_forgets_cut_after() {
    let (_server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.cut_after(5);
    proxy.restore().unwrap();
    assert_echo(&mut client, b"ten bytes!").await;
}

#[tokio::test]
async fn dropping_the_proxy_ends_its_connections_and_its_port() {
    let (server, proxy) = set_up().await;
    let mut client = connected(&proxy).await;
    proxy.black_hole();
    let address = proxy.address();
    drop(proxy);
    assert_end(&mut client).await;
    in_time(server.wait(|seen| seen.open == 0)).await;
    let error = in_time(TcpStream::connect(address)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_proxy_stands_before_the_broker_of_an_address() {
    let server = EchoServer::start().await;
    let url = format!("amqp://user:password@{}/vhost?heartbeat=1", server.address);
    let proxy = Proxy::start_before(&url).unwrap();
    connected(&proxy).await;
    let expected = format!("amqp://user:password@{}/vhost?heartbeat=1", proxy.address());
    assert_eq!(proxy.url_for(&url), expected);
}
