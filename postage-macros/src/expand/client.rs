//! The typed client of a contract.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;

use super::{call, contract, quiet};
use crate::model::contract::{Contract, ContractMethod};
use crate::model::method::{Category, Method};
use crate::model::parameter::Parameter;
use crate::model::runtime::Runtime;
use crate::model::signature::{Answer, Documented};
use crate::parse::attributes;

/// The struct, its constructors, and a method for each of the contract's.
pub(crate) fn render(contract: &Contract) -> TokenStream {
    let Contract { runtime: p, client, item, .. } = contract;
    let (vis, constant) = (&item.vis, &item.ident);
    let name = item.ident.unraw().to_string();
    let levels = attributes::levels(&item.attrs);
    let inherited = attributes::inherited(&item.attrs);
    let about = format!("A typed client of [`trait@{name}`]: each method calls or sends.");
    let methods = methods(contract);
    let quiet = quiet();
    quote! {
        #(#inherited)*
        #[doc = #about]
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #client {
            producer: #p::Producer,
        }

        #(#levels)*
        #quiet
        impl #client {
            /// A client that sends over `broker`, as `fingerprint`: any type that serializes to a
            /// map.
            #vis fn new(broker: &#p::Broker, fingerprint: impl #p::Serialize) -> Self {
                Self { producer: #p::Producer::for_contract(broker, fingerprint, #constant) }
            }

            /// The same client with other settings of its producer: timeouts, retries, routes.
            #[must_use]
            #vis fn with(
                self,
                change: impl ::core::ops::FnOnce(#p::Producer) -> #p::Producer,
            ) -> Self {
                Self { producer: change(self.producer) }
            }

            /// The untyped producer underneath.
            #[must_use]
            #vis fn producer(&self) -> &#p::Producer {
                &self.producer
            }

            #methods
        }

        #(#levels)*
        #quiet
        impl #p::Client for #client {
            const CONTRACT: #p::Contract = #constant;
        }
    }
}

fn methods(contract: &Contract) -> TokenStream {
    let indexes = contract::indexes(contract);
    let constant = indexes.constant(&contract.runtime);
    let methods = contract.methods.iter().enumerate().map(|(place, method)| {
        let index = indexes.at(place, &quote!(Self::));
        self::method(contract, method, &index)
    });
    quote!(#constant #(#methods)*)
}

fn method(contract: &Contract, method: &ContractMethod, index: &TokenStream) -> TokenStream {
    let Contract { runtime: p, item, .. } = contract;
    let (vis, constant) = (&item.vis, &item.ident);
    let ContractMethod { method, generics } = method;
    let (ident, bounds) = (&method.ident, &generics.where_clause);
    let inherited = attributes::inherited(&method.attributes);
    let docs = docs(contract, method);
    let parameters = method.parameters().map(|parameter| {
        let (ident, ty) = (&parameter.ident, &parameter.ty);
        quote!(#ident: #ty)
    });
    let sent_parameters = sent(p, method);
    let all: Vec<_> = method.parameters().collect();
    let checks = match call::only_doubtful(&all) {
        Some(_) => Vec::new(),
        None => all.iter().filter_map(|parameter| parameter.encodes(p)).collect(),
    };
    let (sent, send) = match method.category {
        Category::Rpc => (call_type(p, method), "call_method"),
        Category::Message => (quote!(#p::Publish), "publish_method"),
    };
    let send = Ident::new(send, Span::call_site().located_at(method.answer_span));
    quote! {
        #docs
        #(#inherited)*
        #vis fn #ident #generics(&self, #(#parameters),*) -> #sent #bounds {
            #(#checks)*
            self.producer.#send(const { &#constant.methods()[#index] }, #sent_parameters)
        }
    }
}

/// The parameters by name, or the only one bare.
fn sent(p: &Runtime, method: &Method) -> TokenStream {
    let parameters: Vec<_> = method.parameters().collect();
    let span = call::only_doubtful(&parameters).map_or_else(Span::call_site, Parameter::span);
    let lent = parameters.iter().map(|parameter| parameter.lend(span));
    if method.settings.bare {
        return quote!(#(#lent)*);
    }
    let names = parameters.iter().map(|parameter| &parameter.name);
    let p = p.located_at(span);
    quote_spanned!(span=> #p::named(&[#(#names),*], (#(#lent,)*)))
}

/// Spanned at the answer, where a type that is not `Deserialize` is to be reported.
fn call_type(p: &Runtime, method: &Method) -> TokenStream {
    let span = Span::mixed_site().located_at(method.answer_span);
    let p = p.located_at(span);
    match &method.answer {
        Answer::Result(documented) => {
            let Documented { ok, error, .. } = &**documented;
            quote_spanned!(span=> #p::Call<#ok, #p::CallError<#error>>)
        }
        Answer::Value(ty) => quote_spanned!(span=> #p::Call<#ty, #p::CallFault>),
        Answer::Early(_) | Answer::Settled | Answer::Concluded => {
            quote_spanned!(span=> #p::Call<(), #p::CallFault>)
        }
    }
}

fn docs(contract: &Contract, method: &Method) -> TokenStream {
    let docs = attributes::docs(&method.attributes);
    if !docs.is_empty() {
        return quote!(#(#docs)*);
    }
    let verb = match method.category {
        Category::Rpc => "Calls",
        Category::Message => "Sends",
    };
    let doc =
        format!("{verb} `{}` of [`trait@{}`].", method.rust_name(), contract.item.ident.unraw());
    quote!(#[doc = #doc])
}
