//! From a request to a handler and back: filter, decode, call, answer.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use super::local;
use crate::model::method::Method;
use crate::model::parameter::Parameter;
use crate::model::runtime::Runtime;
use crate::model::signature::{Answer, Input};
use crate::parse::types;

/// A handler to call with what a request brings.
pub(crate) struct Call<'m> {
    pub(crate) p: &'m Runtime,
    pub(crate) method: &'m Method,
    /// The service.
    pub(crate) receiver: TokenStream,
    /// The path of the function.
    pub(crate) target: TokenStream,
    /// Whether the function's future is known to be `Send`.
    pub(crate) known_send: bool,
    /// The function of the contract that decodes the parameters; without one they are decoded
    /// as the method itself declares them.
    pub(crate) decoder: Option<TokenStream>,
}

/// The name of the request in generated functions.
pub(crate) fn request() -> Ident {
    local("request")
}

impl Call<'_> {
    /// A future in a box of its own. One future of all handlers would take longer to compile than
    /// they do one by one, the more the longer, and each message would need room for the largest.
    pub(crate) fn boxed(&self) -> TokenStream {
        let (p, statements) = (self.p, self.statements());
        quote!(#p::Box::pin(async move { #statements }))
    }

    /// The statements of an async block, the last one its outcome.
    fn statements(&self) -> TokenStream {
        let filters = self.filters();
        let decode = self.decode();
        let heard = self.heard();
        let probe = self.probe();
        let answer = self.answer();
        quote!(#filters #decode #heard #probe #answer)
    }

    /// What a reply handler is given, or nothing more to do.
    fn heard(&self) -> Option<TokenStream> {
        let ty = self.method.inputs.iter().find_map(|input| match input {
            Input::Answer(ty) => Some(ty),
            _ => None,
        })?;
        let span = Span::mixed_site().located_at(ty.span());
        let (p, request, heard) = (self.p.located_at(span), request(), local("heard"));
        let erased = types::erased(ty);
        // Never run, only compiled.
        let check = self.method.answers.as_ref().map(
            |client| quote_spanned!(span=> let _ = || #p::check_reply::<#erased, _, _>(#client);),
        );
        let read = quote_spanned!(span=> #request.reply_of::<#ty>());
        Some(quote! {
            #check
            let #heard = match #read {
                ::core::option::Option::Some(#heard) => #heard,
                ::core::option::Option::None => return #p::Outcome::Done,
            };
        })
    }

    fn filters(&self) -> TokenStream {
        let filters = &self.method.filters;
        if filters.is_empty() {
            return TokenStream::new();
        }
        let (request, filtered, refused) = (request(), local("filtered"), local("refused"));
        quote! {
            let #filtered = match #request.filter(&[#(#filters),*]) {
                ::core::result::Result::Ok(#filtered) => #filtered,
                ::core::result::Result::Err(#refused) => {
                    return #request.refuse_filtered(#refused).await;
                }
            };
            let #request = #request.with_content(&#filtered);
        }
    }

    /// The parameters as local variables, or a refusal.
    fn decode(&self) -> TokenStream {
        let parameters: Vec<_> = self.method.parameters().collect();
        if parameters.is_empty() {
            return TokenStream::new();
        }
        let (request, decoded, fault) = (request(), local("parameters"), local("fault"));
        let idents = parameters.iter().map(|parameter| &parameter.ident);
        let (result, defaults) = match &self.decoder {
            Some(decoder) => (quote!(#decoder(#request)), TokenStream::new()),
            None => (read(self.p, &parameters), defaults(self.p, &parameters)),
        };
        let checks = match &self.decoder {
            Some(_) => TokenStream::new(),
            None => checks(self.p, &parameters),
        };
        quote! {
            #checks
            let (#(#idents,)*) = match #result {
                ::core::result::Result::Ok(#decoded) => #decoded,
                ::core::result::Result::Err(#fault) => return #request.refuse(#fault).await,
            };
            #defaults
        }
    }

    /// The call itself, up to its value.
    fn value(&self) -> TokenStream {
        let Call { p, target, receiver, .. } = self;
        let request = request();
        let arguments: Vec<_> = self
            .method
            .inputs
            .iter()
            .map(|input| match input {
                Input::Parameter(parameter) => parameter.pass(),
                Input::Context(place) => located(&quote!(#request.context()), *place),
                Input::Message(place) => located(&quote!(#request.message()), *place),
                Input::Reply(place) => located(&quote!(#request.reply(#p::causes!())), *place),
                Input::Answer(_) => local("heard").into_token_stream(),
            })
            .collect();
        let call = quote!(#target(#receiver, #(#arguments),*));
        let span = Span::mixed_site().located_at(self.method.ident.span());
        match (self.method.is_async, self.known_send) {
            (false, _) => call,
            (true, true) => quote!(#call.await),
            (true, false) => {
                let (p, target) = (p.located_at(span), located(target, span));
                let call = quote_spanned!(span=> #target(#receiver, #(#arguments),*));
                quote_spanned!(span=> #p::send_future(#call).await)
            }
        }
    }

    /// The call and what becomes of its value. Spanned at the return type, where a value that
    /// cannot be an answer is to be reported.
    fn answer(&self) -> TokenStream {
        let span = Span::mixed_site().located_at(self.method.answer_span);
        let (request, answer, value) = (request(), Ident::new("answer", span), self.value());
        let outcome = match &self.method.answer {
            Answer::Value(_) => {
                let p = self.p.located_at(span);
                let reply = quote_spanned!(span=> #p::Request::value(#answer));
                quote!(let #answer = #reply; #request.reply_with(#answer).await)
            }
            Answer::Result(_) => {
                let p = self.p.located_at(span);
                let reply = quote_spanned!(span=> #p::Request::result(#answer, #p::causes!()));
                quote!(let #answer = #reply; #request.reply_with(#answer).await)
            }
            Answer::Settled => quote_spanned!(span=> #request.settle(#answer)),
            Answer::Concluded => quote_spanned!(span=> #request.conclude(#answer).await),
            Answer::Early(_) => {
                return quote! {
                    let () = #value;
                    #request.after_reply().await
                };
            }
        };
        quote! {
            let #answer = #value;
            #outcome
        }
    }

    /// A check that the answer's type is no alias of `Result`: never run, only compiled.
    fn probe(&self) -> TokenStream {
        let Answer::Value(ty) = &self.method.answer else { return TokenStream::new() };
        if is_plain(ty) {
            return TokenStream::new();
        }
        let span = Span::mixed_site().located_at(self.method.answer_span);
        let p = self.p.located_at(span);
        let ty = types::erased(ty);
        quote_spanned! {span=>
            let _ = || {
                use #p::ProbeFallback as _;
                #p::must_not_be_result(#p::ResultProbe::<#ty>::new().kind())
            };
        }
    }
}

/// Whether a type is surely no alias of `Result`.
fn is_plain(ty: &Type) -> bool {
    types::is_primitive(ty) || !matches!(types::bare(ty), Type::Path(_))
}

/// Tokens, reported at this place.
fn located(tokens: &TokenStream, span: Span) -> TokenStream {
    let moved = tokens.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

/// The slots of the parameters, as a `Result`.
pub(crate) fn read(p: &Runtime, parameters: &[&Parameter]) -> TokenStream {
    let slots = parameters.iter().map(|parameter| parameter.slot(p));
    let names = parameters.iter().map(|parameter| &parameter.name);
    let span = only_doubtful(parameters).map_or_else(Span::mixed_site, Parameter::span);
    let request = Ident::new("request", span);
    quote_spanned!(span=> #request.parameters::<(#(#slots,)*)>(&[#(#names),*]))
}

/// What puts the defaults in place of parameters that the caller left out.
pub(crate) fn defaults(p: &Runtime, parameters: &[&Parameter]) -> TokenStream {
    parameters.iter().filter_map(|parameter| parameter.fill(p)).collect()
}

/// Where a type that cannot be decoded is reported: at the parameter.
pub(crate) fn checks(p: &Runtime, parameters: &[&Parameter]) -> TokenStream {
    match only_doubtful(parameters) {
        Some(_) => TokenStream::new(),
        None => parameters.iter().filter_map(|parameter| parameter.decodes(p)).collect(),
    }
}

/// The only parameter whose type may not be able to travel: errors about all of them are about
/// this one then, and are placed there without further checks.
pub(crate) fn only_doubtful<'p>(parameters: &[&'p Parameter]) -> Option<&'p Parameter> {
    let mut doubtful = parameters.iter().filter(|parameter| parameter.is_doubtful());
    let first = doubtful.next()?;
    doubtful.next().is_none().then_some(first)
}
