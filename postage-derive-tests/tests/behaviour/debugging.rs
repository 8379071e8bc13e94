//! The debug mode: every message in and out, and no secret.

use std::io;
use std::sync::{Arc, Mutex};

use postage_core::Config;
use postage_core::prelude::*;
use serde_json::json;
use tracing::subscriber::DefaultGuard;

use crate::world::{World, within};

struct Vault;

#[message_processor]
impl Vault {
    #[rpc_handler]
    async fn open(&self, user: &str, password: &str) -> String {
        format!("{user} is let in by {} letters", password.len())
    }
}

/// A log in memory.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what this thread logs, until the guard is dropped.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while a service is called over a connection of this configuration.
async fn logged(world: World, config: Config) -> String {
    let connecting = Box::pin(Broker::connect_with(config));
    Box::pin(logged_over(world, async { connecting.await.expect("it lets us in") })).await
}

/// What is logged while a connection is made and a service is called over it.
async fn logged_over(world: World, connecting: impl Future<Output = Broker>) -> String {
    let (log, _logging) = Log::begin();

    let broker = within("the connection", connecting).await;
    let place = world.place("vault");
    let serving = place.serve(&broker, Vault).await;
    let parameters = json!({ "user": "ann", "password": "s3same" });
    let call = place.producer(&broker).rpc::<String>("open", parameters);
    assert_eq!(within("an answer", call).await.unwrap(), "ann is let in by 6 letters");
    within("the drain", serving.drain(crate::world::DEADLINE)).await;
    log.text()
}

fn assert_shows_the_traffic(log: &str) {
    let traffic = log.lines().filter(|line| line.contains("postage::traffic"));
    let directions: Vec<_> =
        traffic.map(|line| if line.contains("direction=\"out\"") { "out" } else { "in" }).collect();
    assert_eq!(
        directions,
        ["out", "in", "out", "in"],
        "a request and its answer, each twice: {log}"
    );
    assert!(log.contains("ann is let in"), "{log}");
    assert!(!log.contains("s3same"), "{log}");
}

#[tokio::test]
async fn in_memory_the_debug_mode_shows_each_message_and_no_password() {
    let config = Config::new("memory://behaviour-debugging").debug(true);
    assert_shows_the_traffic(&logged(World::memory(), config).await);
}

#[tokio::test]
async fn the_debug_mode_can_be_set_on_a_connection() {
    let debugging = async { Broker::memory().with_debug(true) };
    assert_shows_the_traffic(&logged_over(World::memory(), debugging).await);
    let silent = async { Broker::memory().with_debug(true).with_debug(false) };
    let log = logged_over(World::memory(), silent).await;
    assert!(!log.contains("ann"), "{log}");
}

#[tokio::test]
async fn on_rabbitmq_the_debug_mode_shows_each_message_and_no_password() {
    let config = Config::new(testbed::broker_url()).debug(true);
    let log = logged(World::rabbitmq(), config).await;
    assert_shows_the_traffic(&log);
    let url = testbed::broker_url();
    assert!(!log.contains(&url), "the address, with its password, stays out of the log: {log}");
}

#[tokio::test]
async fn without_the_debug_mode_nothing_of_a_message_is_shown() {
    let config = Config::new("memory://behaviour-silence").debug(false);
    let log = logged(World::memory(), config).await;
    assert!(!log.contains("ann"), "{log}");
}
