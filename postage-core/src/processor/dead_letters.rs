use std::sync::Arc;

use uuid::Uuid;

use super::history;
use crate::broker::Broker;
use crate::error::SendError;
use crate::headers;
use crate::link::Link;
use crate::message::Fingerprint;
use crate::topology::Route;
use crate::transport::{Delivery, Publication, Settlement, Source, Subscription, TransportError};

/// How the broker's own headers about a dead letter begin.
const OF_A_DEATH: [&str; 3] = ["x-death", "x-first-death", "x-last-death"];

/// The dead letters in a queue, to be looked at and sent back.
///
/// A service's queue says by `dead_letter` which exchange gets them; the queue that keeps them is
/// declared and bound by whoever wants to keep them:
///
/// ```
/// use std::time::Duration;
/// use postage_core::prelude::*;
/// use postage_core::{Binding, DeadLetters};
/// use tokio::time::timeout;
///
/// #[exchange(name = "orders")]
/// struct Orders;
///
/// #[exchange(name = "dead-orders")]
/// struct DeadOrders;
///
/// struct Desk;
///
/// #[message_processor(
///     exchange = Orders,
///     queue(name = "order-desk", dead_letter = DeadOrders),
///     key = "orders.desk"
/// )]
/// impl Desk {
///     #[message_handler]
///     async fn restock(&self, item: &str) -> Result<(), String> {
///         Err(format!("there is no shelf for {item}"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = Broker::memory();
/// broker.declare_queue(&Queue::new("dead-orders")).await?;
/// broker.bind(&Binding::new(DeadOrders::ROUTE, "dead-orders", "orders.desk")).await?;
/// let desk = broker.serve(Desk).await?;
/// # let orders = Producer::new(&broker, Fingerprint::default()).eks([(Orders::ROUTE, "orders.desk")]);
/// # #[derive(serde::Serialize)] struct Item { item: &'static str }
/// # orders.command("restock", Item { item: "anvil" }).await?;
///
/// // Once what made them fail is mended. A letter that fails again comes again: so one at a time,
/// // and not for ever.
/// let mut letters = DeadLetters::open(&broker, "dead-orders").await?;
/// if let Some(letter) = timeout(Duration::from_secs(5), letters.next()).await?? {
///     println!("{:?} failed: {:?}", letter.handler(), letter.error());
///     # assert_eq!(letter.handler(), Some("restock"));
///     if letter.is_call() { letter.discard().await? } else { letter.send_back().await? }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct DeadLetters {
    link: Arc<Link>,
    letters: Subscription,
}

impl DeadLetters {
    /// Consumes a queue of dead letters, one at a time.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when there is no such queue.
    pub async fn open(broker: &Broker, queue: impl Into<String>) -> Result<Self, TransportError> {
        let link = Arc::clone(broker.link());
        let source =
            Source { queue: queue.into().into(), prefetch: 1, exclusive: false, auto_ack: false };
        let letters = link.transport.consume(source).await?;
        Ok(Self { link, letters })
    }

    /// The next dead letter; it waits for one. The one before must be settled, by sending it back,
    /// discarding it, or dropping it. Cancel-safe.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the connection is lost: open the queue again.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, TransportError> {
        let delivery = self.letters.next().await?;
        Ok(delivery.map(|delivery| DeadLetter { link: Arc::clone(&self.link), delivery }))
    }
}

/// A message that could not be handled, and what is known of that. Dropping it leaves it in its
/// queue.
#[must_use = "send it back or discard it; dropped, it stays in its queue"]
#[derive(Debug)]
pub struct DeadLetter {
    link: Arc<Link>,
    delivery: Delivery,
}

impl DeadLetter {
    /// Why it failed last.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.text(headers::ERROR)
    }

    /// Which handler failed, by its name in Rust.
    #[must_use]
    pub fn handler(&self) -> Option<&str> {
        self.text(headers::HANDLER)
    }

    /// How often handling it failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        history::failures(&self.delivery.properties)
    }

    /// The service that failed, when it says so in the usual six texts.
    #[must_use]
    pub fn failed_by(&self) -> Option<Fingerprint> {
        serde_json::from_str(self.text(headers::FAILED_BY)?).ok()
    }

    /// The exchange and key that it was first published with.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        history::route(&self.delivery.properties)
    }

    /// The queue in which it failed.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        // The second is the broker's own, of a letter that no service of ours described.
        self.text(headers::QUEUE).or_else(|| self.text("x-first-death-queue"))
    }

    /// The body, as it was sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.delivery.body
    }

    /// Whether it is a call. Its caller was told of the failure, and has most likely gone: sent
    /// back, the handler runs for nobody.
    #[must_use]
    pub fn is_call(&self) -> bool {
        self.delivery.properties.reply_to.is_some()
    }

    /// Sends it back to the queue in which it failed, as it was before it failed. What fails once
    /// more becomes a dead letter once more.
    ///
    /// # Errors
    /// [`SendError::NoRoute`] when it does not say where it failed, and [`SendError::Unroutable`]
    /// when that queue has gone. It stays where it is then.
    pub async fn send_back(self) -> Result<(), SendError> {
        let queue = self.queue().ok_or(SendError::NoRoute)?.to_owned();
        let mut properties = history::copied(&self.delivery.properties);
        let of_a_failure = |name: &str| {
            headers::OF_A_FAILURE.contains(&name)
                || OF_A_DEATH.iter().any(|start| name.starts_with(start))
        };
        properties.headers.retain(|name, _| !of_a_failure(name));
        // The caller of a call was answered under its id, and is answered so for a while.
        let answered = properties.message_id.is_some() && properties.reply_to.is_some();
        if answered || properties.message_id.is_none() {
            properties.message_id = Some(Uuid::new_v4().to_string().into());
        }
        let publication = Publication {
            route: Route::to_queue(queue),
            properties,
            body: self.delivery.body.clone(),
            mandatory: true,
            confirm: true,
        };
        self.link.publish(publication).await?;
        Ok(self.delivery.settle(Settlement::Ack).await?)
    }

    /// Takes it out of its queue for good.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the connection is gone, and with it the letter's
    /// settlement.
    pub async fn discard(self) -> Result<(), TransportError> {
        self.delivery.settle(Settlement::Ack).await
    }

    fn text(&self, header: &str) -> Option<&str> {
        history::text(&self.delivery.properties, header)
    }
}
