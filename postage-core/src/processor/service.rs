use std::sync::Arc;
use std::time::Duration;

use tracing::Span;
use uuid::Uuid;

use super::cancel::Cancels;
use super::dedup::DedupStore;
use super::erased::AnyProcessor;
use super::replier::Origin;
use super::reports::Reports;
use super::serving::{Control, Running};
use super::sources::{ServedQueue, Sources};
use super::table::Table;
use super::waiting::Waiting;
use super::{ReplyTo, Retry, ServiceSetup};
use crate::error::ServeError;
use crate::layers::HandlerService;
use crate::link::Link;
use crate::message::{Fingerprint, Identity};
use crate::telemetry::{self, InFlight};
use crate::transport::{Delivery, TransportError};

/// What the handlers of a service share.
#[derive(Debug)]
pub(crate) struct Service {
    /// What it is called in logs and errors.
    pub(super) name: Arc<str>,
    /// A name that no other service has.
    pub(super) id: Arc<str>,
    pub(super) link: Arc<Link>,
    pub(super) processors: Vec<Arc<dyn AnyProcessor>>,
    pub(super) table: Arc<Table>,
    pub(super) running: Arc<Running>,
    pub(super) control: Arc<Control>,
    pub(super) sources: Arc<Sources>,
    /// Who is named in what fails here.
    pub(super) identity: Identity,
    pub(super) retry: Retry,
    pub(super) waiting: Waiting,
    pub(super) dedup: Option<Arc<dyn DedupStore>>,
    pub(super) cancels: Arc<Cancels>,
    pub(super) reports: Reports,
    /// The time between one progress of a call and the next.
    pub(super) progress_every: Duration,
    pub(super) accepted_by_handlers: bool,
    pub(super) handler_time: Duration,
    pub(super) reply_to: ReplyTo,
    /// Whom answers say they come from.
    pub(super) answers_from: Option<Arc<Origin>>,
    /// What the handlers run within.
    pub(super) layers: Option<HandlerService>,
    /// The place of the application's own processor.
    pub(super) own: Option<usize>,
    pub(super) quit: bool,
    pub(super) restart: bool,
    /// Whether callers are told the traces and the modules of what went wrong.
    pub(super) traces: bool,
}

impl Service {
    pub(crate) fn new(
        name: &str,
        running: Arc<Running>,
        processors: Vec<Arc<dyn AnyProcessor>>,
        setup: &ServiceSetup,
    ) -> Result<Self, ServeError> {
        let table = Arc::new(Table::of(name, &processors)?);
        let link = Arc::clone(&running.link);
        let identity = setup.identity.clone().unwrap_or_else(|| {
            Identity::new(Fingerprint::new(name, "service"), link.transport.vhost())
        });
        Ok(Self {
            name: name.into(),
            id: Uuid::new_v4().simple().to_string().into(),
            link,
            processors,
            table,
            control: Arc::clone(&running.control),
            sources: Arc::clone(&running.sources),
            identity,
            retry: setup.retry,
            waiting: Waiting::default(),
            dedup: setup.dedup.store(),
            cancels: Arc::clone(&running.cancels),
            running,
            reports: Reports::default(),
            progress_every: setup.progress_every,
            accepted_by_handlers: setup.accepted_by_handlers,
            handler_time: setup.handler_time,
            reply_to: setup.reply_to,
            answers_from: setup.answers_from.clone(),
            layers: setup.layers.clone(),
            own: setup.own,
            quit: setup.quit,
            restart: setup.restart,
            traces: setup.traces,
        })
    }

    /// The handlers, and what they have done so far.
    pub(crate) const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Watches a delivery of this queue until what is answered is dropped.
    pub(super) fn watch(&self, queue: &ServedQueue, delivery: &Delivery) -> (Span, InFlight) {
        let transport = &*self.link.transport;
        telemetry::arrived(transport, &self.name, || queue.name(), delivery)
    }

    /// Stops the service because of this queue.
    pub(super) fn fail(&self, queue: &ServedQueue, reason: String) {
        let queue = queue.name().to_string();
        self.control.fail(TransportError::ConsumerCancelled { queue, reason });
    }
}
