//! The broker is killed and started again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

use crate::world::{connect, node, producer, serve};

#[tokio::test(flavor = "multi_thread")]
async fn services_calls_and_sends_go_on_when_the_broker_comes_back() {
    let mut node = node().await;
    let (ours, theirs) = (connect(&node.url()).await, connect(&node.url()).await);
    let (desk, serving) = serve(&ours).await;
    let producer = producer(&theirs);
    assert_eq!(producer.rpc::<u64>("double", 1).await.unwrap(), 2);

    let mut node = spawn_blocking(move || {
        node.kill();
        node
    })
    .await
    .unwrap();
    let mut calls = JoinSet::new();
    for n in 0..100_u64 {
        let producer = producer.clone();
        calls.spawn(async move {
            producer.command("tell", ()).await.unwrap();
            (n, producer.rpc::<u64>("double", n).timeout(Duration::from_secs(60)).await.unwrap())
        });
    }
    let node = spawn_blocking(move || {
        node.restart().unwrap();
        node
    })
    .await
    .unwrap();
    while let Some(answered) = calls.join_next().await {
        let (n, doubled) = answered.unwrap();
        assert_eq!(doubled, n * 2);
    }
    assert!(desk.told.load(Ordering::SeqCst) >= 100);
    drop(serving);
    drop(node);
}
