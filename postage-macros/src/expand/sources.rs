//! What a service consumes: its bindings and its queues.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens as _, quote};

use super::exchange::{exchange_name, field};
use crate::model::headers::{Headers, Matching};
use crate::model::queue::{Flags, Overflow, Queue, QueueKind, Sources};
use crate::model::runtime::Runtime;

/// `.bind(…)` for each binding, `.queue(…)` for each queue without one.
pub(crate) fn render(p: &Runtime, sources: &Sources) -> TokenStream {
    let bindings = sources.bindings.iter().map(|binding| {
        let (exchange, key) = (&binding.exchange, binding.key.as_deref().unwrap_or_default());
        let queue = queue(p, &sources.queues[binding.queue]);
        let route = quote!(<#exchange as #p::DeclareExchange>::ROUTE);
        match &binding.headers {
            None => quote!(.bind(#route, #queue, #key)),
            Some(headers) => {
                let name = &sources.queues[binding.queue].name;
                let headers = self::headers(p, headers);
                quote!(.bind_with(#queue, #p::Binding::new(#route, #name, #key).headers(#headers)))
            }
        }
    });
    let unbound = sources
        .queues
        .iter()
        .enumerate()
        .filter(|(index, _)| sources.bindings.iter().all(|binding| binding.queue != *index));
    let unbound = unbound.map(|(_, unbound)| {
        let queue = queue(p, unbound);
        quote!(.queue(#queue))
    });
    bindings.chain(unbound).collect()
}

/// The arguments of `Binding::headers`.
fn headers(p: &Runtime, headers: &Headers) -> TokenStream {
    let matching = match headers.matching {
        Matching::All => quote!(All),
        Matching::Any => quote!(Any),
        Matching::AllWithX => quote!(AllWithX),
        Matching::AnyWithX => quote!(AnyWithX),
    };
    let wanted = headers.wanted.iter().map(|header| {
        let (name, value) = (&header.name, field(p, &header.value));
        quote!((#name, #value))
    });
    quote!(#p::MatchHeaders::#matching, [#(#wanted),*])
}

fn queue(p: &Runtime, queue: &Queue) -> TokenStream {
    let name = &queue.name;
    let flags = queue.flags.as_ref().map(|flags| self::flags(p, flags));
    quote!(#p::Queue::new(#name) #flags)
}

fn flags(p: &Runtime, flags: &Flags) -> TokenStream {
    let flag = |value: Option<bool>| value.map(|value| quote!(#value));
    let number = |value: Option<u64>| value.map(Literal::u64_unsuffixed).map(|n| quote!(#n));
    let millis = |value: Option<u64>| {
        number(value).map(|value| quote!(::core::time::Duration::from_millis(#value)))
    };
    let dead_letter = flags.dead_letter.as_ref().map(|exchange| exchange_name(p, exchange));
    let calls = [
        ("passive", flag(flags.passive)),
        ("durable", flag(flags.durable)),
        ("exclusive", flag(flags.exclusive)),
        ("auto_delete", flag(flags.auto_delete)),
        ("kind", flags.kind.map(|value| kind(p, value))),
        ("message_ttl", millis(flags.ttl)),
        ("expires", millis(flags.expires)),
        ("max_length", number(flags.max_length)),
        ("max_bytes", number(flags.max_bytes)),
        ("overflow", flags.overflow.map(|value| overflow(p, value))),
        ("dead_letter", dead_letter),
        ("dead_letter_key", flags.dead_letter_key.as_ref().map(|key| key.to_token_stream())),
    ];
    let calls = calls.into_iter().filter_map(|(name, value)| {
        let name = quote::format_ident!("{name}");
        value.map(|value| quote!(.#name(#value)))
    });
    let arguments = flags.arguments.iter().map(|entry| {
        let (name, value) = (&entry.name, field(p, &entry.value));
        quote!(.argument(#name, #value))
    });
    calls.chain(arguments).collect()
}

fn kind(p: &Runtime, kind: QueueKind) -> TokenStream {
    match kind {
        QueueKind::Classic => quote!(#p::QueueKind::Classic),
        QueueKind::Quorum => quote!(#p::QueueKind::Quorum),
    }
}

fn overflow(p: &Runtime, overflow: Overflow) -> TokenStream {
    match overflow {
        Overflow::DropHead => quote!(#p::Overflow::DropHead),
        Overflow::RejectPublish => quote!(#p::Overflow::RejectPublish),
        Overflow::RejectPublishDeadLetter => quote!(#p::Overflow::RejectPublishDeadLetter),
    }
}
