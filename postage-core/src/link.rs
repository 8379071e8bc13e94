//! What producers and processors share of a connection: the transport, the codecs, the limits,
//! and the log of the traffic.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::message::{Codec, CodecError, Codecs};
use crate::topology::Exchange;
use crate::traffic;
use crate::transport::{Delivery, Publication, Transport, TransportError};

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

    /// Declares the exchange unless this connection has done so before.
    pub(crate) async fn declare(&self, exchange: &Exchange) -> Result<(), TransportError> {
        if exchange.is_default() || self.declared().contains(exchange.name()) {
            return Ok(());
        }
        self.transport.declare_exchange(exchange).await?;
        self.declared().insert(exchange.name().to_owned());
        Ok(())
    }

    pub(crate) async fn publish(&self, publication: Publication) -> Result<(), TransportError> {
        if self.debug {
            traffic::outgoing(&publication, &self.codecs);
        }
        self.transport.publish(publication).await
    }

    /// The JSON of a delivery, and the codec that it came in.
    pub(crate) fn open(&self, delivery: &Delivery) -> Result<(Arc<dyn Codec>, Bytes), CodecError> {
        if self.debug {
            traffic::incoming(delivery, &self.codecs);
        }
        if delivery.body.len() > self.max_body {
            return Err(CodecError::new(format_args!(
                "the body has {} bytes, over the limit of {} bytes",
                delivery.body.len(),
                self.max_body
            )));
        }
        let codec = self.codecs.of(delivery.properties.content_type.as_deref())?;
        Ok((Arc::clone(codec), codec.decode(delivery.body.clone())?))
    }

    fn declared(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
