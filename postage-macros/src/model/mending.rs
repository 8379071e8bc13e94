//! Slips in a contract's method that are reported and put right, so that the rest of the item says
//! no more about them.

use quote::ToTokens as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, Pat, ReturnType, Token, TraitItem, TraitItemFn, Visibility};

use crate::errors::Errors;
use crate::parse::types;
use crate::parse::values::tokens_text;

/// Takes off the `pub` of a method: what has one is no method to syn.
pub(crate) fn drop_visibility(member: &mut TraitItem, errors: &Errors) {
    let TraitItem::Verbatim(tokens) = member else { return };
    let split = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let mut function: TraitItemFn = input.parse()?;
        function.attrs = attributes;
        Ok((visibility, function))
    };
    if let Ok((visibility, function)) = split.parse2(tokens.clone()) {
        let message = "a contract's methods are as visible as the contract: drop this";
        errors.at(visibility, message);
        *member = TraitItem::Fn(function);
    }
}

/// What is missing of an `async fn` without a body, and what is too much.
pub(crate) fn mend(function: &mut TraitItemFn, errors: &Errors) {
    if function.sig.asyncness.is_none() {
        let mut message = "a method of a contract is `async`: write `async fn`".to_owned();
        if let ReturnType::Type(_, output) = &mut function.sig.output
            && let Some(inner) = types::future_output(output).cloned()
        {
            message += &format!(" and `-> {}`", tokens_text(&inner));
            **output = inner;
        }
        errors.at(function.sig.fn_token, message);
        function.sig.asyncness = Some(Token![async](function.sig.fn_token.span));
    }
    if let Some(body) = function.default.take() {
        let body = body.to_token_stream().span();
        errors.at_span(body, "a method of a contract has no body: the service gives it one");
        function.semi_token = Some(Token![;](body));
    }
}

/// Patterns have been reported: rustc need not say it again.
pub(crate) fn drop_patterns(function: &mut TraitItemFn) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(typed) = input
            && !matches!(*typed.pat, Pat::Ident(_))
        {
            *typed.pat = syn::parse_quote!(_);
        }
    }
}
