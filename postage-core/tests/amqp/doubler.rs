//! A service.

use postage_core::__private as p;

/// Doubles a number.
pub(crate) struct Doubler;

impl p::MessageProcessor for Doubler {
    const NAME: &'static str = "Doubler";
    const TABLE: &'static [&'static [p::Method]] =
        &[&[p::Method::rpc("command", "double", "double", &[], "u64")]];

    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new()
    }

    fn dispatch<'a>(&'a self, _: usize, request: p::Request<'a>) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            match request.parameters::<(u64,)>(&["n"]) {
                Ok((n,)) => request.answer(n * 2).await,
                Err(fault) => request.refuse(fault).await,
            }
        })
    }
}
