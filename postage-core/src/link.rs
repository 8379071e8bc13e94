//! What producers and processors share of a connection: the transport, the codecs, the limits,
//! and the log of the traffic.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::message::{Codec, CodecError, Codecs};
use crate::topology::Exchange;
use crate::traffic;
use crate::transport::{Delivery, Publication, Transport, TransportError};

/// The exchanges that are remembered as declared; all are forgotten when there are more.
const MOST_DECLARED: usize = 1024;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) codecs: Codecs,
    /// The largest body, in bytes, that is sent or read.
    pub(crate) max_body: usize,
    debug: bool,
    declared: Mutex<HashSet<String>>,
}

impl Link {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        codecs: Codecs,
        max_body: usize,
        debug: bool,
    ) -> Self {
        Self { transport, codecs, max_body, debug, declared: Mutex::default() }
    }

    pub(crate) const fn is_debug(&self) -> bool {
        self.debug
    }

    /// Declares the exchange.
    pub(crate) async fn declare(&self, exchange: &Exchange) -> Result<(), TransportError> {
        if exchange.is_default() {
            return Ok(());
        }
        self.transport.declare_exchange(exchange).await?;
        let mut declared = self.declared();
        if declared.len() >= MOST_DECLARED {
            declared.clear();
        }
        declared.insert(exchange.name().to_owned());
        Ok(())
    }

    /// Declares the exchange unless it was declared before, and sends there. One that has gone
    /// since, as an auto-delete exchange goes with its last binding, is declared once more.
    pub(crate) async fn publish_to(
        &self,
        exchange: &Exchange,
        publication: Publication,
    ) -> Result<(), TransportError> {
        if !self.declared().contains(exchange.name()) {
            self.declare(exchange).await?;
            return self.publish(publication).await;
        }
        match self.publish(publication.clone()).await {
            Err(TransportError::Refused { .. }) if !exchange.is_default() => {
                self.declared().remove(exchange.name());
                self.declare(exchange).await?;
                self.publish(publication).await
            }
            sent => sent,
        }
    }

    pub(crate) async fn publish(&self, publication: Publication) -> Result<(), TransportError> {
        if self.debug {
            traffic::outgoing(&publication, &self.codecs);
        }
        self.transport.publish(publication).await
    }

    /// The JSON of a delivery, and the codec that it came in.
    pub(crate) fn open(&self, delivery: &Delivery) -> Result<(Arc<dyn Codec>, Bytes), CodecError> {
        if delivery.body.len() > self.max_body {
            return Err(CodecError::new(format_args!(
                "the body has {} bytes, over the limit of {} bytes",
                delivery.body.len(),
                self.max_body
            )));
        }
        if self.debug {
            traffic::incoming(delivery, &self.codecs);
        }
        let codec = self.codecs.of(delivery.properties.content_type.as_deref())?;
        Ok((Arc::clone(codec), codec.decode(delivery.body.clone())?))
    }

    fn declared(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
