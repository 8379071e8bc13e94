//! The attributes of an item: ours are taken off, the user's are kept and passed on.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{AttrStyle, Attribute, Expr, ExprLit, Ident, Lit, Meta};

use crate::errors::Errors;

/// Takes off every attribute of this name, with or without a path before it.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    let named = |attribute: &Attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
    };
    attributes.extract_if(.., |attribute| named(attribute)).collect()
}

/// The arguments in an attribute's parentheses, and where they stand.
pub(crate) fn arguments(attribute: &Attribute, errors: &Errors) -> (TokenStream, Span) {
    let span = attribute.path().span();
    match &attribute.meta {
        Meta::Path(_) => (TokenStream::new(), span),
        Meta::List(list) => (list.tokens.clone(), span),
        Meta::NameValue(_) => {
            let name = attribute.path().segments.last().map(|segment| segment.ident.to_string());
            let name = name.unwrap_or_default();
            let message = format!("put the arguments in parentheses: `#[{name}(name = value)]`");
            errors.at(attribute, message);
            (TokenStream::new(), span)
        }
    }
}

fn only(attributes: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let wanted = |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
    // One written within the item, as `#![allow(..)]`, stands before what is generated from it.
    let outer = |attribute: &Attribute| Attribute { style: AttrStyle::Outer, ..attribute.clone() };
    attributes.iter().filter(wanted).map(outer).map(unexpectant).collect()
}

/// What is generated may not have what is expected of the item: it is allowed there.
fn unexpectant(attribute: Attribute) -> Attribute {
    match attribute.meta {
        Meta::List(mut list) if list.path.is_ident("expect") => {
            list.path = Ident::new("allow", list.path.span()).into();
            Attribute { meta: Meta::List(list), ..attribute }
        }
        meta => Attribute { meta, ..attribute },
    }
}

/// What holds for everything generated from an item: its conditions.
pub(crate) fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    only(attributes, &["cfg"])
}

/// Conditions and lint levels: what a generated block inherits.
pub(crate) fn levels(attributes: &[Attribute]) -> Vec<Attribute> {
    only(attributes, &["cfg", "allow", "expect", "warn", "deny"])
}

/// Conditions, lint levels and `deprecated`: what a generated item inherits beside the docs.
pub(crate) fn inherited(attributes: &[Attribute]) -> Vec<Attribute> {
    only(attributes, &["cfg", "allow", "expect", "warn", "deny", "deprecated"])
}

/// What a copy of a method takes along: nothing that is to happen once.
pub(crate) fn copied(attributes: &[Attribute]) -> Vec<Attribute> {
    only(attributes, &["cfg", "allow", "expect", "warn", "deny", "doc"])
}

/// The documentation.
pub(crate) fn docs(attributes: &[Attribute]) -> Vec<Attribute> {
    only(attributes, &["doc"])
}

/// The conditions as one expression, `true` where they hold.
pub(crate) fn held(conditions: &[Attribute]) -> Option<TokenStream> {
    let inner = conditions.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) => Some(&list.tokens),
        _ => None,
    });
    let inner: Vec<_> = inner.collect();
    (!inner.is_empty()).then(|| quote!(::core::cfg!(all(#(#inner),*))))
}

/// The first paragraph of the documentation, on one line.
pub(crate) fn summary(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let paragraph = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let words = paragraph.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::{held, summary};

    #[test]
    fn the_summary_is_the_first_paragraph_on_one_line() {
        let item: ItemFn = parse_quote! {
            /// Places an order
            /// and answers its number.
            ///
            /// More of it.
            fn place() {}
        };
        assert_eq!(
            summary(&item.attrs).as_deref(),
            Some("Places an order and answers its number.")
        );
    }

    #[test]
    fn conditions_become_one_expression() {
        let item: ItemFn = parse_quote! {
            #[cfg(unix)]
            #[cfg(feature = "eu")]
            fn place() {}
        };
        let held = held(&item.attrs).map(|tokens| tokens.to_string());
        assert_eq!(held.as_deref(), Some(":: core :: cfg ! (all (unix , feature = \"eu\"))"));
    }
}
