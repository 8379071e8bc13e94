//! A contract: its trait, and the constant that describes it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{ReturnType, TraitItem, TraitItemFn, parse_quote};

use super::dispatch::Indexes;
use super::method::{self, Schemas};
use super::{client, handling, quiet, signature};
use crate::model::contract::{Contract, ContractMethod};
use crate::parse::attributes;

/// The trait, what handles its messages, the constant, the client.
pub(crate) fn render(contract: &Contract) -> TokenStream {
    let definition = definition(contract);
    // Generic parameters have been reported.
    let handling = contract.item.generics.params.is_empty().then(|| handling::render(contract));
    let constant = constant(contract);
    let client = client::render(contract);
    quote!(#definition #handling #constant #client)
}

/// The user's trait with futures that can move between threads, and two hidden methods by which
/// a service is reached. Two for all: rustc compares each future that a trait returns with all items
/// of the trait.
fn definition(contract: &Contract) -> TokenStream {
    let mut item = contract.item.clone();
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            desugar(function);
        }
    }
    if item.generics.params.is_empty() {
        item.items.push(TraitItem::Verbatim(handling::dispatcher(contract)));
        item.items.push(TraitItem::Verbatim(handling::getter(contract)));
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

/// Where its methods are.
pub(crate) fn indexes(contract: &Contract) -> Indexes {
    let methods = contract.methods.iter();
    let conditions: Vec<_> =
        methods.map(|method| attributes::conditions(&method.method.attributes)).collect();
    Indexes::new(conditions.iter().map(|conditions| &**conditions))
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
    let count = indexes(contract).count(p);
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
            static __POSTAGE_PLACES: [usize; #p::slots(#count)] = #p::places(&__POSTAGE_METHODS);
            #p::Contract::new(#name, __POSTAGE_ROUTES, &__POSTAGE_METHODS)
                .with_places(&__POSTAGE_PLACES)
                #settings #peer #version
        };
    }
}
