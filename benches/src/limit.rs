//! What a call in memory cannot be faster than: a channel there, a oneshot back, and the messages
//! of Postage written and read by serde_json both ways.

use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::baseline::envelope::{self, Asked, Fingerprint};

/// How many requests may wait at the service.
const WAITING: usize = 1024;

type Request = (Vec<u8>, oneshot::Sender<Vec<u8>>);

/// A service behind a channel.
#[derive(Debug)]
pub struct Bare {
    requests: mpsc::Sender<Request>,
    fingerprint: Fingerprint,
}

impl Bare {
    /// Starts the service, in the runtime of now.
    #[must_use]
    pub fn start() -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        tokio::spawn(serve(waiting));
        Self { requests, fingerprint: Fingerprint::new() }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// serde's, and when the service has gone.
    pub async fn call(&self, text: &str) -> Result<String, Error> {
        let (sender, reply) = oneshot::channel();
        let body = envelope::echo(&self.fingerprint, text)?;
        self.requests.send((body, sender)).await?;
        envelope::read_answer(&reply.await?)
    }
}

async fn serve(mut requests: mpsc::Receiver<Request>) {
    while let Some((body, reply)) = requests.recv().await {
        match answer(&body) {
            // The caller may have left.
            Ok(answer) => drop(reply.send(answer)),
            Err(error) => eprintln!("a request was not answered: {error}"),
        }
    }
}

fn answer(body: &[u8]) -> Result<Vec<u8>, Error> {
    match envelope::read(body)? {
        Asked::Echo(text) => envelope::answer(&text),
        Asked::Tell(_) => Err("nobody is told here".into()),
    }
}
