//! A service: the `MessageProcessor` of its type.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::call::{self, Call};
use super::dispatch::{self, Arm};
use super::method::{self, Schemas};
use super::{implementation, local, quiet, served, sources};
use crate::model::retry::Retry;
use crate::model::service::Service;
use crate::parse::attributes;

/// The user's block, what was taken out of it, and the processor.
pub(crate) fn render(service: &Service) -> TokenStream {
    let block = implementation::block(service);
    let beside = implementation::beside(service);
    let checks = implementation::checks(service);
    // A type without a name has been reported.
    let processor = (!service.name.is_empty()).then(|| processor(service));
    quote!(#block #beside #checks #processor)
}

fn processor(service: &Service) -> TokenStream {
    let Service { runtime: p, item, name, .. } = service;
    let (generics, _, bounds) = item.generics.split_for_impl();
    let bounds = bounds.map(|bounds| &bounds.predicates).filter(|bounds| !bounds.is_empty());
    let bounds = bounds.map(|bounds| {
        let bounds = bounds.iter();
        quote!(#(#bounds,)*)
    });
    let ty = &item.self_ty;
    let levels = attributes::levels(&item.attrs);
    let table = slices(service, Schemas::Types);
    let setup = setup(service);
    let dispatch = dispatch(service);
    let (index, request) = (local("index"), call::request());
    let quiet = quiet();
    // The types in the table are the user's, and are linted where they are written.
    quote! {
        #(#levels)*
        #quiet
        impl #generics #p::MessageProcessor for #ty
        where
            #bounds
            Self: ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            const NAME: &'static str = #name;
            #[allow(elided_lifetimes_in_paths)]
            const TABLE: &'static [&'static [#p::Method]] = &[#(#table),*];

            fn setup() -> #p::ServiceSetup {
                #p::ServiceSetup::new() #setup
            }

            fn dispatch<'postage>(
                &'postage self,
                #index: usize,
                #request: #p::Request<'postage>,
            ) -> #p::BoxFuture<'postage, #p::Outcome> {
                #dispatch
            }
        }
    }
}

/// The slices of the table: the contract's, the block's own, the types'.
pub(crate) fn slices(service: &Service, schemas: Schemas<'_>) -> Vec<TokenStream> {
    let p = &service.runtime;
    let contract = service.contract.iter().map(|contract| quote!(#contract.methods()));
    let own = service.handlers.iter().map(|handler| method::constant(p, handler, schemas));
    let own = (!service.handlers.is_empty()).then(|| quote!(&[#(#own),*]));
    let types = service.types.iter().map(|ty| {
        let schemas = schemas.of_struct_answer(p, ty);
        quote!(<#ty as #p::DeclareHandler>::METHOD #schemas)
    });
    let types = (!service.types.is_empty()).then(|| quote!(&[#(#types),*]));
    contract.chain(own).chain(types).collect()
}

fn setup(service: &Service) -> TokenStream {
    let sources = sources::render(&service.runtime, &service.sources);
    let number = |value: u64| Literal::u64_unsuffixed(value);
    let prefetch = service.prefetch.map(number).map(|n| quote!(.prefetch(#n)));
    let concurrency = service.concurrency.map(number).map(|n| quote!(.concurrency(#n)));
    let retry = service.retry.as_ref().map(|settings| retry(service, settings));
    let dedup = service.dedup.map(|on| quote!(.dedup(#on)));
    let quit = service.quit.map(|on| quote!(.quit(#on)));
    let restart = service.restart.map(|on| quote!(.restart(#on)));
    let traces = service.traces.map(|on| quote!(.traces(#on)));
    quote!(#sources #prefetch #concurrency #retry #dedup #quit #restart #traces)
}

fn retry(service: &Service, settings: &Retry) -> TokenStream {
    let p = &service.runtime;
    let attempts = Literal::u64_unsuffixed(settings.attempts);
    let time = |millis: u64| {
        let millis = Literal::u64_unsuffixed(millis);
        quote!(::core::time::Duration::from_millis(#millis))
    };
    let pause = settings.pause.map(time).map(|time| quote!(.first_pause(#time)));
    let longest = settings.longest.map(time).map(|time| quote!(.longest_pause(#time)));
    quote!(.retry(#p::Retry::new(#attempts) #pause #longest))
}

fn dispatch(service: &Service) -> TokenStream {
    let (p, index, request) = (&service.runtime, local("index"), call::request());
    if service.item.generics.lifetimes().next().is_some() {
        // It has been reported that a service borrows nothing.
        return quote!(#p::Box::pin(#request.unhandled()));
    }
    let arms = arms(service);
    match &service.contract {
        None => dispatch::render(p, &quote!(#index), &arms),
        Some(contract) if arms.is_empty() => served::dispatch(service, contract),
        Some(contract) => {
            let of_contract = served::dispatch(service, contract);
            let dispatch = dispatch::render(p, &quote!(#index - __POSTAGE_CONTRACT), &arms);
            quote! {
                const __POSTAGE_CONTRACT: usize = #contract.methods().len();
                if #index < __POSTAGE_CONTRACT {
                    #of_contract
                } else {
                    #dispatch
                }
            }
        }
    }
}

fn arms(service: &Service) -> Vec<Arm> {
    let p = &service.runtime;
    let request = call::request();
    let own = service.handlers.iter().map(|method| {
        let ident = &method.ident;
        let (receiver, target) = (quote!(self), quote!(Self::#ident));
        Arm {
            conditions: attributes::conditions(&method.attributes),
            body: Call { p, method, receiver, target, known_send: false, decoder: None }.boxed(),
        }
    });
    let receiver = quote!(self);
    let types = service.types.iter().map(|ty| {
        // All of it at the type, where what it lacks is reported, once: a path of its own would
        // make it another place.
        let call = quote_spanned! {ty.span()=>
            __postage_run::<#ty, Self>(#receiver, #request, |error| {
                __PostageCauses::of(error).causes()
            })
        };
        let run = Ident::new("__postage_run", ty.span());
        let probe = Ident::new("__PostageCauses", ty.span());
        let imports = quote!(use #p::{CausesProbe as #probe, NoCauses as _, run_handler as #run};);
        let body = quote!(#imports #call);
        Arm { conditions: Vec::new(), body }
    });
    own.chain(types).collect()
}
