use super::{MessageProcessor, Outcome, Request};
use crate::contract::Method;
use crate::transport::BoxFuture;

/// A processor without its type: what surrounds the handlers is compiled once, not again for each
/// service, and one application has several of them.
pub(crate) trait AnyProcessor: Send + Sync {
    /// The type's name.
    fn name(&self) -> &'static str;

    /// As [`MessageProcessor::TABLE`].
    fn table(&self) -> &'static [&'static [Method]];

    /// As [`MessageProcessor::dispatch`].
    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome>;
}

impl<P: MessageProcessor> AnyProcessor for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn table(&self) -> &'static [&'static [Method]] {
        P::TABLE
    }

    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome> {
        MessageProcessor::dispatch(self, index, request)
    }
}

impl std::fmt::Debug for dyn AnyProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Processor").field(&self.name()).finish()
    }
}
