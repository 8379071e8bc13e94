use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;

use uuid::Uuid;

use super::claim::Claim;
use super::commands::Commands;
use super::groups::{Group, Groups};
use super::running::Application;
use crate::broker::Broker;
use crate::error::ServeError;
use crate::message::{Fingerprint, Identity};
use crate::processor::{AnyProcessor, Origin, Running, Serve, Service, ServiceSetup, Table, start};
use crate::topology::{APPLICATIONS, Address, Queue};
use crate::transport::BoxFuture;

/// How long a name, a host and a group may be together: keys have 255 bytes.
const MOST_NAME: usize = 100;

/// The letters that addresses put between their parts.
const BETWEEN: [char; 3] = ['/', '@', '#'];

/// An application about to start, made by [`Serve::application`].
#[must_use = "nothing is served before it is awaited"]
#[derive(Debug)]
pub struct StartApplication {
    broker: Broker,
    processors: Vec<Arc<dyn AnyProcessor>>,
    setup: ServiceSetup,
    fingerprint: Fingerprint,
    version: Option<String>,
    groups: BTreeSet<String>,
}

impl StartApplication {
    pub(crate) fn new(
        broker: Broker,
        processors: Vec<Arc<dyn AnyProcessor>>,
        setup: ServiceSetup,
        name: String,
    ) -> Self {
        let vhost = broker.transport().vhost().to_owned();
        let fingerprint = Fingerprint::new(name, "application").vhost(vhost);
        Self { broker, processors, setup, fingerprint, version: None, groups: BTreeSet::new() }
    }

    /// Puts it into a group from the start. Each call adds one.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }

    /// Its own version, for those who ask for its [`Description`](crate::Description).
    ///
    /// `.version(env!("CARGO_PKG_VERSION"))` is that of the program.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The host that it says it is on. That of the operating system unless set.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.fingerprint.host = host.into();
        self
    }

    fn check(&self) -> Result<(), ServeError> {
        check_name("name", &self.fingerprint.name)?;
        check_name("host", &self.fingerprint.host)?;
        self.groups.iter().try_for_each(|group| check_name("group", group))
    }
}

/// Checks a part of an address.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), ServeError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > MOST_NAME {
        "it is longer than 100 bytes"
    } else if name.contains(BETWEEN) {
        "it has one of `/`, `@` and `#`, which stand between the parts of an address"
    } else {
        return Ok(());
    };
    Err(ServeError::ApplicationName { what, name: name.to_owned(), why })
}

/// A queue that applications of one name share.
pub(super) fn shared_queue(name: String) -> Queue {
    Queue::new(name).durable(false).auto_delete(true)
}

/// The queues of every application, beside those of its processors.
fn with_queues(setup: ServiceSetup, claim: &Claim, groups: &BTreeSet<String>) -> ServiceSetup {
    let Fingerprint { name, host, .. } = claim.fingerprint();
    let named = Address::name(name);
    let here = named.on(host);
    let own = claim.queue();
    let bind = |setup: ServiceSetup, queue: Queue, address: Address| {
        setup.bind(APPLICATIONS, queue, address.key().to_owned())
    };
    let setup = bind(setup, shared_queue(name.clone()), named.in_turn());
    let setup = bind(setup, shared_queue(format!("{name}@{host}")), here.in_turn());
    let fanned_out = [
        named.into(),
        Address::host(host),
        here.into(),
        Address::unique(claim.fingerprint()),
        Address::everyone(),
    ];
    let setup =
        fanned_out.into_iter().fold(setup, |setup, address| bind(setup, own.clone(), address));
    groups.iter().fold(setup, |setup, group| {
        let Group { all, in_turn: (queue, binding) } = Group::of(name, own.name(), group);
        setup.bind_with(own.clone(), all).bind_with(queue, binding)
    })
}

async fn launch(application: StartApplication) -> Result<Application, ServeError> {
    application.check()?;
    let StartApplication { broker, mut processors, setup, fingerprint, version, groups } =
        application;
    let link = broker.link();
    // What can be refused here is refused before anybody has an address.
    setup.check(&fingerprint.name)?;
    Table::of(&fingerprint.name, &processors)?;
    let (claim, unserved) = Claim::make(link, fingerprint).await?;
    let fingerprint = claim.fingerprint().clone();
    let own = claim.queue().name().to_owned();
    let mut setup = with_queues(setup, &claim, &groups);
    setup.identity = Some(Identity::new(&fingerprint, link.transport.vhost()));
    let this_start = Uuid::new_v4().simple().to_string();
    let origin = Origin { address: own.clone(), start: this_start.clone() };
    setup.answers_from = Some(Arc::new(origin));
    setup.own = Some(processors.len());
    setup.check(&fingerprint.name)?;

    let (running, added) = Running::new(Arc::clone(link), &setup);
    let name = fingerprint.name.clone();
    let groups = Arc::new(Groups::new(Arc::clone(&running), name, own, groups));
    let commands =
        Commands::new(claim, this_start, version, Arc::clone(&groups), Arc::clone(&running));
    let commands = Arc::new(commands);
    processors.push(Arc::new(Arc::clone(&commands)));
    let service = Service::new(&fingerprint.name, running, processors, &setup)?;
    commands.know(Arc::clone(service.table()));
    let serving = start(Arc::new(service), added, &setup).await?;
    unserved.keep();
    Ok(Application::begin(&broker, serving, commands, groups).await)
}

impl IntoFuture for StartApplication {
    type Output = Result<Application, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(launch(self))
    }
}

impl Serve {
    /// Serves it as an application of this name on the network: it can be addressed alone, by
    /// name, by host or by group ([`Address`]), it answers
    /// [`ApplicationCommands`](trait@crate::ApplicationCommands), and others see it come and go
    /// ([`Broker::applications`]). It may have no queue of its own.
    ///
    /// Its fingerprint is its own, whatever [`Serve::fingerprint`] set before: this name, the type
    /// `application`, and what [`StartApplication`] sets.
    ///
    /// Names, hosts and groups have at most 100 bytes, and none of `/`, `@`, `#`.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// # struct Monitor;
    /// # #[message_processor]
    /// # impl Monitor {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::memory();
    /// let monitor = broker.serve(Monitor).application("monitor").group("night").await?;
    /// println!("{} is there", monitor.fingerprint().name);
    /// # Ok(()) }
    /// ```
    pub fn application(self, name: impl Into<String>) -> StartApplication {
        let (broker, processors, setup) = self.into_parts();
        StartApplication::new(broker, processors, setup, name.into())
    }
}
