use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::{BadParameters, Causes, Context, Outcome, Request};
use crate::contract::Method;
use crate::message::{Category, is_empty_object};
use crate::transport::BoxFuture;

/// A struct that is a handler: its fields are the parameters. `#[rpc_handler(..)]` or
/// `#[message_handler(..)]` on the struct implements it, and `handlers(..)` of
/// `#[message_processor]` puts it into a service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "annotate its struct with `#[rpc_handler(..)]` or `#[message_handler(..)]`"
)]
pub trait DeclareHandler: Sized {
    /// What it handles.
    #[doc(hidden)]
    const METHOD: Method;

    /// The struct that a request brings, [`read_handler`] in what the macro writes.
    #[doc(hidden)]
    fn read(request: &Request<'_>) -> Result<Self, BadParameters>;
}

/// What a handler struct does, with access to the processor `P` that it belongs to.
///
/// ```
/// use postage_core::{Context, Handle, rpc_handler};
/// use serde::Deserialize;
///
/// struct Desk {
///     aisles: u32,
/// }
///
/// #[rpc_handler("command", "sweep")]
/// #[derive(Deserialize)]
/// struct Sweep {
///     aisle: u32,
/// }
///
/// impl Handle<Desk> for Sweep {
///     type Value = u32;
///     type Error = String;
///
///     async fn handle(self, desk: &Desk, _: &Context) -> Result<u32, String> {
///         if self.aisle < desk.aisles { Ok(self.aisle) } else { Err("no such aisle".into()) }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the handler `{Self}` does not say what it does for `{P}`",
    label = "implement `Handle<{P}>` for it"
)]
pub trait Handle<P>: DeclareHandler {
    /// What it answers; `()` for a message handler.
    type Value: Serialize + Send;
    /// Its documented error; `String` where a text is enough.
    type Error: Serialize + Display + Send;

    /// Handles one message.
    fn handle(
        self,
        processor: &P,
        cx: &Context,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send;
}

/// Runs a handler struct for a request.
#[doc(hidden)]
pub fn run_handler<'a, H: Handle<P> + Send + 'a, P: Sync>(
    processor: &'a P,
    request: Request<'a>,
    causes: Causes<H::Error>,
) -> BoxFuture<'a, Outcome> {
    Box::pin(async move {
        let handler = match H::read(&request) {
            Ok(handler) => handler,
            Err(fault) => return request.refuse(fault).await,
        };
        let result = handler.handle(processor, request.context()).await;
        match H::METHOD.category() {
            Category::Rpc => request.reply_with(Request::result(result, causes)).await,
            Category::Message => request.settle(result.map(|_| ())),
        }
    })
}

/// Decodes a handler struct from a request.
#[doc(hidden)]
pub fn read_handler<H>(request: &Request<'_>) -> Result<H, BadParameters>
where
    H: for<'de> Deserialize<'de>,
{
    let json = request.parameters_json()?;
    serde_json::from_str(json).or_else(|error| {
        // A struct without fields is `null` to serde, and `{}` to every sender.
        let unit = is_empty_object(json).then(|| serde_json::from_str("null").ok()).flatten();
        unit.ok_or_else(|| BadParameters::new(error))
    })
}
