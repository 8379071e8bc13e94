//! What producers and processors share of a connection: the transport, the codecs, the limits,
//! and the log of the traffic.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::limits::Limits;
use crate::message::{Codec, CodecError, Codecs};
use crate::topology::{Binding, Exchange, ExchangeKind, Queue};
use crate::traffic;
use crate::transport::{
    BoxFuture, ConnectionState, Delivery, Publication, Source, Subscription, Transport,
    TransportError,
};

/// The exchanges that are remembered as declared; all are forgotten when there are more.
const MOST_DECLARED: usize = 1024;

/// After a loss, a service may need a moment longer than its callers and senders to be there again.
pub(crate) const UNTIL_SERVED_AGAIN: Duration = Duration::from_millis(100);

/// How long after a loss no queue taking a send may be for that reason.
pub(crate) const SERVED_AGAIN_WITHIN: Duration = Duration::from_secs(10);

/// How long the state of the connection may lag behind a loss.
const NOTICED: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) codecs: Codecs,
    pub(crate) limits: Limits,
    debug: bool,
    declared: RwLock<Declared>,
    /// The state of the connection, looked at by each send and call.
    state: watch::Receiver<ConnectionState>,
}

/// The exchanges that were declared in a session: a broker that was restarted may have lost them.
#[derive(Debug, Default)]
struct Declared {
    session: u64,
    exchanges: BTreeMap<String, Once>,
}

/// Set when an exchange is declared. Who needs it while another declares it waits for that one:
/// after a loss thousands come at once.
type Once = Arc<OnceCell<()>>;

impl Link {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        codecs: Codecs,
        limits: Limits,
        debug: bool,
    ) -> Self {
        let state = transport.state();
        Self { transport, codecs, limits, debug, declared: RwLock::default(), state }
    }

    pub(crate) const fn is_debug(&self) -> bool {
        self.debug
    }

    /// Declares the exchange.
    pub(crate) async fn declare(&self, exchange: &Exchange) -> Result<(), TransportError> {
        if exchange.is_default() {
            return Ok(());
        }
        let known = self.known(exchange);
        self.transport.declare_exchange(exchange).await?;
        // It may have been declared before.
        drop(known.set(()));
        Ok(())
    }

    /// Hears what an exchange sends under a key from now on, by a queue that goes with the
    /// connection; its name comes with it.
    pub(crate) async fn listen(
        &self,
        exchange: Exchange,
        key: impl Into<Cow<'static, str>>,
    ) -> Result<(String, Subscription), TransportError> {
        self.declare(&exchange).await?;
        let queue = self.transport.declare_queue(&Queue::server_named()).await?;
        self.transport.bind(&Binding::new(exchange, queue.clone(), key)).await?;
        let source = Source::new(queue.clone()).exclusive(true).auto_ack(true);
        Ok((queue, self.transport.consume(source).await?))
    }

    /// Declares the exchange unless it was declared in this session, and sends there. One that has
    /// gone since, as an auto-delete exchange goes with its last binding, is declared once more.
    ///
    /// What seldom happens is boxed, here and where it is sent from: each call has a future that
    /// has room for all that may happen to it.
    pub(crate) async fn publish_to(
        &self,
        exchange: &Exchange,
        publication: impl Fn() -> Publication,
    ) -> Result<(), TransportError> {
        if !exchange.is_default() && !self.is_declared(exchange) {
            Box::pin(self.declare_once(exchange)).await?;
        }
        match self.publish(publication()).await {
            Err(TransportError::Refused { .. }) if !exchange.is_default() => {
                Box::pin(self.declare(exchange)).await?;
                self.publish(publication()).await
            }
            sent => sent,
        }
    }

    pub(crate) fn publish(
        &self,
        publication: Publication,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        if self.debug {
            traffic::outgoing(&publication, &self.codecs);
        }
        self.transport.publish(publication)
    }

    async fn declare_once(&self, exchange: &Exchange) -> Result<(), TransportError> {
        let known = self.known(exchange);
        known.get_or_try_init(|| self.transport.declare_exchange(exchange)).await?;
        Ok(())
    }

    /// The body of a message given as JSON, within the limits.
    pub(crate) fn seal(&self, codec: &dyn Codec, json: Vec<u8>) -> Result<Bytes, CodecError> {
        self.limits.check_depth(&json)?;
        let body = codec.encode(json)?;
        self.limits.check_size(&body)?;
        Ok(body)
    }

    /// The JSON of a delivery within the limits, and the codec that it came in.
    pub(crate) fn open(&self, delivery: &Delivery) -> Result<(&Arc<dyn Codec>, Bytes), CodecError> {
        self.limits.check_size(&delivery.body)?;
        if self.debug {
            traffic::incoming(delivery, &self.codecs);
        }
        let codec = self.codecs.of(delivery.properties.content_type.as_deref())?;
        let json = codec.decode(delivery.body.clone())?;
        self.limits.check_depth(&json)?;
        Ok((codec, json))
    }

    /// Asks the broker something that it knows, and waits for its answer, whatever that is; false
    /// where the line is lost.
    pub(crate) async fn is_answered(&self) -> bool {
        let known = Exchange::new("amq.direct", ExchangeKind::Direct).passive(true);
        let answer = self.transport.declare_exchange(&known).await;
        !matches!(answer, Err(TransportError::Disconnected { .. }))
    }

    /// The session of now; 0 while there is none.
    pub(crate) fn session(&self) -> u64 {
        match &*self.state.borrow() {
            ConnectionState::Connected { session } => *session,
            _ => 0,
        }
    }

    /// Does the work, again after each loss of the connection; and for a while after a loss, again
    /// when no queue takes it, since a service may need a moment longer than its senders to be
    /// there again. The caller bounds it in time.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] only when the connection was closed for good.
    pub(crate) async fn through_losses<T, F>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<T, TransportError>
    where
        F: Future<Output = Result<T, TransportError>>,
    {
        let session = self.session();
        match work().await {
            Err(lost @ TransportError::Disconnected { .. }) => {
                Box::pin(self.again_after(session, lost, work)).await
            }
            outcome => outcome,
        }
    }

    async fn again_after<T, F>(
        &self,
        mut session: u64,
        mut lost: TransportError,
        work: impl Fn() -> F,
    ) -> Result<T, TransportError>
    where
        F: Future<Output = Result<T, TransportError>>,
    {
        loop {
            self.after_loss(session, lost).await?;
            let back = Instant::now();
            let outcome = loop {
                session = self.session();
                match work().await {
                    Err(TransportError::Unroutable { .. })
                        if back.elapsed() < SERVED_AGAIN_WITHIN =>
                    {
                        sleep(UNTIL_SERVED_AGAIN).await;
                    }
                    outcome => break outcome,
                }
            };
            match outcome {
                Err(again @ TransportError::Disconnected { .. }) => lost = again,
                outcome => return outcome,
            }
        }
    }

    /// Waits until another session than the lost one is there.
    ///
    /// # Errors
    /// `lost`, when the connection was closed for good.
    pub(crate) async fn after_loss(
        &self,
        session: u64,
        lost: TransportError,
    ) -> Result<(), TransportError> {
        let mut state = self.transport.state();
        // Who was told of a loss may know of it before the state does. Where only a channel was
        // lost, it never will, and the work is simply done again.
        let other = |state: &ConnectionState| !matches!(state, ConnectionState::Connected { session: now } if *now == session);
        if let Ok(Err(_)) | Err(_) = timeout(NOTICED, state.wait_for(other)).await {
            return Ok(());
        }
        let settled =
            state.wait_for(|state| !matches!(state, ConnectionState::Reconnecting { .. }));
        match settled.await.as_deref() {
            Ok(ConnectionState::Connected { .. }) => Ok(()),
            _ => Err(lost),
        }
    }

    /// Whether the exchange was declared in the session of now.
    fn is_declared(&self, exchange: &Exchange) -> bool {
        let declared = self.declared.read().unwrap_or_else(PoisonError::into_inner);
        let known = declared.exchanges.get(exchange.name());
        known.is_some_and(|known| known.initialized()) && declared.session == self.session()
    }

    /// What is set when the exchange is declared in the session of now.
    fn known(&self, exchange: &Exchange) -> Once {
        let session = self.session();
        let mut declared = self.declared.write().unwrap_or_else(PoisonError::into_inner);
        if declared.session != session {
            *declared = Declared { session, exchanges: BTreeMap::new() };
        }
        if let Some(known) = declared.exchanges.get(exchange.name()) {
            return Arc::clone(known);
        }
        if declared.exchanges.len() >= MOST_DECLARED {
            declared.exchanges.clear();
        }
        Arc::clone(declared.exchanges.entry(exchange.name().to_owned()).or_default())
    }
}
