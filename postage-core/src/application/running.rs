use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::commands::Commands;
use super::description::Description;
use super::groups::Groups;
use crate::broker::Broker;
use crate::error::{SendError, ServeError};
use crate::headers;
use crate::message::Fingerprint;
use crate::processor::{Drained, Serving, Stopped};
use crate::producer::Producer;
use crate::topology::Address;

/// The statuses by which applications say that they start and stop.
pub(super) const ONLINE: &str = "online";
pub(super) const OFFLINE: &str = "offline";

/// How long telling them may take.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// An application that runs, made by [`Serve::application`](crate::Serve::application). Dropping it
/// stops it at once, as a [`Serving`] does, and those who watch are not told.
///
/// # Queues
///
/// They are those of Python Postage's `GenericApplication`, over the exchange
/// [`APPLICATIONS`](crate::APPLICATIONS). `N` is the name, `H` the host, `P` the process, `G` a group:
///
/// | queue | keys | flags |
/// |---|---|---|
/// | `N` | `N/rr` | transient, goes with its last consumer |
/// | `N@H` | `N@H/rr` | transient, goes with its last consumer |
/// | `P@H` | `N`, `@H`, `N@H`, `P@H`, `N#G` for each group, `@/all` | transient, the application's own (exclusive), goes with it |
/// | `N#G` | `N#G/rr` | transient, stays: what is sent when all have left the group waits for whoever joins |
///
/// Python Postage consumes `N#G` only for groups that are given at its start. Here a group that is
/// joined at run time is addressed in turn as well: its queue is consumed from the joining to the
/// leaving. Python's applications do not listen to `@/all`, and their `P@H` is not exclusive: one whose
/// process id and host are those of one of ours cannot start.
///
/// `P` is the id of the process, if it is alone there: a second application of one process, and one
/// of the same process id on a host of the same name (the first process of a container, say), has a
/// suffix to it, in its fingerprint too.
///
/// # While it is busy
///
/// It answers [`ApplicationCommands`](trait@crate::ApplicationCommands) beside its handlers and
/// outside of its layers, so that it is listed also while all handlers run. Of what waits at the
/// broker, beyond the prefetch, it knows nothing.
///
/// # After a loss
///
/// An application comes back under the address that it had. A broker that has not noticed the loss
/// keeps the old queue locked for some heartbeats, which is waited for, five minutes at most. Where
/// another has taken the address meanwhile and keeps it for longer, the application does not take
/// a new one: it stops, with [`Stopped::Failed`].
#[must_use = "the application stops when its handle is dropped"]
#[derive(Debug)]
pub struct Application {
    // Before the service: one that is dropped says nothing.
    farewell: Farewell,
    serving: Serving,
    commands: Arc<Commands>,
    groups: Arc<Groups>,
}

/// The task that tells those who watch as soon as the application takes no more, whether its owner
/// stopped it or a command did.
#[derive(Debug)]
struct Farewell(JoinHandle<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Application {
    /// Says that it is there.
    pub(super) async fn begin(
        broker: &Broker,
        serving: Serving,
        commands: Arc<Commands>,
        groups: Arc<Groups>,
    ) -> Self {
        let news = Producer::new(broker, commands.claim().fingerprint()).to(Address::news());
        tell(&news, ONLINE, commands.start()).await;
        let start = commands.start().to_owned();
        let left = serving.left(commands.claim().queue().name());
        let farewell = tokio::spawn(async move {
            left.await;
            tell(&news, OFFLINE, &start).await;
        });
        Self { farewell: Farewell(farewell), serving, commands, groups }
    }

    /// Who it is. Its process id has a suffix where it could be mistaken for another application's.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        self.commands.claim().fingerprint()
    }

    /// What it says of itself when it is asked.
    #[must_use]
    pub fn description(&self) -> Description {
        self.commands.describe()
    }

    /// The groups that it is in now, those joined at another's command among them.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.groups.names()
    }

    /// Joins a group: from now on it can be addressed by it, with all others of its name there and
    /// in turn. A group that it is in already is no error.
    ///
    /// # Errors
    /// [`ServeError::ApplicationName`], or the broker said no.
    pub async fn join_group(&self, group: &str) -> Result<(), ServeError> {
        self.groups.join(group).await
    }

    /// Leaves a group. One that it is not in is no error.
    ///
    /// # Errors
    /// As [`Application::join_group`].
    pub async fn leave_group(&self, group: &str) -> Result<(), ServeError> {
        self.groups.leave(group).await
    }

    /// The service underneath: its queues, to be bound and left at run time.
    pub const fn serving(&self) -> &Serving {
        &self.serving
    }

    /// As [`Serving::stopped`].
    pub async fn stopped(&self) -> Stopped {
        self.serving.stopped().await
    }

    /// Stops as [`Serving::drain`] does, and tells those who watch as soon as it takes no more.
    pub async fn drain(mut self, limit: Duration) -> Drained {
        // Before the handlers end: who finds nobody at its address shall have heard why.
        self.serving.release(self.commands.claim().queue().name(), limit).await;
        // It does not panic, and has an end.
        drop((&mut self.farewell.0).await);
        self.serving.drain(limit).await
    }
}

/// Tells those who watch; nobody may.
async fn tell(news: &Producer, status: &'static str, start: &str) {
    let told = news.status(status).header(headers::START, start.to_owned());
    match timeout(TOLD_WITHIN, told).await {
        Ok(Ok(()) | Err(SendError::Unroutable { .. })) => {}
        Ok(Err(error)) => tracing::warn!(%error, status, "those who watch could not be told"),
        Err(_) => tracing::warn!(status, "those who watch could not be told in time"),
    }
}
