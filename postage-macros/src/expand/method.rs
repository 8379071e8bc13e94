//! A method as a constant: what a dispatch table holds.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens as _, quote};

use crate::model::method::{Category, Method, Settings};
use crate::model::runtime::Runtime;
use crate::model::signature::Answer;
use crate::parse::attributes;
use crate::parse::values::tokens_text;

/// `Method::rpc("command", "place", "place", &[…], "u64")`, under the method's conditions.
pub(crate) fn constant(p: &Runtime, method: &Method) -> TokenStream {
    let conditions = attributes::conditions(&method.attributes);
    let constant = unconditional(p, method);
    quote!(#(#conditions)* #constant)
}

/// The same without the conditions.
pub(crate) fn unconditional(p: &Runtime, method: &Method) -> TokenStream {
    let (wire_type, name, rust_name) = (&method.wire_type, &method.name, method.rust_name());
    let parameters = method.parameters().map(|parameter| {
        let (name, ty) = (&parameter.name, parameter.type_text());
        quote!(#p::Parameter::new(#name, #ty))
    });
    let parameters = quote!(&[#(#parameters),*]);
    let settings = settings(&method.settings);
    let doc = attributes::summary(&method.attributes).map(|doc| quote!(.doc(#doc)));
    let constructor = match method.category {
        Category::Rpc => {
            let answer = answer_text(&method.answer);
            quote!(rpc(#wire_type, #name, #rust_name, #parameters, #answer))
        }
        Category::Message => quote!(message(#wire_type, #name, #rust_name, #parameters)),
    };
    quote!(#p::Method::#constructor #settings #doc)
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Value(ty) => tokens_text(ty),
        Answer::Result(documented) => tokens_text(&documented.whole),
        Answer::Early(text) => text.clone(),
        Answer::Settled | Answer::Concluded => String::new(),
    }
}

/// The builder calls for what was set.
pub(crate) fn settings(settings: &Settings) -> TokenStream {
    let number = |value: Option<u64>| value.map(Literal::u64_unsuffixed);
    let calls = [
        ("timeout_millis", number(settings.timeout).map(|n| n.to_token_stream())),
        ("deadline_millis", number(settings.deadline).map(|n| n.to_token_stream())),
        ("max_retry", number(settings.max_retry).map(|n| n.to_token_stream())),
        ("key", settings.key.as_ref().map(|key| quote!(#key))),
        ("persistent", settings.persistent.map(|persistent| quote!(#persistent))),
        ("priority", number(settings.priority).map(|n| n.to_token_stream())),
        ("ttl_millis", number(settings.ttl).map(|n| n.to_token_stream())),
    ];
    let calls = calls.into_iter().filter_map(|(name, value)| {
        let name = quote::format_ident!("{name}");
        value.map(|value| quote!(.#name(#value)))
    });
    calls.chain(settings.cancellable.then(|| quote!(.cancellable()))).collect()
}
