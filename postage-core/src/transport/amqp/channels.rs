//! Channels that are open and idle, kept for the next operation.

use std::sync::{Arc, Mutex, PoisonError};

use lapin::Channel;
use tokio::sync::Semaphore;

use super::fault;
use super::wire::Wire;
use crate::transport::TransportError;

/// How many operations run at once; the others wait. A connection has some two thousand channels,
/// and consumers need them too.
const MOST_AT_ONCE: usize = 16;
/// More operations at once than this is not worth keeping channels for.
const MOST_IDLE: usize = 4;

/// Gives each operation a channel of its own: the broker answers a refused operation by closing
/// its channel, and then nothing else goes with it.
#[derive(Debug)]
pub(super) struct Channels {
    connection: Arc<Wire>,
    idle: Mutex<Vec<Channel>>,
    places: Semaphore,
}

impl Channels {
    pub(super) fn new(connection: Arc<Wire>) -> Self {
        Self { connection, idle: Mutex::default(), places: Semaphore::new(MOST_AT_ONCE) }
    }

    /// Runs one operation. When it is cancelled, its channel is closed: the answer that is still
    /// to come belongs to nobody.
    pub(super) async fn run<T, F>(
        &self,
        operation: impl FnOnce() -> String,
        work: impl FnOnce(Channel) -> F,
    ) -> Result<T, TransportError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        // It is never closed.
        let _place = self.places.acquire().await.map_err(|_| fault::closed())?;
        let asked = async {
            let channel = match self.take() {
                Some(channel) => channel,
                None => self.connection.create_channel().await?,
            };
            let answer = work(channel.clone()).await?;
            self.put(channel);
            Ok(answer)
        };
        self.connection.unless_closed(asked, operation).await
    }

    fn take(&self) -> Option<Channel> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|channel| channel.status().connected());
        idle.pop()
    }

    fn put(&self, channel: Channel) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(channel);
        }
    }
}
