//! The user's own block, and beside it what a contract's trait has no room for.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{FnArg, GenericParam, ImplItem, ImplItemFn, Path, ReturnType, Signature, parse_quote};

use super::method::Schemas;
use super::{local, quiet, served, service};
use crate::model::queue::Binding;
use crate::model::runtime::Runtime;
use crate::model::service::{InContext, Served, Service};
use crate::model::signature::{Mark, Written};
use crate::parse::{attributes, types};

/// The block as the trait, or the type, wants it.
pub(crate) fn block(service: &Service) -> TokenStream {
    let mut block = service.item.clone();
    for served in &service.served {
        match served {
            Served::Plain { function, .. } => block.items.push(ImplItem::Fn((**function).clone())),
            Served::InContext(method) => {
                let shown = shown(&service.runtime, method);
                block.items.push(ImplItem::Fn(shown));
            }
        }
    }
    block.into_token_stream()
}

/// The handlers beyond the contract, and those that take a context or a reply: their bodies, and how
/// messages reach them.
pub(crate) fn beside(service: &Service) -> Option<TokenStream> {
    let in_context = service.served.iter().filter_map(|served| match served {
        Served::InContext(method) => {
            let (body, handler) = (body(method), served::handler(service, method));
            Some(quote!(#body #handler))
        }
        Served::Plain { .. } => None,
    });
    let in_context: Vec<_> = in_context.collect();
    let beside = &service.beside;
    if beside.is_empty() && in_context.is_empty() {
        return None;
    }
    let item = &service.item;
    let levels = attributes::levels(&item.attrs);
    let (generics, _, bounds) = item.generics.split_for_impl();
    let ty = &item.self_ty;
    Some(quote! {
        #(#levels)*
        impl #generics #ty #bounds {
            #(#beside)*
            #(#in_context)*
        }
    })
}

pub(super) fn body_name(ident: &Ident) -> Ident {
    format_ident!("__postage_in_context_{}", ident.unraw(), span = ident.span())
}

/// The user's method under a hidden name, all its parameters and attributes kept.
fn body(method: &InContext) -> ImplItemFn {
    let mut function = method.function.clone();
    // The style of its name is the contract's affair.
    if function.sig.ident.to_string().contains(char::is_uppercase) {
        function.attrs.push(parse_quote!(#[allow(non_snake_case)]));
    }
    function.sig.ident = body_name(&function.sig.ident);
    function.attrs.push(parse_quote!(#[doc(hidden)]));
    function
}

/// The method as the trait has it: without a context, the reply's promise returned. An attribute
/// macro is not among its attributes: it is for the user's body.
fn shown(p: &Runtime, method: &InContext) -> ImplItemFn {
    let mut function = method.function.clone();
    function.attrs = attributes::copied(&function.attrs);
    let hidden = body_name(&function.sig.ident);
    let mut written = method.written.iter();
    let inputs = std::mem::take(&mut function.sig.inputs).into_iter();
    let inputs = inputs.filter_map(|input| match input {
        FnArg::Typed(mut typed) => {
            let written = written.next()?;
            typed.attrs = attributes::copied(&typed.attrs);
            if let Some(ident) = &written.ident {
                *typed.pat = parse_quote!(#ident);
            }
            (written.mark == Mark::None).then_some(FnArg::Typed(typed))
        }
        receiver @ FnArg::Receiver(_) => Some(receiver),
    });
    function.sig.inputs = inputs.collect();
    function.sig.asyncness = Some(parse_quote!(async));
    let (context, reply) = (local("context"), local("reply"));
    let arguments = method.written.iter().map(|written| argument(written, &context, &reply));
    let call = quote!(Self::#hidden(self, #(#arguments),*));
    let call = match &method.promise {
        None => quote!(#call.await),
        Some((value, None)) => {
            function.sig.output = returning(&quote!(#value));
            quote!(#p::local_reply(|#reply| #call).await)
        }
        Some((value, Some(error))) => {
            function.sig.output = returning(&quote!(::core::result::Result<#value, #error>));
            quote!(#p::local_reply_result(|#reply| #call).await)
        }
    };
    drop_lifetimes(&mut function.sig);
    let needs_context = method.written.iter().any(|written| written.mark == Mark::Context);
    let context = needs_context.then(|| quote!(let #context = #p::Context::detached();));
    function.block = parse_quote!({ #context #call });
    function
}

/// Takes away the lifetimes of the parameters that the trait does not have.
fn drop_lifetimes(signature: &mut Signature) {
    let kept: Vec<_> = types::lifetimes(signature).into_iter().cloned().collect();
    let generics = &mut signature.generics;
    let params = std::mem::take(&mut generics.params).into_iter();
    let params = params.filter(|param| match param {
        GenericParam::Lifetime(own) => kept.contains(&own.lifetime.ident),
        _ => true,
    });
    generics.params = params.collect();
}

fn argument(written: &Written, context: &Ident, reply: &Ident) -> TokenStream {
    match (written.mark, &written.ident) {
        (Mark::Context, _) => quote!(&#context),
        (Mark::Reply, _) => quote!(#reply),
        (Mark::None, Some(ident)) => quote!(#ident),
        (Mark::None, None) => quote!(::core::unreachable!()),
    }
}

fn returning(ty: &TokenStream) -> ReturnType {
    parse_quote!(-> #ty)
}

/// What is checked against the contract when the service is compiled.
pub(crate) fn checks(service: &Service) -> TokenStream {
    let p = &service.runtime;
    // What is checked stands beside the block, whose generics its types may name.
    let slices = service::slices(service, Schemas::None);
    let handlers = (slices.len() > 1).then(|| check(service, &handlers(p, &slices)));
    let keyless = service.sources.bindings.iter().filter_map(|binding| keyless(service, binding));
    let keyless: TokenStream = keyless.collect();
    let Some(contract) = &service.contract else { return quote!(#keyless #handlers) };
    let served = service.served.iter();
    let parameters = served.map(|served| parameters(service, contract, served));
    let routes = routes(service, contract);
    quote!(#(#parameters)* #keyless #routes #handlers)
}

fn check(service: &Service, check: &TokenStream) -> TokenStream {
    let conditions = attributes::conditions(&service.item.attrs);
    let quiet = quiet();
    quote!(#(#conditions)* #quiet #check)
}

fn handlers(p: &Runtime, slices: &[TokenStream]) -> TokenStream {
    quote! {
        const _: () = {
            const __POSTAGE_TABLE: &[&[#p::Method]] = &[#(#slices),*];
            #p::check_handlers::<{ #p::handler_slots(__POSTAGE_TABLE) }>(__POSTAGE_TABLE)
        };
    }
}

fn parameters(service: &Service, contract: &Path, served: &Served) -> TokenStream {
    let (function, names) = match served {
        Served::Plain { function, names } => (&**function, names.clone()),
        Served::InContext(method) => {
            let Some(valid) = &method.method else { return TokenStream::new() };
            let names = valid.parameters().map(|parameter| parameter.name.clone());
            (&method.function, names.collect())
        }
    };
    let ident = &function.sig.ident;
    let name = ident.unraw().to_string();
    let p = service.runtime.located_at(ident.span());
    let conditions = attributes::conditions(&function.attrs);
    let constant = quote_spanned! {ident.span()=>
        const _: () = #p::check_parameters(&#contract, #name, &[#(#names),*]);
    };
    check(service, &quote!(#(#conditions)* #constant))
}

/// A binding without a key.
fn keyless(service: &Service, binding: &Binding) -> Option<TokenStream> {
    if binding.key.is_some() {
        return None;
    }
    let (p, exchange) = (service.runtime.located_at(binding.span), &binding.exchange);
    let constant = quote_spanned! {binding.span=>
        const _: () = {
            const __POSTAGE_EXCHANGE: &#p::Exchange = &<#exchange as #p::DeclareExchange>::ROUTE;
            #p::check_keyless(__POSTAGE_EXCHANGE)
        };
    };
    Some(check(service, &constant))
}

fn routes(service: &Service, contract: &Path) -> Option<TokenStream> {
    let p = &service.runtime;
    let span = service.sources.bindings.first()?.span;
    let located = p.located_at(span);
    let routes = service.sources.bindings.iter().map(|binding| {
        let (exchange, key) = (&binding.exchange, binding.key.as_deref().unwrap_or_default());
        quote!((&<#exchange as #p::DeclareExchange>::ROUTE, #key))
    });
    let checked = quote_spanned!(span=> #located::check_routes(&#contract, __POSTAGE_ROUTES));
    Some(check(
        service,
        &quote! {
            const _: () = {
                const __POSTAGE_ROUTES: &[(&#p::Exchange, &str)] = &[#(#routes),*];
                #checked
            };
        },
    ))
}
