//! A handler that is a struct: its fields are the parameters.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::{Field, Fields, Ident, ItemStruct};

use super::handler::check_pair;
use super::method::{Category, Method, Settings, Wire};
use super::parameter::Parameter;
use super::runtime::Runtime;
use super::signature::{Answer, Input};
use crate::errors::Errors;
use crate::parse::args::Args;
use crate::parse::serde::Serde;

/// A struct that is decoded from a message and then run.
pub(crate) struct StructHandler {
    pub(crate) runtime: Runtime,
    pub(crate) item: ItemStruct,
    pub(crate) method: Method,
}

impl StructHandler {
    pub(crate) fn new(
        category: Category,
        arguments: TokenStream,
        item: ItemStruct,
        errors: &Errors,
    ) -> Self {
        let mut args = Args::parse(category.handler(), arguments, Span::call_site(), errors);
        let runtime = Runtime::from_args(&mut args);
        let positional = args.positional(2, "a type and a name");
        check_pair(&positional, &args, errors);
        let wire = Wire::from_args(&mut args, &positional, snake_case(&item.ident));
        check_methods_only(&mut args);
        let cancellable = category == Category::Rpc && super::method::cancellable(&mut args);
        args.finish();
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics,
                "a handler's struct has no generic parameters: its fields own what they hold",
            );
        }
        let method = Method {
            category,
            wire_type: wire.wire_type,
            name: wire.name,
            ident: item.ident.clone(),
            attributes: item.attrs.clone(),
            inputs: fields(&item, errors).into_iter().map(Box::new).map(Input::Parameter).collect(),
            is_async: true,
            answer: Answer::Early(None),
            answer_span: item.ident.span(),
            settings: Settings { cancellable, ..Settings::default() },
            filters: Vec::new(),
            answers: None,
        };
        Self { runtime, item, method }
    }
}

fn check_methods_only(args: &mut Args<'_>) {
    for name in ["full_body", "filter"] {
        if args.has(name)
            && let Some(argument) = args.take(name)
        {
            let message = format!("`{name}` is for handlers that are methods; a struct has fields");
            args.errors.at(&argument.name, message);
        }
    }
}

fn fields(item: &ItemStruct, errors: &Errors) -> Vec<Parameter> {
    match &item.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(fields) => {
            let whole = Serde::of(&item.attrs);
            fields.named.iter().filter_map(|field| parameter(field, &whole)).collect()
        }
        Fields::Unnamed(fields) => {
            errors.at(fields, "give the fields names: parameters travel by name");
            Vec::new()
        }
    }
}

fn parameter(field: &Field, whole: &Serde) -> Option<Parameter> {
    let serde = Serde::of(&field.attrs);
    let ident = field.ident.clone().filter(|_| !serde.nameless)?;
    let name = whole.field(&serde, ident.unraw().to_string());
    Some(Parameter::field(ident, name, field.ty.clone()))
}

fn snake_case(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let mut snake = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let before_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && !snake.is_empty() && (after_lower || before_lower) {
            snake.push('_');
        }
        after_lower = !letter.is_uppercase();
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::snake_case;

    #[test]
    fn the_name_of_a_struct_becomes_the_name_of_a_command() {
        assert_eq!(snake_case(&parse_quote!(Sweep)), "sweep");
        assert_eq!(snake_case(&parse_quote!(SweepAisle)), "sweep_aisle");
        assert_eq!(snake_case(&parse_quote!(HTTPProbe)), "http_probe");
        assert_eq!(snake_case(&parse_quote!(Sweep2Aisles)), "sweep2_aisles");
    }
}
