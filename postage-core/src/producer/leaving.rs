//! Calls that are dropped before they are answered, where the service wants to know.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cancellation::{CANCELLED, COMMAND, Left};
use crate::link::Link;
use crate::message::{Envelope, Identity};
use crate::topology::Route;
use crate::transport::{Properties, Publication};

/// How many calls may leave at once. More than that leave without a word: their requests expire.
const MOST_AT_ONCE: usize = 256;

/// How long a connection that is closed waits for the last of them to be told.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Says that calls have left, by a task that is started with the first that may.
#[derive(Debug, Default)]
pub(crate) struct Leaving(OnceLock<Teller>);

#[derive(Debug)]
struct Teller {
    left: mpsc::Sender<Word>,
    task: JoinHandle<()>,
}

/// What is to be told.
#[derive(Debug)]
enum Word {
    /// The call of this id has left.
    Left(String),
    /// All before this is to be told first.
    Last(oneshot::Sender<()>),
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Leaving {
    /// A guard that says so when it is dropped.
    pub(crate) fn guard(&self, link: &Arc<Link>, id: &str) -> Guard {
        let teller = self.0.get_or_init(|| {
            let (left, words) = mpsc::channel(MOST_AT_ONCE);
            Teller { left, task: tokio::spawn(tell(Arc::clone(link), words)) }
        });
        Guard { left: teller.left.clone(), id: Some(id.to_owned()) }
    }

    /// Waits until the services are told of all that have left so far, for a second at most.
    pub(crate) async fn last_words(&self) {
        let Some(teller) = self.0.get() else { return };
        let (last, told) = oneshot::channel();
        let telling = async {
            if teller.left.send(Word::Last(last)).await.is_ok() {
                // It is dropped where nobody tells any more.
                drop(told.await);
            }
        };
        drop(timeout(LAST_WORDS, telling).await);
    }
}

/// Says that its call has left, unless it is told not to.
#[derive(Debug)]
pub(crate) struct Guard {
    left: mpsc::Sender<Word>,
    id: Option<String>,
}

impl Guard {
    /// The call was answered, or its answer is wanted whatever becomes of it here.
    pub(crate) fn stay(mut self) {
        self.id = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            // A full channel means that many leave: the deadlines of their requests do it then.
            drop(self.left.try_send(Word::Left(id)));
        }
    }
}

async fn tell(link: Arc<Link>, mut words: mpsc::Receiver<Word>) {
    let nobody = Identity::new(serde_json::Map::new(), link.transport.vhost());
    while let Some(word) = words.recv().await {
        let id = match word {
            Word::Left(id) => id,
            Word::Last(told) => {
                // Who waited for it may have gone.
                let _ = told.send(());
                continue;
            }
        };
        if let Err(error) = tell_one(&link, &nobody, id).await {
            tracing::debug!(%error, "services could not be told that a caller has left");
        }
    }
}

async fn tell_one(
    link: &Link,
    nobody: &Identity,
    id: String,
) -> Result<(), crate::error::SendError> {
    let json = Envelope::command(COMMAND, Left { id }).to_json(nobody)?;
    let codec = link.codecs.outgoing();
    let body = codec.encode(json).map_err(|error| crate::message::EncodeError::Codec {
        name: "a cancellation".to_owned(),
        reason: error.to_string(),
    })?;
    let properties =
        Properties { content_type: Some(codec.content_type().into()), ..Properties::default() };
    let route = Route::new(CANCELLED.name().to_owned(), "");
    let publication = Publication { route, properties, body, mandatory: false, confirm: false };
    Ok(link.publish_to(&CANCELLED, publication).await?)
}
