//! From a model to tokens: one renderer for each generated item.

pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod dispatch;
pub(crate) mod exchange;
pub(crate) mod handling;
pub(crate) mod implementation;
pub(crate) mod method;
pub(crate) mod served;
pub(crate) mod service;
pub(crate) mod signature;
pub(crate) mod sources;
pub(crate) mod struct_handler;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// A local name that no name of the user's can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The lints that generated code need not answer to. Its names have the user's in them.
fn quiet() -> TokenStream {
    quote!(#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)])
}
