//! A message that comes again under its id is not handled again: a call is answered from memory.

mod handled;
mod recent;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use recent::RecentMessages;

use crate::transport::BoxFuture;

/// Remembers which messages were handled, and what calls were answered, by their ids.
///
/// A service claims the id of a message before its handlers run, and says afterwards what was
/// answered, or that another may handle it. The default is [`RecentMessages`], which lives and dies
/// with the service; one in an [`Arc`] can be shared by several, and a store of your own can last.
pub trait DedupStore: fmt::Debug + Send + Sync + 'static {
    /// Claims an id. While another has claimed it, this waits for what becomes of that.
    ///
    /// Cancel-safe: a future that is dropped has claimed nothing.
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim>;

    /// Claims an id where that is possible at once, as [`DedupStore::claim`] does; nothing where there
    /// is something to wait for: then nothing is claimed. It is asked first and must not block. Unless
    /// overridden, it answers nothing.
    fn try_claim(&self, id: &str) -> Option<Claim> {
        let _ = id;
        None
    }

    /// The message of this id was handled, and this was answered.
    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()>;

    /// The message of this id was not handled to its end: it may be claimed again.
    fn release(&self, id: &str);
}

impl<S: DedupStore + ?Sized> DedupStore for Arc<S> {
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim> {
        (**self).claim(id)
    }

    fn try_claim(&self, id: &str) -> Option<Claim> {
        (**self).try_claim(id)
    }

    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()> {
        (**self).remember(id, answer)
    }

    fn release(&self, id: &str) {
        (**self).release(id);
    }
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// The message is new, and now the claimant's to handle.
    New,
    /// The message was handled before, and this was answered.
    Handled(Option<Answer>),
}

/// What a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The content type of the body.
    pub content_type: Cow<'static, str>,
    /// The body of the reply.
    pub body: Bytes,
}

/// A claimed id, released when it is dropped before it is said that the message was handled.
#[derive(Debug)]
pub(super) struct Claimed<'a> {
    store: &'a dyn DedupStore,
    id: Box<str>,
    open: bool,
}

impl<'a> Claimed<'a> {
    pub(super) const fn new(store: &'a dyn DedupStore, id: Box<str>) -> Self {
        Self { store, id, open: true }
    }

    /// The message was handled, and this was answered. One that is cut off meanwhile is released: the
    /// next of its id does not wait for ever.
    pub(super) async fn remember(mut self, answer: Option<Answer>) {
        self.store.remember(&self.id, answer).await;
        self.open = false;
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if self.open {
            self.store.release(&self.id);
        }
    }
}
