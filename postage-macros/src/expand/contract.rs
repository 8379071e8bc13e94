//! A contract: its trait, and the constant that describes it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, ReturnType, TraitItem, TraitItemFn, parse_quote};

use super::call::{self, Call};
use super::dispatch::{self, Arm};
use super::method::{self, Schemas};
use super::{client, local, quiet, signature};
use crate::model::contract::{Contract, ContractMethod};
use crate::model::method::Method;
use crate::parse::attributes;

/// The trait, the constant, the client.
pub(crate) fn render(contract: &Contract) -> TokenStream {
    let definition = definition(contract);
    let constant = constant(contract);
    let client = client::render(contract);
    quote!(#definition #constant #client)
}

/// The user's trait with futures that can move between threads, and the hidden methods by which
/// a service is reached.
fn definition(contract: &Contract) -> TokenStream {
    let mut item = contract.item.clone();
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            desugar(function);
        }
    }
    if item.generics.params.is_empty() {
        for method in &contract.methods {
            item.items.extend(decoder(contract, &method.method).map(TraitItem::Verbatim));
            item.items.push(TraitItem::Verbatim(handler(contract, &method.method)));
        }
        item.items.push(TraitItem::Verbatim(dispatcher(contract)));
    }
    quote!(#item)
}

/// `async fn f() -> T` as `fn f() -> impl Future<Output = T> + Send`.
fn desugar(function: &mut TraitItemFn) {
    if function.default.is_some() || function.sig.asyncness.take().is_none() {
        return;
    }
    let output = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    function.sig.output = parse_quote! {
        -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
}

/// The name of the method that handles a request for this one.
pub(crate) fn handler_name(ident: &Ident) -> Ident {
    format_ident!("__postage_handle_{}", ident.unraw(), span = ident.span())
}

/// The name of the function that decodes the parameters of this method.
pub(crate) fn decoder_name(ident: &Ident) -> Ident {
    format_ident!("__postage_decode_{}", ident.unraw(), span = ident.span())
}

/// The function by which both this trait and a service that overrides a handler decode: the
/// defaults are the contract's.
fn decoder(contract: &Contract, method: &Method) -> Option<TokenStream> {
    let p = &contract.runtime;
    let parameters: Vec<_> = method.parameters().collect();
    if parameters.is_empty() {
        return None;
    }
    let (name, request) = (decoder_name(&method.ident), call::request());
    let conditions = attributes::conditions(&method.attributes);
    let types = parameters.iter().map(|parameter| parameter.filled(p));
    let read = call::read(p, &parameters);
    let defaults = call::defaults(p, &parameters);
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
    let quiet = quiet();
    Some(quote! {
        #(#conditions)*
        #[doc(hidden)]
        #quiet
        #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
        fn #name<'postage>(
            #request: #p::Request<'postage>,
        ) -> ::core::result::Result<(#(#types,)*), #p::BadParameters> {
            #checks
            #body
        }
    })
}

/// The method that decodes a request, calls the user's method, and answers.
fn handler(contract: &Contract, method: &Method) -> TokenStream {
    let p = &contract.runtime;
    let trait_name = &contract.item.ident;
    let (name, ident, request) = (handler_name(&method.ident), &method.ident, call::request());
    let decoder = decoder_name(&method.ident);
    let conditions = attributes::conditions(&method.attributes);
    let target = quote!(<Self as #trait_name>::#ident);
    let decoder = Some(quote!(<Self as #trait_name>::#decoder));
    let body = Call { p, method, target, known_send: true, decoder }.boxed();
    let quiet = quiet();
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #quiet
        fn #name<'postage>(
            &'postage self,
            #request: #p::Request<'postage>,
        ) -> #p::BoxFuture<'postage, #p::Outcome>
        where
            Self: ::core::marker::Sized + ::core::marker::Sync,
        {
            #body
        }
    }
}

fn dispatcher(contract: &Contract) -> TokenStream {
    let p = &contract.runtime;
    let trait_name = &contract.item.ident;
    let (index, request) = (local("index"), call::request());
    let arms = contract.methods.iter().map(|method| {
        let handler = handler_name(&method.method.ident);
        Arm {
            conditions: attributes::conditions(&method.method.attributes),
            body: quote!(<Self as #trait_name>::#handler(self, #request)),
        }
    });
    let dispatch = dispatch::render(p, &quote!(#index), &arms.collect::<Vec<_>>());
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

/// The conditions of each of its methods.
pub(crate) fn conditions_of(contract: &Contract) -> Vec<Vec<Attribute>> {
    let methods = contract.methods.iter();
    methods.map(|method| attributes::conditions(&method.method.attributes)).collect()
}

fn constant(contract: &Contract) -> TokenStream {
    let p = &contract.runtime;
    let (vis, ident, name) =
        (&contract.item.vis, &contract.item.ident, contract.item.ident.unraw().to_string());
    let conditions = attributes::inherited(&contract.item.attrs);
    let routes = contract
        .routes
        .iter()
        .map(|(exchange, key)| quote!((<#exchange as #p::DeclareExchange>::ROUTE, #key)));
    // Generic parameters have been reported; a constant has none.
    let generic = !contract.item.generics.params.is_empty();
    let schemas = if generic { Schemas::None } else { Schemas::Types };
    let count = dispatch::count(&conditions_of(contract));
    let methods = contract.methods.iter();
    let version = contract.version.as_ref().map(|version| quote!(.with_version(#version)));
    let methods = methods.map(|ContractMethod { method, .. }| {
        let constant = method::constant(p, method, schemas);
        let signature = signature::render(p, method);
        quote!(#constant #version #signature)
    });
    let settings = method::settings(&contract.settings);
    let peer = contract.python_peer.then(|| quote!(.peer(#p::Peer::Python)));
    let doc =
        format!("The contract [`trait@{name}`] as data: its routes, its methods, their names.");
    let quiet = quiet();
    // The types are the user's, and are linted where they are written.
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(non_upper_case_globals, elided_lifetimes_in_paths)]
        #quiet
        #vis const #ident: #p::Contract = {
            const __POSTAGE_ROUTES: &[(#p::Exchange, &str)] = &[#(#routes),*];
            // Not a constant, all of which would be validated anew for each method that names it.
            static __POSTAGE_METHODS: [#p::Method; #count] = [#(#methods),*];
            #p::Contract::new(#name, __POSTAGE_ROUTES, &__POSTAGE_METHODS) #settings #peer #version
        };
    }
}
