//! The arguments of an attribute: `"text"`, `flag`, `name = value`, `name(…)`, between commas.
//!
//! A model asks for the arguments it knows, one by one; [`Args::finish`] then reports the rest as
//! unknown, with the list of those that were asked for.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Ident, Lit, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::suggest;

/// The arguments not asked for yet.
pub(crate) struct Args<'e> {
    /// What they belong to, as the user writes it: `#[exchange]`, `queue(…)`.
    pub(crate) owner: &'static str,
    pub(crate) errors: &'e Errors,
    /// Where to report what is missing.
    pub(crate) span: Span,
    positional: Vec<LitStr>,
    named: Vec<Argument>,
    known: Vec<&'static str>,
}

/// One `name`, `name = value` or `name(…)`.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What follows an argument's name.
pub(crate) enum Value {
    Flag,
    Literal(Lit),
    Path(Path),
    List(TokenStream, Span),
}

impl<'e> Args<'e> {
    /// Reads every argument; one that cannot be read is reported and left out.
    pub(crate) fn parse(
        owner: &'static str,
        tokens: TokenStream,
        span: Span,
        errors: &'e Errors,
    ) -> Self {
        let mut args = Self {
            owner,
            errors,
            span,
            positional: Vec::new(),
            named: Vec::new(),
            known: Vec::new(),
        };
        for_each_entry(tokens, errors, |input| {
            if input.peek(LitStr) {
                args.positional.push(input.parse()?);
            } else {
                args.named.push(argument(input)?);
            }
            Ok(())
        });
        args
    }

    /// The argument of this name. A second one is reported.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Argument> {
        let mut all = self.take_all(name).into_iter();
        let first = all.next();
        for again in all {
            let message = format!("`{name}` is given twice; keep one");
            self.errors.at(&again.name, message);
        }
        first
    }

    /// Every argument of this name, for those that may be repeated.
    pub(crate) fn take_all(&mut self, name: &'static str) -> Vec<Argument> {
        self.known.push(name);
        let (wanted, rest) =
            std::mem::take(&mut self.named).into_iter().partition(|argument| argument.name == name);
        self.named = rest;
        wanted
    }

    /// Whether an argument of this name is still to be taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.named.iter().any(|argument| argument.name == name)
    }

    /// Whether something is given that may be a slip for this name: [`Args::finish`] reports it,
    /// so nobody else need miss it.
    pub(crate) fn misspelt(&self, name: &str) -> bool {
        let near = |argument: &Argument| {
            suggest::nearest(&argument.name.unraw().to_string(), &[name]).is_some()
        };
        !self.positional.is_empty() || self.named.iter().any(near)
    }

    /// The texts without a name, at most `most` of them.
    pub(crate) fn positional(&mut self, most: usize, meaning: &str) -> Vec<LitStr> {
        let mut texts = std::mem::take(&mut self.positional);
        for extra in texts.split_off(texts.len().min(most)) {
            let message = format!("too many texts for {}: it takes {meaning}", self.owner);
            self.errors.at(extra, message);
        }
        texts
    }

    /// Reports every argument that nothing asked for.
    pub(crate) fn finish(self) {
        for text in &self.positional {
            let value = text.value();
            let message = format!(
                "{} takes named arguments: write `name = \"{value}\"`; {}",
                self.owner,
                suggest::allowed(&value, &self.known)
            );
            self.errors.at(text, message);
        }
        for argument in &self.named {
            let name = argument.name.unraw().to_string();
            let message = format!(
                "{} has no argument `{name}`; {}",
                self.owner,
                suggest::allowed(&name, &self.known)
            );
            self.errors.at(&argument.name, message);
        }
    }
}

/// Reads entries between commas. After a mistake it goes on behind the next comma.
pub(crate) fn for_each_entry(
    tokens: TokenStream,
    errors: &Errors,
    mut entry: impl FnMut(ParseStream<'_>) -> syn::Result<()>,
) {
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let read = entry(input).and_then(|()| {
                let ended = input.is_empty() || input.peek(Token![,]);
                if ended { Ok(()) } else { Err(input.error("expected `,` between arguments")) }
            });
            if let Err(error) = read {
                errors.push(error);
                while !input.is_empty() && !input.peek(Token![,]) {
                    input.parse::<TokenTree>()?;
                }
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    errors.keep(all.parse2(tokens));
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected an argument: `name`, `name = value` or `name(…)`"));
    }
    let name = input.call(Ident::parse_any)?;
    Ok(Argument { name, value: value(input)? })
}

/// What stands behind a name: nothing, `= value` or `(…)`.
pub(crate) fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    if input.peek(token::Paren) {
        let content;
        let parens = syn::parenthesized!(content in input);
        return Ok(Value::List(content.parse()?, parens.span.join()));
    }
    if input.parse::<Option<Token![=]>>()?.is_none() {
        return Ok(Value::Flag);
    }
    if input.peek(Lit) || input.peek(Token![-]) {
        return Ok(Value::Literal(input.parse()?));
    }
    if input.peek(Token![::]) || input.peek(Ident::peek_any) {
        return Ok(Value::Path(input.parse()?));
    }
    Err(input.error("expected a literal or the path of a type after `=`"))
}
