//! The `match` on an index of the dispatch table.
//!
//! A method under a `cfg` may be missing from the table, so the indexes behind it are computed
//! from its conditions.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Attribute;

use super::call;
use crate::model::runtime::Runtime;
use crate::parse::attributes;

/// What runs for one entry of the table.
pub(crate) struct Arm {
    pub(crate) conditions: Vec<Attribute>,
    /// Nothing where the entry is reached otherwise.
    pub(crate) body: Option<TokenStream>,
}

/// The index of every entry, as constant expressions.
pub(crate) fn indexes(conditions: &[Vec<Attribute>]) -> Vec<TokenStream> {
    let mut before = Count::default();
    let index = |conditions: &Vec<Attribute>| {
        let index = before.render();
        before.add(conditions);
        index
    };
    conditions.iter().map(index).collect()
}

/// How many entries there are, as a constant expression.
pub(crate) fn count(conditions: &[Vec<Attribute>]) -> TokenStream {
    let mut count = Count::default();
    conditions.iter().for_each(|conditions| count.add(conditions));
    count.render()
}

/// How many of some entries there are: those without a condition, and those with one.
#[derive(Default)]
struct Count {
    certain: usize,
    counted: Vec<TokenStream>,
}

impl Count {
    fn add(&mut self, conditions: &[Attribute]) {
        match attributes::counted(conditions) {
            Some(condition) => self.counted.push(condition),
            None => self.certain += 1,
        }
    }

    fn render(&self) -> TokenStream {
        let (certain, counted) = (Literal::usize_unsuffixed(self.certain), &self.counted);
        quote!(#certain #(+ #counted)*)
    }
}

/// `match index { 0 => …, _ => Box::pin(request.unhandled()) }`
pub(crate) fn render(p: &Runtime, index: &TokenStream, arms: &[Arm]) -> TokenStream {
    let request = call::request();
    let conditions: Vec<_> = arms.iter().map(|arm| arm.conditions.clone()).collect();
    let indexes = indexes(&conditions);
    let any_condition = arms.iter().any(|arm| !arm.conditions.is_empty());
    let mut constants = TokenStream::new();
    let mut rendered = TokenStream::new();
    for (position, (arm, value)) in arms.iter().zip(indexes).enumerate() {
        let Arm { conditions, body: Some(body) } = arm else { continue };
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
            _ => #p::Box::pin(#request.unhandled()),
        }
    }
}
