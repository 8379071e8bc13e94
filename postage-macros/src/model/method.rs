//! One entry of a dispatch table.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::{Attribute, Ident, LitStr, Path};

use super::mark::Marked;
use super::parameter::Parameter;
use super::signature::{Answer, Input};
use crate::errors::Errors;
use crate::parse::args::Args;
use crate::parse::attributes;

/// Whether somebody waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Category {
    Rpc,
    Message,
}

/// A method that messages reach.
pub(crate) struct Method {
    pub(crate) category: Category,
    pub(crate) wire_type: String,
    pub(crate) name: String,
    pub(crate) ident: Ident,
    /// The user's attributes, ours taken off.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) is_async: bool,
    pub(crate) answer: Answer,
    pub(crate) answer_span: Span,
    pub(crate) settings: Settings,
    pub(crate) filters: Vec<Path>,
    /// The client's method whose answers a reply handler takes.
    pub(crate) answers: Option<Path>,
}

/// What a contract fixes for the calls of a method, and for all its calls.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) timeout: Option<u64>,
    pub(crate) deadline: Option<u64>,
    pub(crate) max_retry: Option<u64>,
    pub(crate) key: Option<String>,
    pub(crate) persistent: Option<bool>,
    pub(crate) priority: Option<u64>,
    pub(crate) ttl: Option<u64>,
    /// The only parameter travels without its name.
    pub(crate) bare: bool,
    /// Its handler is stopped when the caller has left.
    pub(crate) cancellable: bool,
    /// It is dropped where it would be late.
    pub(crate) signal: bool,
}

impl Method {
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.inputs.iter().filter_map(Input::parameter)
    }

    /// The name that code says, `r#` taken off.
    pub(crate) fn rust_name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// How an error names the messages that reach it.
    pub(crate) fn wire_text(&self) -> String {
        format!("`{}` `{}`", self.wire_type, self.name)
    }
}

/// The places of methods by the messages that reach them, and whether they are under conditions.
#[derive(Default)]
pub(crate) struct ByWire(HashMap<(Category, String, String), Vec<(usize, bool)>>);

impl ByWire {
    /// The place of the first one before that the same messages reach. Two under conditions may exclude
    /// each other.
    pub(crate) fn add(&mut self, method: &Method, place: usize) -> Option<usize> {
        let wire = (method.category, method.wire_type.clone(), method.name.clone());
        let conditional = !attributes::conditions(&method.attributes).is_empty();
        let places = self.0.entry(wire).or_default();
        let clash = places.iter().find(|(_, earlier)| !(*earlier && conditional));
        let clash = clash.map(|(place, _)| *place);
        places.push((place, conditional));
        clash
    }
}

/// How a method appears on the wire, as its attribute says.
pub(crate) struct Wire {
    pub(crate) wire_type: String,
    pub(crate) name: String,
}

impl Wire {
    /// `type` and `name`, from `("type", "name")` or by name; defaults `command` and `own_name`.
    pub(crate) fn from_args(args: &mut Args<'_>, positional: &[LitStr], own_name: String) -> Self {
        let errors = args.errors;
        let mut next = positional.iter();
        let mut part = |argument: &'static str, default: String| {
            let placed = next.next();
            let named = args.name(argument);
            if let (Some(placed), Some(_)) = (placed, &named) {
                errors.at(placed, format!("`{argument}` is given twice; keep one"));
            }
            let checked = placed
                .filter(|text| crate::parse::values::check_name(text, argument, errors))
                .or(named.as_ref());
            checked.map_or(default, LitStr::value)
        };
        Self { wire_type: part("type", "command".to_owned()), name: part("name", own_name) }
    }
}

impl Settings {
    /// What `#[rpc]`, `#[message]` and `#[signal]` may set for their method.
    pub(crate) fn of_method(args: &mut Args<'_>, marked: Marked) -> Self {
        let key = args.key("key").map(|key| key.value());
        let persistent = args.flag("persistent");
        let priority = args.number("priority", 0..=255, "priority levels");
        let mut settings = match marked {
            Marked::Rpc => Self { cancellable: cancellable(args), ..Self::of_calls(args) },
            Marked::Message => Self { ttl: args.duration("ttl"), ..Self::default() },
            Marked::Signal => Self::of_signal(args),
        };
        settings.bare = args.flag("bare").unwrap_or(false);
        settings.key = key;
        settings.persistent = persistent;
        settings.priority = priority;
        settings
    }

    fn of_signal(args: &mut Args<'_>) -> Self {
        if !args.has("ttl") && !args.misspelt("ttl") {
            let message = "a signal says how long it is good for: `#[signal(ttl = \"2s\")]`";
            args.errors.at_span(args.span, message);
        }
        Self { ttl: args.duration("ttl"), signal: true, ..Self::default() }
    }

    /// Timeout, deadline and retries.
    pub(crate) fn of_calls(args: &mut Args<'_>) -> Self {
        let span = args.span;
        let settings = Self {
            timeout: args.duration("timeout"),
            deadline: args.duration("deadline"),
            max_retry: args.number("max_retry", 0..=u64::from(u32::MAX), "retries"),
            ..Self::default()
        };
        check_deadline(&settings, span, args.errors);
        settings
    }
}

/// Whether a handler of calls may be stopped.
pub(crate) fn cancellable(args: &mut Args<'_>) -> bool {
    args.flag("cancellable").unwrap_or(false)
}

fn check_deadline(settings: &Settings, span: Span, errors: &Errors) {
    if let (Some(timeout), Some(deadline)) = (settings.timeout, settings.deadline)
        && deadline < timeout
    {
        errors.at_span(
            span,
            "the `deadline` for all attempts is shorter than the `timeout` of one; make it longer, \
             or leave one out",
        );
    }
}

/// Reads an attribute's arguments with the tokens it needs.
pub(crate) fn args<'e>(owner: &'static str, attribute: &Attribute, errors: &'e Errors) -> Args<'e> {
    let (tokens, span): (TokenStream, Span) = attributes::arguments(attribute, errors);
    Args::parse(owner, tokens, span, errors)
}
