use proc_macro2::{Span, TokenStream};
use syn::{Fields, ItemStruct, LitStr};

use super::runtime::Runtime;
use super::table::{self, Entry, ExchangeRef};
use crate::errors::Errors;
use crate::parse::args::Args;
use crate::suggest;

/// How the exchange routes.
pub(crate) enum Kind {
    Direct,
    Topic,
    Fanout,
    Headers,
    Plugin(String),
}

/// A struct that stands for an exchange.
pub(crate) struct Exchange {
    pub(crate) runtime: Runtime,
    pub(crate) item: ItemStruct,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) passive: bool,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    pub(crate) alternate: Option<ExchangeRef>,
    pub(crate) arguments: Vec<Entry>,
}

impl Exchange {
    /// What holds where a mistake was found: the same without it, so that the rest compiles.
    pub(crate) fn new(arguments: TokenStream, item: ItemStruct, errors: &Errors) -> Self {
        check_item(&item, errors);
        let mut args = Args::parse("`#[exchange]`", arguments, Span::call_site(), errors);
        let runtime = Runtime::from_args(&mut args);
        let name = args.required_name("name", "an exchange needs a name: `name = \"orders\"`");
        let passive = args.flag("passive").unwrap_or(false);
        let exchange = Self {
            runtime,
            name: name.as_ref().map(LitStr::value).unwrap_or_default(),
            kind: kind(&mut args),
            passive,
            durable: args.flag("durable").unwrap_or(true),
            auto_delete: args.flag("auto_delete").unwrap_or(false),
            internal: args.flag("internal").unwrap_or(false),
            alternate: table::exchange_ref(&mut args, "alternate"),
            arguments: table::entries(&mut args),
            item,
        };
        if let Some(name) = name
            && name.value().starts_with("amq.")
            && !passive
        {
            errors.at(
                name,
                "names that start with `amq.` belong to the broker: add `passive` to use its \
                 exchange, or choose another name",
            );
        }
        args.finish();
        exchange
    }
}

fn check_item(item: &ItemStruct, errors: &Errors) {
    if !matches!(item.fields, Fields::Unit) {
        let message = format!("an exchange has no fields: write `struct {};`", item.ident);
        errors.at(&item.fields, message);
    }
    if !item.generics.params.is_empty() {
        errors.at(&item.generics, "an exchange is one type: it has no generic parameters");
    }
}

fn kind(args: &mut Args<'_>) -> Kind {
    let errors = args.errors;
    let text = args.take("kind").and_then(|kind| kind.text(errors, "`\"topic\"`"));
    let Some(text) = text else { return Kind::Direct };
    let value = text.value();
    match value.as_str() {
        "direct" => Kind::Direct,
        "topic" => Kind::Topic,
        "fanout" => Kind::Fanout,
        "headers" => Kind::Headers,
        plugin if plugin.len() > 2 && plugin.starts_with("x-") => Kind::Plugin(value),
        unknown => {
            let names = ["direct", "topic", "fanout", "headers"];
            let message = format!(
                "there is no exchange kind `{unknown}`; {}, and the kinds of plugins, `x-…`",
                suggest::allowed(unknown, &names)
            );
            errors.at(&text, message);
            Kind::Direct
        }
    }
}
