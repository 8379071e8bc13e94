use std::sync::Arc;

use super::replier::Replier;
use super::request::Request;
use super::service::Service;
use super::table::Entry;
use super::{Context, Outcome};

/// What handling a message needs, owned: what passes through layers may outlive the one who
/// received it.
#[derive(Debug)]
pub(crate) struct Held {
    service: Arc<Service>,
    context: Context,
    replier: Replier,
}

impl Held {
    pub(super) const fn new(service: Arc<Service>, context: Context, replier: Replier) -> Self {
        Self { service, context, replier }
    }

    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    pub(super) const fn replier(&self) -> &Replier {
        &self.replier
    }

    /// What the service is called.
    pub(crate) fn service(&self) -> &str {
        &self.service.name
    }

    /// Runs the handler, which reads the message once more.
    pub(crate) async fn run(&self, handler: Entry) -> Outcome {
        match self.context.message() {
            Ok(message) => {
                let request = Request::new(&message, &self.context, &self.replier);
                let outcome = self.service.bounded(handler, request).await;
                // What the handler said outright is for the layers to see, too.
                self.context.outcome().and(outcome)
            }
            Err(error) => Outcome::reject(error),
        }
    }
}
