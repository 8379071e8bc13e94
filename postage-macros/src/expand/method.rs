//! A method as a constant: what a dispatch table holds.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::model::method::{Category, Method, Settings};
use crate::model::parameter::Parameter;
use crate::model::runtime::Runtime;
use crate::model::signature::Answer;
use crate::parse::values::tokens_text;
use crate::parse::{attributes, types};

/// Where a constant has the schemas of its method's types from.
#[derive(Clone, Copy)]
pub(crate) enum Schemas<'m> {
    /// From the types, all of which can be named where the constant stands.
    Types,
    /// From the struct whose fields the parameters are.
    Struct(&'m Ident),
    /// Nobody asks for them.
    None,
}

/// `Method::rpc("command", "place", "place", &[…], "u64")`, under the method's conditions.
pub(crate) fn constant(p: &Runtime, method: &Method, schemas: Schemas<'_>) -> TokenStream {
    let conditions = attributes::conditions(&method.attributes);
    let constant = unconditional(p, method, schemas);
    quote!(#(#conditions)* #constant)
}

/// The same without the conditions.
pub(crate) fn unconditional(p: &Runtime, method: &Method, schemas: Schemas<'_>) -> TokenStream {
    let (wire_type, name, rust_name) = (&method.wire_type, name(p, method), method.rust_name());
    let parameters = method.parameters().map(|parameter| {
        let (name, ty) = (&parameter.name, parameter.type_text());
        let schema = schemas.of_parameter(p, parameter);
        quote!(#p::Parameter::new(#name, #ty) #schema)
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
    let schemas = schemas.of_answer(p, &method.answer);
    quote!(#p::Method::#constructor #schemas #settings #doc)
}

/// The name on the wire: where a client's method is given, as its contract has it.
fn name(p: &Runtime, method: &Method) -> TokenStream {
    let given = method.answers.as_ref().and_then(client_and_method);
    let Some((client, of)) = given else { return method.name.to_token_stream() };
    let p = p.located_at(client.span());
    quote_spanned!(client.span()=> #p::answered_name(&<#client as #p::Client>::CONTRACT, #of))
}

/// `OrderDeskProducer` and `"place"` of `OrderDeskProducer::place`.
fn client_and_method(path: &Path) -> Option<(Path, String)> {
    let mut client = path.clone();
    let method = client.segments.pop()?;
    // Without the `::` that stood before the method.
    client.segments.pop_punct();
    Some((client, method.ident.unraw().to_string()))
}

impl Schemas<'_> {
    fn of_parameter(self, p: &Runtime, parameter: &Parameter) -> Option<TokenStream> {
        match self {
            Self::Types => {
                let ty = types::erased(&parameter.ty);
                Some(quote!(.with_schema(#p::schema!(#ty))))
            }
            Self::Struct(ident) => Some(quote!(.with_schema_of_struct(#p::schema!(#ident)))),
            Self::None => None,
        }
    }

    /// What a struct answers is said where it is put into a service.
    pub(crate) fn of_struct_answer(self, p: &Runtime, ty: &Path) -> Option<TokenStream> {
        let Self::Types = self else { return None };
        let value = quote!(#p::schema!(value of #ty, Self));
        let error = quote!(#p::schema!(error of #ty, Self));
        Some(quote!(.with_struct_answer(#value, #error)))
    }

    fn of_answer(self, p: &Runtime, answer: &Answer) -> Option<TokenStream> {
        let Self::Types = self else { return None };
        let (value, error) = match answer {
            Answer::Value(value) => (&**value, None),
            Answer::Result(documented) => (&documented.ok, Some(&documented.error)),
            Answer::Early(promise) => {
                let (value, error) = promise.as_deref()?;
                (value, error.as_ref())
            }
            Answer::Settled | Answer::Concluded => return None,
        };
        let value = types::erased(value);
        let error = error.map(types::erased);
        let error = error.map(|error| quote!(.with_error_schema(#p::schema!(#error))));
        Some(quote!(.with_returns_schema(#p::schema!(#value)) #error))
    }
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Value(ty) => tokens_text(ty),
        Answer::Result(documented) => tokens_text(&documented.whole),
        Answer::Early(promise) => match promise.as_deref() {
            Some((value, None)) => tokens_text(value),
            Some((value, Some(error))) => {
                format!("Result<{}, {}>", tokens_text(value), tokens_text(error))
            }
            None => String::new(),
        },
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
    let cancellable = settings.cancellable.then(|| quote!(.cancellable()));
    let signal = settings.signal.then(|| quote!(.signal()));
    calls.chain(cancellable).chain(signal).collect()
}
