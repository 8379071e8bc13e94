//! The macros of `postage-core`. Use them through that crate.

mod errors;
mod expand;
mod macros;
mod model;
mod parse;
#[cfg(test)]
mod snapshots;
mod suggest;

use proc_macro::TokenStream;

use crate::model::method::Category;

/// E
#[proc_macro_attribute]
pub fn exchange(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::exchange(arguments.into(), item.into()).into()
}

/// P
#[proc_macro_attribute]
pub fn producer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::producer(arguments.into(), item.into()).into()
}

/// M
#[proc_macro_attribute]
pub fn message_processor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::message_processor(arguments.into(), item.into()).into()
}

/// R
#[proc_macro_attribute]
pub fn rpc_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::handler(Category::Rpc, arguments.into(), item.into()).into()
}

/// H
#[proc_macro_attribute]
pub fn message_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::handler(Category::Message, arguments.into(), item.into()).into()
}
