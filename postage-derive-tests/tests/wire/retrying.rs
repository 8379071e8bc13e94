//! We ask, Python is slow.

use std::time::{Duration, Instant};

use postage_core::CallFault;

use crate::calling::client;
use crate::python::Server;
use crate::world::World;

const ATTEMPT: Duration = Duration::from_millis(800);

/// Names and ids of the requests that the server has taken, so many.
async fn taken(server: &mut Server, count: usize) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let heard = server.heard().await;
        let text = |part: &str, key: &str| heard[part][key].as_str().unwrap_or("-").to_owned();
        taken.push((text("body", "name"), text("properties", "message_id")));
    }
    taken
}

#[tokio::test]
async fn a_request_is_sent_again_under_the_same_id_until_it_is_answered() {
    let world = World::new().await;
    let mut server = Server::start(&world).await;
    let call = client(&world).third_time().timeout(ATTEMPT).max_retry(20);
    assert_eq!(call.await.unwrap(), 40);
    let taken = taken(&mut server, 3).await;
    assert!(taken.iter().all(|request| request == &taken[0]), "{taken:?}");
    assert_eq!(taken[0].0, "third_time");
    world.leave().await;
}

#[tokio::test]
async fn an_answer_to_an_earlier_attempt_still_counts() {
    let world = World::new().await;
    let _server = Server::start(&world).await;
    let call = client(&world).late().timeout(ATTEMPT).max_retry(20);
    assert_eq!(call.await.unwrap(), 40);
    world.leave().await;
}

#[tokio::test]
async fn a_call_that_is_passed_over_times_out_after_as_many_attempts_as_allowed() {
    let world = World::new().await;
    let mut server = Server::start(&world).await;
    let client = client(&world);
    let started = Instant::now();
    match client.passed_over().timeout(ATTEMPT).max_retry(2).await {
        Err(CallFault::TimedOut { attempts, waited, uncorrelated, .. }) => {
            assert_eq!((attempts, uncorrelated), (3, 0));
            assert!(waited >= 3 * ATTEMPT, "{waited:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() >= 3 * ATTEMPT);
    // No more than that was sent: the next that the server hears is another call.
    assert_eq!(client.area(10, 4).await.unwrap(), 40);
    let names: Vec<_> = taken(&mut server, 4).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["passed_over", "passed_over", "passed_over", "area"]);
    world.leave().await;
}

#[tokio::test]
async fn without_retries_a_request_is_sent_once() {
    let world = World::new().await;
    let mut server = Server::start(&world).await;
    let client = client(&world);
    let silent = client.passed_over().timeout(ATTEMPT).max_retry(0).await;
    assert!(matches!(silent, Err(CallFault::TimedOut { attempts: 1, .. })), "{silent:?}");
    assert_eq!(client.area(10, 4).await.unwrap(), 40);
    let names: Vec<_> = taken(&mut server, 2).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["passed_over", "area"]);
    world.leave().await;
}

#[tokio::test]
async fn a_detached_call_is_answered_when_it_is_asked_for() {
    let world = World::new().await;
    let mut server = Server::start(&world).await;
    let ticket = client(&world).area(10, 4).detach().await.unwrap();
    // The request is out before anybody waits for its answer.
    let heard = server.heard().await;
    assert_eq!(heard["properties"]["reply_to"], ticket.reply_to());
    assert_eq!(ticket.await.unwrap(), 40);
    world.leave().await;
}
