//! How messages reach the methods of a contract in a service: as the contract has them, but for those
//! that take a context or a reply.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Path;
use syn::ext::IdentExt as _;

use super::call::{self, Call};
use super::handling::decoder_name;
use super::implementation::body_name;
use super::{local, quiet};
use crate::model::service::{InContext, Served, Service};
use crate::parse::attributes;

/// What runs for an index that is the contract's.
pub(crate) fn dispatch(service: &Service, contract: &Path) -> TokenStream {
    let (index, request) = (local("index"), call::request());
    let as_the_contract_has_it =
        quote!(<Self as #contract>::__postage_dispatch(self, #index, #request));
    let in_context = service.served.iter().filter_map(|served| match served {
        Served::InContext(in_context) => in_context.method.as_ref(),
        Served::Plain { .. } => None,
    });
    let (mut places, mut arms) = (TokenStream::new(), TokenStream::new());
    for (position, method) in in_context.enumerate() {
        let conditions = attributes::conditions(&method.attributes);
        let place = format_ident!("__POSTAGE_PLACE_{position}");
        let (p, name) = (&service.runtime, method.ident.unraw().to_string());
        let handler = in_context_name(&method.ident);
        places.extend(quote! {
            #(#conditions)* const #place: usize = #p::place_of(&#contract, #name);
        });
        arms.extend(quote!(#(#conditions)* #place => Self::#handler(self, #request),));
    }
    if arms.is_empty() {
        return as_the_contract_has_it;
    }
    quote! {
        #places
        match #index {
            #arms
            _ => #as_the_contract_has_it,
        }
    }
}

fn in_context_name(ident: &Ident) -> Ident {
    format_ident!("__postage_handle_{}", ident.unraw(), span = ident.span())
}

/// How messages reach a method that takes a context or a reply.
pub(crate) fn handler(service: &Service, method: &InContext) -> Option<TokenStream> {
    let p = &service.runtime;
    let contract = service.contract.as_ref()?;
    let method = method.method.as_ref()?;
    let (name, hidden, request) =
        (in_context_name(&method.ident), body_name(&method.ident), call::request());
    let decoder = decoder_name(&method.ident);
    let decoder = Some(quote!(<Self as #contract>::__postage_handling().#decoder::<Self>));
    let conditions = attributes::conditions(&method.attributes);
    let (receiver, target) = (quote!(self), quote!(Self::#hidden));
    let body = Call { p, method, receiver, target, known_send: false, decoder }.boxed();
    let quiet = quiet();
    Some(quote! {
        #(#conditions)*
        #[doc(hidden)]
        #quiet
        fn #name<'postage>(
            &'postage self,
            #request: #p::Request<'postage>,
        ) -> #p::BoxFuture<'postage, #p::Outcome>
        where
            Self: ::core::marker::Sync,
        {
            #body
        }
    })
}
