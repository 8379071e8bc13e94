//! What every application answers, beside its own commands.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::claim::Claim;
use super::description::{Description, HandlerDescription, QueueDescription};
use super::groups::Groups;
use crate::message::Fingerprint;
use crate::processor::{Context, Running, Table};
use crate::{message_processor, producer};

/// The commands that every application takes; versions to come may add some. Its client is [`ApplicationCommandsProducer`]; where
/// the commands go is said by `to`.
///
/// `ping`, `join_group` and `leave_group` are Python Postage's, and its applications take them too.
///
/// ```
/// # use postage_core::prelude::*;
/// use postage_core::{Address, ApplicationCommandsProducer};
/// # struct Monitor;
/// # #[message_processor]
/// # impl Monitor {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = Broker::memory();
/// let monitor = broker.serve(Monitor).application("monitor").await?;
///
/// let commands = ApplicationCommandsProducer::new(&broker, Fingerprint::new("desk", "operator"));
/// let found = commands.ping().to(Address::name("monitor").in_turn()).await?;
/// assert_eq!(&found, monitor.fingerprint());
///
/// commands.join_group("night").to(Address::unique(&found)).await?;
/// # Ok(()) }
/// ```
#[producer(application, crate = "crate")]
pub trait ApplicationCommands {
    /// Answers who it is.
    #[rpc]
    async fn ping(&self) -> Fingerprint;

    /// Answers who it is, what it can be asked, and what it has done.
    #[rpc]
    async fn describe_application(&self) -> Description;

    /// Joins a group: all of its name in this group, and one of them in turn, can be addressed.
    /// Joining and leaving are done in the order of their arrival; one that fails is rejected.
    #[message]
    async fn join_group(&self, group_name: &str);

    /// Leaves a group.
    #[message]
    async fn leave_group(&self, group_name: &str);
}

/// What answers them.
#[derive(Debug)]
pub(super) struct Commands {
    /// Given up when all of the application has gone, its tasks too: what still consumes its queue
    /// would share it with whoever has the address next.
    claim: Claim,
    start: String,
    version: Option<String>,
    started: SystemTime,
    groups: Arc<Groups>,
    running: Arc<Running>,
    /// The handlers of the application, these among them: known once all are put together.
    table: OnceLock<Arc<Table>>,
}

impl Commands {
    pub(super) fn new(
        claim: Claim,
        start: String,
        version: Option<String>,
        groups: Arc<Groups>,
        running: Arc<Running>,
    ) -> Self {
        let (started, table) = (SystemTime::now(), OnceLock::new());
        Self { claim, start, version, started, groups, running, table }
    }

    pub(super) const fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Which start of the application this is.
    pub(super) fn start(&self) -> &str {
        &self.start
    }

    pub(super) fn know(&self, table: Arc<Table>) {
        // It is told once.
        drop(self.table.set(table));
    }

    pub(super) fn describe(&self) -> Description {
        let counted = self.table.get().into_iter().flat_map(|table| table.counted());
        let queues = self.running.queues().into_iter();
        Description {
            fingerprint: self.claim.fingerprint().clone(),
            version: self.version.clone(),
            up_since: self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            groups: self.groups.names(),
            handlers: counted
                .map(|(method, counts)| HandlerDescription::of(method, counts))
                .collect(),
            queues: queues.map(|(name, consumed)| QueueDescription { name, consumed }).collect(),
            connections: self.running.session(),
        }
    }
}

#[message_processor(crate = "crate")]
impl ApplicationCommands for Commands {
    async fn ping(&self) -> Fingerprint {
        self.claim.fingerprint().clone()
    }

    async fn describe_application(&self) -> Description {
        self.describe()
    }

    async fn join_group(&self, #[context] cx: &Context, group_name: &str) {
        if let Err(error) = self.groups.join(group_name).await {
            cx.reject(format!("the group was not joined: {error}"));
        }
    }

    async fn leave_group(&self, #[context] cx: &Context, group_name: &str) {
        if let Err(error) = self.groups.leave(group_name).await {
            cx.reject(format!("the group was not left: {error}"));
        }
    }
}
