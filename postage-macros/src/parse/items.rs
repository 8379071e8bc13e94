//! Which item an attribute was put on.

use proc_macro2::TokenStream;
use syn::Item;
use syn::parse::Parse;

use crate::errors::Errors;

/// The item as the kind that the attribute needs, or an error that says where it belongs.
pub(crate) fn expect<T: Parse>(
    tokens: &TokenStream,
    attribute: &str,
    place: &str,
    errors: &Errors,
) -> Option<T> {
    let error = match syn::parse2::<T>(tokens.clone()) {
        Ok(item) => return Some(item),
        Err(error) => error,
    };
    misplaced(tokens, attribute, place, error, errors);
    None
}

/// Says where the attribute belongs, or else why this is no item.
pub(crate) fn misplaced(
    tokens: &TokenStream,
    attribute: &str,
    place: &str,
    error: syn::Error,
    errors: &Errors,
) {
    match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => {
            let message = format!("`{attribute}` belongs on {place}; this is {}", kind(&item));
            errors.at_span(head(&item), message);
        }
        Err(_) => errors.push(error),
    }
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::Const(_) => "a constant",
        Item::Enum(_) => "an enum",
        Item::Fn(_) => "a function",
        Item::Impl(_) => "an `impl` block",
        Item::Mod(_) => "a module",
        Item::Static(_) => "a static",
        Item::Struct(_) => "a struct",
        Item::Trait(_) => "a trait",
        Item::Type(_) => "a type alias",
        Item::Union(_) => "a union",
        Item::Use(_) => "an import",
        _ => "another item",
    }
}

/// The name of the item, or its keyword.
fn head(item: &Item) -> proc_macro2::Span {
    match item {
        Item::Const(item) => item.ident.span(),
        Item::Enum(item) => item.ident.span(),
        Item::Fn(item) => item.sig.ident.span(),
        Item::Impl(item) => item.impl_token.span,
        Item::Mod(item) => item.ident.span(),
        Item::Static(item) => item.ident.span(),
        Item::Struct(item) => item.ident.span(),
        Item::Trait(item) => item.ident.span(),
        Item::Type(item) => item.ident.span(),
        Item::Union(item) => item.ident.span(),
        Item::Use(item) => item.use_token.span,
        _ => proc_macro2::Span::call_site(),
    }
}

/// The name of a function that takes `self`.
pub(crate) fn method(tokens: &TokenStream) -> Option<syn::Ident> {
    let method: syn::ImplItemFn = syn::parse2(tokens.clone()).ok()?;
    method.sig.receiver().map(|_| method.sig.ident.clone())
}
