//! How messages reach the methods of a contract in a service: as the contract has them, but for those
//! that take a context or a reply.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Path};

use super::call::{self, Call};
use super::handling::{decoder_name, handler_name};
use super::implementation::body_name;
use super::{local, quiet};
use crate::model::service::{InContext, Served, Service};
use crate::parse::attributes;

/// What runs for an index that is the contract's.
pub(crate) fn dispatch(service: &Service, contract: &Path) -> TokenStream {
    let (index, request) = (local("index"), call::request());
    if !service.served.iter().any(|served| matches!(served, Served::InContext(_))) {
        return quote!(<Self as #contract>::__postage_dispatch(self, #index, #request));
    }
    let handling = local("handling");
    let (mut places, mut arms) = (TokenStream::new(), TokenStream::new());
    for (position, served) in service.served.iter().enumerate() {
        let Some((ident, conditions)) = reached(served) else { continue };
        let place = format_ident!("__POSTAGE_PLACE_{position}");
        places.extend(self::place(service, contract, &place, ident, &conditions));
        let handler = handler_name(ident);
        let body = match served {
            Served::Plain { .. } => quote!(#handling.#handler(self, #request)),
            Served::InContext(_) => {
                let handler = in_context_name(ident);
                quote!(Self::#handler(self, #request))
            }
        };
        arms.extend(quote!(#(#conditions)* #place => #body,));
    }
    quote! {
        #places
        let #handling = <Self as #contract>::__postage_handling();
        match #index {
            #arms
            _ => #handling.provided(self, #index, #request),
        }
    }
}

/// The method's name and conditions, where messages reach it.
fn reached(served: &Served) -> Option<(&Ident, Vec<Attribute>)> {
    let function = match served {
        Served::Plain { function, .. } => function,
        Served::InContext(method) => {
            method.method.as_ref()?;
            &method.function
        }
    };
    Some((&function.sig.ident, attributes::conditions(&function.attrs)))
}

/// The constant that is a method's place in the contract.
fn place(
    service: &Service,
    contract: &Path,
    name: &Ident,
    ident: &Ident,
    conditions: &[Attribute],
) -> TokenStream {
    let (p, method) = (&service.runtime, ident.unraw().to_string());
    quote!(#(#conditions)* const #name: usize = #p::place_of(&#contract, #method);)
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
