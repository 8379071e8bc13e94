//! The macros as functions from tokens to tokens: parse, model, expand, then the mistakes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{ItemImpl, ItemStruct, ItemTrait};

use crate::errors::Errors;
use crate::expand;
use crate::model::contract::Contract;
use crate::model::exchange::Exchange;
use crate::model::method::Category;
use crate::model::service::Service;
use crate::model::struct_handler::StructHandler;
use crate::parse::items;

/// `#[exchange]`
pub(crate) fn exchange(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded(item, |item, errors| {
        let item: ItemStruct = items::expect(item, "#[exchange]", "a struct", errors)?;
        Some(expand::exchange::render(&Exchange::new(arguments, item, errors)))
    })
}

/// `#[producer]`
pub(crate) fn producer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded(item, |item, errors| {
        let item: ItemTrait = items::expect(item, "#[producer]", "a trait", errors)?;
        Some(expand::contract::render(&Contract::new(arguments, item, errors)))
    })
}

/// `#[message_processor]`
pub(crate) fn message_processor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded(item, |item, errors| {
        let place = "an `impl` block";
        let item: ItemImpl = items::expect(item, "#[message_processor]", place, errors)?;
        Some(expand::service::render(&Service::new(arguments, item, errors)))
    })
}

/// `#[reply_handler]` where no `#[message_processor]` took it.
pub(crate) fn reply_handler(item: TokenStream) -> TokenStream {
    let attribute = "#[reply_handler]";
    expanded(item, |item, errors| {
        if needs_processor(attribute, item, errors) {
            return None;
        }
        let place = "a method inside a `#[message_processor]` impl";
        let error = syn::Error::new(Span::call_site(), format!("`{attribute}` belongs on {place}"));
        items::misplaced(item, attribute, place, error, errors);
        None
    })
}

/// Reports a method that no `#[message_processor]` has taken.
fn needs_processor(attribute: &str, item: &TokenStream, errors: &Errors) -> bool {
    let Some(method) = items::method(item) else { return false };
    let message =
        format!("`{attribute}` on a method needs `#[message_processor]` on the `impl` around it");
    errors.at(method, message);
    true
}

/// `#[rpc_handler]` and `#[message_handler]` where no `#[message_processor]` took them.
pub(crate) fn handler(
    category: Category,
    arguments: TokenStream,
    item: TokenStream,
) -> TokenStream {
    expanded(item, |item, errors| {
        let attribute = category.handler().trim_matches('`');
        let place = "a method inside a `#[message_processor]` impl, or on a struct";
        if needs_processor(attribute, item, errors) {
            return None;
        }
        let item: ItemStruct = items::expect(item, attribute, place, errors)?;
        let handler = StructHandler::new(category, arguments, item, errors);
        Some(expand::struct_handler::render(&handler))
    })
}

/// What was generated, or else the item as it came; then every mistake.
fn expanded(
    item: TokenStream,
    expand: impl FnOnce(&TokenStream, &Errors) -> Option<TokenStream>,
) -> TokenStream {
    let errors = Errors::default();
    let expansion = expand(&item, &errors).unwrap_or(item);
    let errors = errors.into_tokens();
    quote!(#expansion #errors)
}
