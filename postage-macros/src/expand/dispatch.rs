//! The `match` on an index of the dispatch table.
//!
//! A method under a `cfg` may be missing from the table, so the indexes behind it are computed
//! from its conditions.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Attribute;

use super::call;
use crate::parse::attributes;

/// What runs for one entry of the table.
pub(crate) struct Arm {
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) body: TokenStream,
}

/// The index of every entry, as constant expressions.
pub(crate) fn indexes<'a>(
    conditions: impl IntoIterator<Item = &'a [Attribute]>,
) -> Vec<TokenStream> {
    let mut certain = 0;
    let mut counted: Vec<TokenStream> = Vec::new();
    let index = |conditions: &[Attribute]| {
        let number = Literal::usize_unsuffixed(certain);
        let index = quote!(#number #(+ #counted)*);
        match attributes::counted(conditions) {
            Some(condition) => counted.push(condition),
            None => certain += 1,
        }
        index
    };
    conditions.into_iter().map(index).collect()
}

/// `match index { 0 => …, _ => request.unhandled().await }`
pub(crate) fn render(index: &TokenStream, arms: &[Arm]) -> TokenStream {
    let request = call::request();
    let indexes = indexes(arms.iter().map(|arm| arm.conditions.as_slice()));
    let any_condition = arms.iter().any(|arm| !arm.conditions.is_empty());
    let mut constants = TokenStream::new();
    let mut rendered = TokenStream::new();
    for (position, (arm, value)) in arms.iter().zip(indexes).enumerate() {
        let Arm { conditions, body } = arm;
        let mut pattern = value.clone();
        if any_condition {
            let name = format_ident!("__POSTAGE_INDEX_{position}");
            constants.extend(quote!(#(#conditions)* const #name: usize = #value;));
            pattern = quote!(#name);
        }
        rendered.extend(quote!(#(#conditions)* #pattern => { #body }));
    }
    quote! {
        #constants
        match #index {
            #rendered
            _ => #request.unhandled().await,
        }
    }
}
