//! What a binding to a headers exchange asks for: `headers(match = "any", "region" = "eu")`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Ident, Lit, LitStr};

use super::table::{self, Entry};
use crate::errors::Errors;
use crate::parse::args::{self, Args, Value};
use crate::suggest;

/// The headers that a message must have.
pub(crate) struct Headers {
    pub(crate) matching: Matching,
    pub(crate) wanted: Vec<Entry>,
    /// Where to report that there is no exchange.
    pub(crate) span: Span,
}

/// How many of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Matching {
    #[default]
    All,
    Any,
    AllWithX,
    AnyWithX,
}

const MATCHINGS: [(&str, Matching); 4] = [
    ("all", Matching::All),
    ("any", Matching::Any),
    ("all-with-x", Matching::AllWithX),
    ("any-with-x", Matching::AnyWithX),
];

const EXAMPLE: &str = "a list in parentheses, like `headers(match = \"all\", \"region\" = \"eu\")`";

/// `headers(…)`, where it is given.
pub(crate) fn from_args(args: &mut Args<'_>) -> Option<Headers> {
    let errors = args.errors;
    let argument = args.take("headers")?;
    let span = argument.name.span();
    let (tokens, _) = argument.list(errors, EXAMPLE)?;
    Some(read(tokens, span, errors))
}

fn read(tokens: TokenStream, span: Span, errors: &Errors) -> Headers {
    let mut matching = None;
    let mut wanted: Vec<Entry> = Vec::new();
    let before = errors.count();
    args::for_each_entry(tokens, errors, |input| {
        if !input.peek(LitStr) {
            let (name, value) = setting(input)?;
            if matching.replace(value).is_some() {
                errors.at(&name, "`match` is given twice; keep one");
            }
            return Ok(());
        }
        let (name, value) = table::entry(input, "a header", "region")?;
        table::check_name(&name, "the name of a header", &wanted, errors);
        wanted.push(Entry { name: name.value(), value });
        Ok(())
    });
    if wanted.is_empty() && errors.count() == before {
        errors.at_span(span, "no header is asked for: add one, like `\"region\" = \"eu\"`");
    }
    let matching = matching.unwrap_or_default();
    check_counted(matching, &wanted, span, errors);
    Headers { matching, wanted, span }
}

/// `match = "…"`, the only entry without quotes.
fn setting(input: ParseStream<'_>) -> syn::Result<(Ident, Matching)> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected `match = \"all\"`, or a header, `\"region\" = \"eu\"`"));
    }
    let name = input.call(Ident::parse_any)?;
    let value = args::value(input)?;
    if name != "match" {
        let given = name.unraw().to_string();
        let message = format!(
            "`headers(…)` has no argument `{given}`; {}, and headers in quotes, \
             `\"{given}\" = …`",
            suggest::allowed(&given, &["match"])
        );
        return Err(syn::Error::new(name.span(), message));
    }
    let Value::Literal(Lit::Str(text)) = value else {
        return Err(syn::Error::new(name.span(), "`match` takes a text in quotes, like `\"all\"`"));
    };
    let given = text.value();
    match MATCHINGS.iter().find(|(known, _)| *known == given) {
        Some((_, matching)) => Ok((name, *matching)),
        None => {
            let names = MATCHINGS.map(|(known, _)| known);
            let allowed = suggest::allowed(&given, &names);
            let message = format!("`match` cannot be `{given}`; {allowed}");
            Err(syn::Error::new(text.span(), message))
        }
    }
}

/// Reports a header that the broker would pass over.
fn check_counted(matching: Matching, wanted: &[Entry], span: Span, errors: &Errors) {
    let instead = match matching {
        Matching::All => "all-with-x",
        Matching::Any => "any-with-x",
        Matching::AllWithX | Matching::AnyWithX => return,
    };
    for header in wanted.iter().filter(|header| header.name.starts_with("x-")) {
        let message = format!(
            "the header `{}` would be passed over, since its name begins with `x-`: write \
             `match = \"{instead}\"`",
            header.name
        );
        errors.at_span(span, message);
    }
}
