//! How messages reach the methods of a contract: a hidden struct beside its trait, with a function
//! that decodes and one that handles for each method. The trait itself has two: one for all messages,
//! and one that gives the struct.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;

use super::call::{self, Call};
use super::dispatch::{self, Arm};
use super::{local, quiet};
use crate::model::contract::{Contract, ContractMethod};
use crate::model::method::Method;
use crate::parse::{attributes, types};

/// The struct and its functions.
pub(crate) fn render(contract: &Contract) -> TokenStream {
    let (vis, name) = (&contract.item.vis, struct_name(contract));
    let conditions = attributes::conditions(&contract.item.attrs);
    let levels = attributes::levels(&contract.item.attrs);
    let methods = contract.methods.iter().map(|ContractMethod { method, .. }| {
        let (decoder, handler) = (decoder(contract, method), handler(contract, method));
        quote!(#decoder #handler)
    });
    let quiet = quiet();
    quote! {
        #(#conditions)*
        #(#levels)*
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #quiet
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #vis struct #name;

        #(#levels)*
        #quiet
        impl #name {
            #(#methods)*
        }
    }
}

fn struct_name(contract: &Contract) -> Ident {
    let ident = &contract.item.ident;
    format_ident!("__Postage{}", ident.unraw(), span = ident.span())
}

/// The type of the service in the functions.
fn service_type() -> Ident {
    format_ident!("__PostageService")
}

/// The name of the function that handles a request for this method.
fn handler_name(ident: &Ident) -> Ident {
    format_ident!("handle_{}", ident.unraw(), span = ident.span())
}

/// The name of the function that decodes the parameters of this method.
pub(crate) fn decoder_name(ident: &Ident) -> Ident {
    format_ident!("decode_{}", ident.unraw(), span = ident.span())
}

/// The trait's method that gives the struct to a service, which need not know its name.
pub(crate) fn getter(contract: &Contract) -> TokenStream {
    let (name, quiet) = (struct_name(contract), quiet());
    quote! {
        #[doc(hidden)]
        #quiet
        fn __postage_handling() -> #name
        where
            Self: ::core::marker::Sized,
        {
            #name
        }
    }
}

/// The trait's method by which a service is reached that takes all its methods as the contract has
/// them.
pub(crate) fn dispatcher(contract: &Contract) -> TokenStream {
    let p = &contract.runtime;
    let (index, request) = (local("index"), call::request());
    let dispatch = dispatch(contract, &index);
    let quiet = quiet();
    quote! {
        #[doc(hidden)]
        #quiet
        fn __postage_dispatch<'postage>(
            &'postage self,
            #index: usize,
            #request: #p::Request<'postage>,
        ) -> #p::BoxFuture<'postage, #p::Outcome>
        where
            Self: ::core::marker::Sized + ::core::marker::Sync,
        {
            #dispatch
        }
    }
}

/// The conditions of the trait, which hold in it without saying so, of the type of the service.
fn conditions_of_trait(contract: &Contract) -> TokenStream {
    let clause = &contract.item.generics.where_clause;
    types::with_self(quote!(#clause), &service_type())
}

fn dispatch(contract: &Contract, index: &Ident) -> TokenStream {
    let (handling, request) = (struct_name(contract), call::request());
    let arms = contract.methods.iter().map(|ContractMethod { method, .. }| {
        let handler = handler_name(&method.ident);
        Arm {
            conditions: attributes::conditions(&method.attributes),
            body: quote!(#handling.#handler(self, #request)),
        }
    });
    dispatch::render(&contract.runtime, &quote!(#index), &arms.collect::<Vec<_>>())
}

/// The function by which both the contract and a service with a handler of its own decode: the
/// defaults are the contract's.
fn decoder(contract: &Contract, method: &Method) -> Option<TokenStream> {
    let (p, vis, trait_name) = (&contract.runtime, &contract.item.vis, &contract.item.ident);
    let parameters: Vec<_> = method.parameters().collect();
    if parameters.is_empty() {
        return None;
    }
    let (name, request, ty) = (decoder_name(&method.ident), call::request(), service_type());
    let conditions = attributes::conditions(&method.attributes);
    let clause = conditions_of_trait(contract);
    let types = parameters.iter().map(|parameter| parameter.filled(p));
    let read = call::read(p, &parameters);
    let defaults = types::with_self(call::defaults(p, &parameters), &ty);
    let checks = call::checks(p, &parameters);
    let body = if defaults.is_empty() {
        read
    } else {
        let (decoded, fault) = (local("parameters"), local("fault"));
        let idents: Vec<_> = parameters.iter().map(|parameter| &parameter.ident).collect();
        quote! {
            let (#(#idents,)*) = match #read {
                ::core::result::Result::Ok(#decoded) => #decoded,
                ::core::result::Result::Err(#fault) => {
                    return ::core::result::Result::Err(#fault);
                }
            };
            #defaults
            ::core::result::Result::Ok((#(#idents,)*))
        }
    };
    Some(quote! {
        #(#conditions)*
        #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
        #vis fn #name<'postage, #ty: #trait_name>(
            self,
            #request: #p::Request<'postage>,
        ) -> ::core::result::Result<(#(#types,)*), #p::BadParameters>
        #clause
        {
            #checks
            #body
        }
    })
}

/// The function that decodes a request, calls the user's method, and answers.
fn handler(contract: &Contract, method: &Method) -> TokenStream {
    let (p, vis, trait_name) = (&contract.runtime, &contract.item.vis, &contract.item.ident);
    let (name, ident, request) = (handler_name(&method.ident), &method.ident, call::request());
    let (service, ty) = (local("service"), service_type());
    let decoder = decoder_name(&method.ident);
    let conditions = attributes::conditions(&method.attributes);
    let target = quote!(<#ty as #trait_name>::#ident);
    let clause = conditions_of_trait(contract);
    let decoder = Some(quote!(Self.#decoder::<#ty>));
    let receiver = quote!(#service);
    let body = Call { p, method, receiver, target, known_send: true, decoder }.boxed();
    quote! {
        #(#conditions)*
        #vis fn #name<'postage, #ty: #trait_name + ::core::marker::Sync>(
            self,
            #service: &'postage #ty,
            #request: #p::Request<'postage>,
        ) -> #p::BoxFuture<'postage, #p::Outcome>
        #clause
        {
            #body
        }
    }
}
