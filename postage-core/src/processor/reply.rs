use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::Causes;
use super::held::Held;
use crate::error::SendError;
use crate::message::RemoteException;

/// Answers a call before its handler ends: a handler asks for it by a parameter
/// `#[reply] answer: Reply<'_, T>`, or `Reply<'_, T, E>` where it documents an error `E`.
///
/// The handler may go on working after it has replied; the request is acknowledged when it ends.
/// A handler that ends without a reply raises `NoReply` at the caller.
#[must_use = "the caller waits for a reply"]
pub struct Reply<'a, T, E = std::convert::Infallible> {
    way: Way<'a, T, E>,
}

enum Way<'a, T, E> {
    Caller(&'a Held, Causes<E>, PhantomData<fn(T)>),
    Local(Arc<Mutex<Option<Result<T, E>>>>),
}

impl<'a, T, E> Reply<'a, T, E> {
    pub(super) const fn to(held: &'a Held, causes: Causes<E>) -> Self {
        Self { way: Way::Caller(held, causes, PhantomData) }
    }
}

impl<T: Serialize, E> Reply<'_, T, E> {
    /// Answers a value.
    ///
    /// # Errors
    /// [`SendError::Encode`] when it does not serialize; else what the connection said.
    pub async fn send(self, value: T) -> Result<(), SendError> {
        match self.way {
            Way::Caller(held, ..) => held.reply(Held::value(value)).await,
            Way::Local(slot) => {
                put(&slot, Ok(value));
                Ok(())
            }
        }
    }

    /// Answers an exception: its name and its text, or a [`RemoteException`] with all that it says.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// # use postage_core::{RemoteException, SendError};
    /// async fn price(answer: Reply<'_, u32>, item: &str) -> Result<(), SendError> {
    ///     match (item, item.parse::<u32>()) {
    ///         ("", _) => answer.exception(("KeyError", "no item")).await,
    ///         (_, Ok(price)) => answer.send(price).await,
    ///         (_, Err(error)) => answer.exception(RemoteException::of(&error)).await,
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// What the connection said.
    pub async fn exception(self, raised: impl Into<RemoteException>) -> Result<(), SendError> {
        match self.way {
            Way::Caller(held, ..) => held.exception(Box::new(raised.into())).await,
            Way::Local(_) => Ok(()),
        }
    }
}

impl<T, E: Serialize + Display> Reply<'_, T, E> {
    /// Answers the documented error.
    ///
    /// # Errors
    /// As [`Reply::send`].
    pub async fn error(self, error: E) -> Result<(), SendError> {
        match self.way {
            Way::Caller(held, causes, _) => held.reply(Held::documented(&error, causes)).await,
            Way::Local(slot) => {
                put(&slot, Err(error));
                Ok(())
            }
        }
    }
}

fn put<V>(slot: &Mutex<Option<V>>, value: V) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

impl<T, E> std::fmt::Debug for Reply<'_, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// What a handler with a [`Reply`] answers when it is called directly, as a method of its trait.
///
/// # Panics
/// When the handler ends without a reply, or with an exception: there is no value to return.
#[doc(hidden)]
pub async fn local_reply_result<T, E, F: Future<Output = ()>>(
    handler: impl FnOnce(Reply<'static, T, E>) -> F,
) -> Result<T, E> {
    let slot = Arc::new(Mutex::new(None));
    handler(Reply { way: Way::Local(Arc::clone(&slot)) }).await;
    let replied = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    #[allow(clippy::expect_used, reason = "a direct call has no other way to tell its caller")]
    replied.expect("the handler ended without a reply, or with an exception")
}

/// As [`local_reply_result`], for a handler that documents no error.
///
/// # Panics
/// As [`local_reply_result`].
#[doc(hidden)]
pub async fn local_reply<T, F: Future<Output = ()>>(
    handler: impl FnOnce(Reply<'static, T>) -> F,
) -> T {
    match local_reply_result(handler).await {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
