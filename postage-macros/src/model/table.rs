//! The field table of a declaration: `arguments("x-max-priority" = 10)`.

use proc_macro2::Literal;
use syn::parse::ParseStream;
use syn::{Lit, LitFloat, LitStr, Path, Token};

use crate::errors::Errors;
use crate::parse::args::{Args, Value, value};
use crate::parse::{args, values};

/// One entry of the table.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Field,
}

/// A value that the table can carry.
pub(crate) enum Field {
    Bool(bool),
    Int(i64),
    Float(Literal),
    Text(String),
}

/// An exchange by its name or by its type.
pub(crate) enum ExchangeRef {
    Name(String),
    Type(Path),
}

/// The entries of `arguments(…)`, in the order written.
pub(crate) fn entries(args: &mut Args<'_>) -> Vec<Entry> {
    let errors = args.errors;
    let example = "a list in parentheses, like `arguments(\"x-max-priority\" = 10)`";
    let list = args.take("arguments").and_then(|argument| argument.list(errors, example));
    let Some((tokens, _)) = list else { return Vec::new() };
    let mut entries: Vec<Entry> = Vec::new();
    args::for_each_entry(tokens, errors, |input| {
        let (name, value) = entry(input, "an argument", "x-max-priority")?;
        check_name(&name, "the name of an argument", &entries, errors);
        entries.push(Entry { name: name.value(), value });
        Ok(())
    });
    entries
}

/// Reports a name that AMQP cannot carry, and one that another entry has.
pub(crate) fn check_name(name: &LitStr, what: &str, others: &[Entry], errors: &Errors) {
    values::check_name(name, what, errors);
    if others.iter().any(|other| other.name == name.value()) {
        errors.at(name, format!("`{}` is given twice; keep one", name.value()));
    }
}

/// `"name" = value`, for what is called `what`.
pub(crate) fn entry(
    input: ParseStream<'_>,
    what: &str,
    example: &str,
) -> syn::Result<(LitStr, Field)> {
    if !input.peek(LitStr) {
        let message = format!("expected the name of {what} in quotes, like `\"{example}\" = 10`");
        return Err(input.error(message));
    }
    let name: LitStr = input.parse()?;
    if !input.peek(Token![=]) {
        let message = format!("{what} has a value: write `\"name\" = value`");
        return Err(syn::Error::new(name.span(), message));
    }
    let value = value(input)?;
    match field(&value)? {
        Some(field) => Ok((name, field)),
        None => Err(syn::Error::new(
            name.span(),
            format!(
                "`{}` takes a text, a whole number, a fraction, `true` or `false`",
                name.value()
            ),
        )),
    }
}

fn field(value: &Value) -> syn::Result<Option<Field>> {
    let Value::Literal(literal) = value else { return Ok(None) };
    let field = match literal {
        Lit::Str(text) => Field::Text(text.value()),
        Lit::Bool(value) => Field::Bool(value.value),
        Lit::Int(number) => Field::Int(number.base10_parse()?),
        Lit::Float(number) => Field::Float(finite(number)?),
        _ => return Ok(None),
    };
    Ok(Some(field))
}

/// A literal cannot hold infinity, which is what a number too large is read as.
fn finite(number: &LitFloat) -> syn::Result<Literal> {
    let value: f64 = number.base10_parse()?;
    if value.is_finite() {
        return Ok(Literal::f64_suffixed(value));
    }
    Err(syn::Error::new(number.span(), "this number is too large: at most about 1.7e308"))
}

/// An argument that names an exchange, in quotes or as its type.
pub(crate) fn exchange_ref(args: &mut Args<'_>, name: &'static str) -> Option<ExchangeRef> {
    let errors: &Errors = args.errors;
    let argument = args.take(name)?;
    if let Value::Literal(Lit::Str(text)) = &argument.value {
        return values::check_name(text, name, errors).then(|| ExchangeRef::Name(text.value()));
    }
    argument.path(errors, "the name of an exchange in quotes, or its type").map(ExchangeRef::Type)
}
