//! The `match` on an index of the dispatch table.
//!
//! A method under a `cfg` may be missing from the table, so the indexes behind it are computed
//! from the conditions, all of them at once.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Attribute;

use super::call;
use crate::model::runtime::Runtime;
use crate::parse::attributes;

/// What runs for one entry of the table.
pub(crate) struct Arm {
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) body: TokenStream,
}

/// Where the entries of a table are.
pub(crate) struct Indexes {
    /// Whether each entry is there, as constant expressions; nothing where all of them surely are.
    held: Option<Vec<TokenStream>>,
    entries: usize,
}

impl Indexes {
    /// Of entries under these conditions.
    pub(crate) fn new<'c>(conditions: impl Iterator<Item = &'c [Attribute]>) -> Self {
        let held: Vec<_> = conditions.map(attributes::held).collect();
        let entries = held.len();
        let any = held.iter().any(Option::is_some);
        let held = held.into_iter().map(|held| held.unwrap_or_else(|| quote!(true)));
        Self { held: any.then(|| held.collect()), entries }
    }

    /// How many entries there are, as a constant expression.
    pub(crate) fn count(&self, p: &Runtime) -> TokenStream {
        match &self.held {
            Some(held) => quote!(#p::count(&[#(#held),*])),
            None => {
                let entries = Literal::usize_unsuffixed(self.entries);
                quote!(#entries)
            }
        }
    }

    /// The constant that [`Indexes::at`] looks at, where it needs one.
    pub(crate) fn constant(&self, p: &Runtime) -> Option<TokenStream> {
        let (held, entries) = (self.held.as_ref()?, Literal::usize_unsuffixed(self.entries));
        Some(quote! {
            const __POSTAGE_INDEXES: [usize; #entries] = #p::indexes([#(#held),*]);
        })
    }

    /// The index of an entry, as a constant expression; `of` leads to the constant.
    pub(crate) fn at(&self, entry: usize, of: &TokenStream) -> TokenStream {
        let entry = Literal::usize_unsuffixed(entry);
        match &self.held {
            Some(_) => quote!(#of __POSTAGE_INDEXES[#entry]),
            None => quote!(#entry),
        }
    }
}

/// `match index { 0 => …, _ => Box::pin(request.unhandled()) }`
pub(crate) fn render(p: &Runtime, index: &TokenStream, arms: &[Arm]) -> TokenStream {
    let request = call::request();
    let indexes = Indexes::new(arms.iter().map(|arm| &*arm.conditions));
    let mut constants: TokenStream = indexes.constant(p).into_iter().collect();
    let mut rendered = TokenStream::new();
    for (entry, arm) in arms.iter().enumerate() {
        let Arm { conditions, body } = arm;
        let mut pattern = indexes.at(entry, &TokenStream::new());
        if indexes.held.is_some() {
            let name = format_ident!("__POSTAGE_INDEX_{entry}");
            constants.extend(quote!(#(#conditions)* const #name: usize = #pattern;));
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
