use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::model::exchange::{Exchange, Kind};
use crate::model::runtime::Runtime;
use crate::model::table::{Entry, ExchangeRef, Field};
use crate::parse::attributes;

/// The struct, and its exchange.
pub(crate) fn render(exchange: &Exchange) -> TokenStream {
    let Exchange { runtime: p, item, name, passive, durable, auto_delete, internal, .. } = exchange;
    let ident = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let conditions = attributes::conditions(&item.attrs);
    let quiet = super::quiet();
    let kind = kind(p, &exchange.kind);
    let alternate = match &exchange.alternate {
        None => quote!(::core::option::Option::None),
        Some(alternate) => {
            let name = exchange_name(p, alternate);
            quote!(::core::option::Option::Some(#name))
        }
    };
    let table = exchange.arguments.iter().map(|entry| {
        let Entry { name, value } = entry;
        let value = field(p, value);
        quote!((#p::Cow::Borrowed(#name), #value))
    });
    quote! {
        #item
        #(#conditions)*
        #quiet
        impl #generics #p::DeclareExchange for #ident #arguments #bounds {
            const ROUTE: #p::Exchange = {
                const ALTERNATE: ::core::option::Option<&'static str> = #alternate;
                const ARGUMENTS: &[(#p::Cow<'static, str>, #p::FieldValue)] = &[#(#table),*];
                #p::exchange(
                    #name,
                    #kind,
                    #p::ExchangeFlags {
                        passive: #passive,
                        durable: #durable,
                        auto_delete: #auto_delete,
                        internal: #internal,
                    },
                    ALTERNATE,
                    ARGUMENTS,
                )
            };
        }
    }
}

fn kind(p: &Runtime, kind: &Kind) -> TokenStream {
    match kind {
        Kind::Direct => quote!(#p::ExchangeKind::Direct),
        Kind::Topic => quote!(#p::ExchangeKind::Topic),
        Kind::Fanout => quote!(#p::ExchangeKind::Fanout),
        Kind::Headers => quote!(#p::ExchangeKind::Headers),
        Kind::Plugin(name) => quote!(#p::ExchangeKind::Plugin(#p::Cow::Borrowed(#name))),
    }
}

/// The value of an entry in a field table.
pub(crate) fn field(p: &Runtime, value: &Field) -> TokenStream {
    match value {
        Field::Bool(value) => quote!(#p::FieldValue::Bool(#value)),
        Field::Int(value) => {
            let value = Literal::i64_unsuffixed(*value);
            quote!(#p::FieldValue::Int(#value))
        }
        Field::Float(value) => quote!(#p::FieldValue::Float(#value)),
        Field::Text(value) => quote!(#p::FieldValue::Text(#p::Cow::Borrowed(#value))),
    }
}

/// The name of an exchange, `&'static str`.
pub(crate) fn exchange_name(p: &Runtime, exchange: &ExchangeRef) -> TokenStream {
    match exchange {
        ExchangeRef::Name(name) => quote!(#name),
        ExchangeRef::Type(path) => quote! {{
            const EXCHANGE: &#p::Exchange = &<#path as #p::DeclareExchange>::ROUTE;
            #p::exchange_name(EXCHANGE)
        }},
    }
}
