//! A memory transport that fails as networks do, by a seed: for tests of services and of this
//! crate.
//!
//! Whatever goes wrong is drawn from one generator, in the order in which the transport is used;
//! so on a runtime whose order is always the same, a seed gives the same run. What helps to that is
//! said at [`FaultyTransport`].

mod connection;
mod deliveries;
mod log;
mod plan;
mod world;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

pub use self::log::{Fault, FaultKind, FaultLog};
pub use self::plan::Faults;

use self::connection::{Connection, Up};
use self::deliveries::FaultyDeliveries;
use self::world::{Loss, PublicationFate, World};
use super::{
    BoxFuture, ConnectionState, MemoryTransport, Publication, Source, Subscription, Transport,
    TransportError,
};
use crate::topology::{Binding, Exchange, Queue};

/// A [`MemoryTransport`] with [`Faults`]. A clone is the same connection.
///
/// What can happen, each with its own probability:
///
/// | fault | what the broker has | what this side is told |
/// |---|---|---|
/// | a lost publication | nothing | unconfirmed: nothing; confirmed: [`TransportError::Disconnected`] |
/// | a lost confirm | the message | [`TransportError::Disconnected`] |
/// | a doubled publication | the message, twice | nothing |
/// | a doubled delivery | the message, once | it comes twice; the second says `redelivered`, and counts as settled |
/// | a delay | | a confirm comes later; a delivery comes later, and those behind it too |
/// | a reordering | | a delivery lets others of its queue pass |
/// | a loss of the connection | unsettled messages again; exclusive queues are gone | [`TransportError::Disconnected`] until it has connected again |
///
/// Where the table says disconnected and the connection is not lost, only that operation's channel
/// was, as it were: [`Transport::state`] stays connected.
///
/// The connection is lost in the middle of an operation: a publication, a declaration, a binding,
/// a settlement, or a delivery. It may have taken effect or not. An unconfirmed publication is told
/// nothing even then. [`Transport::state`] goes to [`ConnectionState::Reconnecting`], and after a
/// pause to [`ConnectionState::Connected`] with the next number.
///
/// # The same run again
///
/// On a runtime of one thread with paused time (`#[tokio::test(start_paused = true)]`) the same
/// seed gives the same [`FaultyTransport::log`], as long as the program itself does the same each
/// time: what it does in the order of a `HashMap`, and a `tokio::select!` that is not `biased`,
/// differ from run to run. The pauses before a service takes a queue up again are jittered by the
/// thread's generator of the crate `fastrand`, so [`FaultyTransport::new`] seeds that as well; it is
/// to be called within the runtime, whose clock the log goes by.
///
/// ```
/// # use std::time::Duration;
/// use postage_core::prelude::*;
/// use postage_core::transport::{Faults, FaultyTransport, MemoryTransport};
///
/// # #[exchange(name = "greetings", kind = "direct")]
/// # pub struct Greetings;
/// # /// What one may ask of a greeter.
/// # #[producer(exchange = Greetings, key = "greeter")]
/// # pub trait Greeter {
/// #     /// Greets somebody.
/// #     #[rpc(timeout = "2s")]
/// #     async fn greet(&self, name: &str) -> String;
/// # }
/// # struct Polite;
/// # #[message_processor(exchange = Greetings, queue = "greeter", key = "greeter")]
/// # impl Greeter for Polite {
/// #     async fn greet(&self, name: &str) -> String { format!("Good morning, {name}.") }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let faults = Faults::seeded(7).disconnects(0.05, Duration::from_millis(20));
/// let transport = FaultyTransport::new(MemoryTransport::new(), faults);
/// let broker = Broker::over(transport.clone());
/// let _greeter = broker.serve(Polite).await?;
/// let client = GreeterProducer::new(&broker, Fingerprint::new("guest", "example"));
/// let greeted = client.greet("Ann").await;
/// assert!(greeted.is_ok(), "{greeted:?}\n{}", transport.log());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultyTransport {
    connection: Arc<Connection>,
}

impl FaultyTransport {
    /// Puts faults before a connection. It also seeds this thread's `fastrand`.
    #[must_use]
    pub fn new(memory: MemoryTransport, faults: Faults) -> Self {
        fastrand::seed(faults.seed);
        Self::of(memory, Arc::new(World::new(faults)))
    }

    /// Another connection to the same broker, with the same generator, log and end of the faults.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self::of(self.connection.memory().connect(), Arc::clone(&self.connection.world))
    }

    fn of(memory: MemoryTransport, world: Arc<World>) -> Self {
        Self { connection: Arc::new(Connection::new(memory, world)) }
    }

    /// Ends the faults on all connections: nothing new goes wrong by itself. What is held back
    /// comes when it is due, and a lost connection comes back after its pause.
    pub fn calm(&self) {
        self.connection.world.calm();
    }

    /// Loses this connection now, for `pause`, whatever the seed says. One that is lost already
    /// stays so for as long as it would have.
    pub fn disconnect(&self, pause: Duration) {
        if let Ok(up) = self.connection.up() {
            self.connection.lose(up.session, "the test said so", Some(pause));
        }
    }

    /// What has gone wrong so far, on all connections.
    #[must_use]
    pub fn log(&self) -> FaultLog {
        self.connection.world.log()
    }

    /// Does something that may be lost half-way.
    async fn attempt<T>(
        &self,
        up: &Up,
        what: impl FnOnce() -> String,
        work: impl AsyncFnOnce(&MemoryTransport) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        match self.connection.world.loss() {
            None => work(&up.memory).await,
            Some(loss) => {
                if loss == Loss::After {
                    drop(work(&up.memory).await);
                }
                Err(self.connection.lose(up.session, &what(), None))
            }
        }
    }

    async fn deliver(&self, up: Up, publication: Publication) -> Result<(), TransportError> {
        let (connection, world) = (&self.connection, &self.connection.world);
        let subject = log::publication(&publication.route);
        let confirm = publication.confirm;
        let lost = |error| if confirm { Err(error) } else { Ok(()) };
        let note = |kind| world.note(connection.number, kind, &subject);
        match world.publication(confirm) {
            PublicationFate::ConnectionLost(loss) => {
                if loss == Loss::After {
                    drop(up.memory.publish(publication).await);
                }
                lost(connection.lose(up.session, &subject, None))
            }
            PublicationFate::Lost => {
                note(FaultKind::PublicationLost);
                lost(connection::lost("the publication was lost"))
            }
            PublicationFate::ConfirmLost => {
                drop(up.memory.publish(publication).await);
                note(FaultKind::ConfirmLost);
                lost(connection::lost("the confirm was lost"))
            }
            PublicationFate::Taken { twice, confirmed_after } => {
                if twice {
                    note(FaultKind::PublicationTwice);
                    drop(up.memory.publish(publication.clone()).await);
                }
                let taken = up.memory.publish(publication).await;
                if confirmed_after.is_zero() {
                    return taken;
                }
                note(FaultKind::ConfirmDelayed { by: confirmed_after });
                sleep(confirmed_after).await;
                if connection.is_up_in(up.session) { taken } else { lost(connection.gone()) }
            }
        }
    }
}

impl fmt::Debug for FaultyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { number, world, .. } = &*self.connection;
        f.debug_struct("FaultyTransport")
            .field("connection", number)
            .field("faults", &world.faults)
            .finish_non_exhaustive()
    }
}

impl Transport for FaultyTransport {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        let what = || format!("the declaration of the exchange `{}`", exchange.name());
        Box::pin(async move {
            self.attempt(&self.connection.up()?, what, async |memory| {
                memory.declare_exchange(exchange).await
            })
            .await
        })
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        let what = || format!("the declaration of {}", log::queue(queue.name()));
        Box::pin(async move {
            self.attempt(&self.connection.up()?, what, async |memory| {
                memory.declare_queue(queue).await
            })
            .await
        })
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        let what = || format!("the deletion of {}", log::queue(queue));
        Box::pin(async move {
            self.attempt(&self.connection.up()?, what, async |memory| {
                memory.delete_queue(queue).await
            })
            .await
        })
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        let what = || format!("a binding of {}", log::queue(binding.queue()));
        Box::pin(async move {
            self.attempt(&self.connection.up()?, what, async |memory| memory.bind(binding).await)
                .await
        })
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        let what = || format!("the end of a binding of {}", log::queue(binding.queue()));
        Box::pin(async move {
            self.attempt(&self.connection.up()?, what, async |memory| memory.unbind(binding).await)
                .await
        })
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move { self.deliver(self.connection.up()?, publication).await })
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        Box::pin(async move {
            let up = self.connection.up()?;
            let subject = log::queue(&source.queue);
            let what = || format!("the start of a consumer of {subject}");
            let inner =
                self.attempt(&up, what, async |memory| memory.consume(source).await).await?;
            let deliveries = FaultyDeliveries::new(&self.connection, up.session, inner, &subject);
            Ok(Subscription::new(deliveries))
        })
    }

    fn vhost(&self) -> &str {
        "/"
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.connection.watch()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.connection.close();
            Ok(())
        })
    }
}
