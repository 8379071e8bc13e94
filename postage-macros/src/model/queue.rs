//! The queues that a service consumes, and what they are bound to.

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned as _;
use syn::{LitStr, Path};

use super::headers::{self, Headers};
use super::table::{self, Entry, ExchangeRef};
use crate::errors::Errors;
use crate::parse::args::{Args, Argument, Value};
use crate::parse::values;
use crate::suggest;

/// A queue's description.
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) flags: Option<Flags>,
}

/// What `queue(…)` says beside the name.
#[derive(Default)]
pub(crate) struct Flags {
    pub(crate) passive: Option<bool>,
    pub(crate) durable: Option<bool>,
    pub(crate) exclusive: Option<bool>,
    pub(crate) auto_delete: Option<bool>,
    pub(crate) kind: Option<QueueKind>,
    pub(crate) ttl: Option<u64>,
    pub(crate) expires: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) overflow: Option<Overflow>,
    pub(crate) dead_letter: Option<ExchangeRef>,
    pub(crate) dead_letter_key: Option<String>,
    pub(crate) arguments: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueKind {
    Classic,
    Quorum,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    DropHead,
    RejectPublish,
    RejectPublishDeadLetter,
}

/// A queue's subscription to an exchange.
pub(crate) struct Binding {
    pub(crate) exchange: Path,
    /// Which of [`Sources::queues`].
    pub(crate) queue: usize,
    /// Without one, the exchange must route without.
    pub(crate) key: Option<String>,
    pub(crate) headers: Option<Headers>,
    /// Where to report that no key of the contract matches.
    pub(crate) span: Span,
}

/// Where a service's messages come from.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) queues: Vec<Queue>,
    pub(crate) bindings: Vec<Binding>,
}

impl Sources {
    /// `exchange`, `queue`, `key` and `headers`, then every `bind(…)`.
    pub(crate) fn from_args(args: &mut Args<'_>) -> Self {
        let errors = args.errors;
        let mut sources = Self::default();
        let names = ["exchange", "queue", "key", "headers"];
        if names.iter().any(|name| args.has(name)) {
            sources.add(args);
        } else {
            for name in names {
                args.take(name);
            }
        }
        let example = "a list in parentheses, like `bind(exchange = Orders, queue = \"desk\", \
                       key = \"orders.#\")`";
        for bind in args.take_all("bind") {
            let name = bind.name.span();
            let Some((tokens, _)) = bind.list(errors, example) else { continue };
            let mut args = Args::parse("`bind(…)`", tokens, name, errors);
            sources.add(&mut args);
            args.finish();
        }
        sources
    }

    fn add(&mut self, args: &mut Args<'_>) {
        let errors = args.errors;
        let (has_exchange, has_key) = (args.has("exchange"), args.has("key"));
        let has_queue = args.has("queue");
        let exchange = args.exchange("exchange");
        let key = args.key("key");
        let headers = headers::from_args(args);
        let queue = args.take("queue").and_then(|argument| queue(argument, errors));
        if !has_queue {
            errors.at_span(args.span, "the queue is missing: add `queue = \"order-desk\"`");
        }
        if has_key && !has_exchange {
            errors.at_span(
                args.span,
                "a `key` binds a queue to an exchange: add `exchange = Orders`, or drop the key \
                 to consume the queue by its name",
            );
        }
        if let Some(headers) = &headers
            && !has_exchange
        {
            errors.at_span(
                headers.span,
                "`headers(…)` binds a queue to an exchange: add `exchange = Events`",
            );
        }
        let Some((name, flags)) = queue else { return };
        let queue = self.queue(&name, flags, errors);
        if let Some(exchange) = exchange {
            let span = key.as_ref().map_or_else(|| exchange.span(), LitStr::span);
            let key = key.map(|key| key.value());
            self.bindings.push(Binding { exchange, queue, key, headers, span });
        }
    }

    fn queue(&mut self, name: &LitStr, flags: Option<Flags>, errors: &Errors) -> usize {
        let value = name.value();
        let Some(index) = self.queues.iter().position(|queue| queue.name == value) else {
            self.queues.push(Queue { name: value, flags });
            return self.queues.len() - 1;
        };
        let queue = &mut self.queues[index];
        if queue.flags.is_some() && flags.is_some() {
            let message = format!(
                "the flags of queue `{value}` are given twice: give them once, and \
                 `queue = \"{value}\"` elsewhere"
            );
            errors.at(name, message);
        }
        queue.flags = queue.flags.take().or(flags);
        index
    }
}

/// `queue = "name"` or `queue(name = "name", …)`.
fn queue(argument: Argument, errors: &Errors) -> Option<(LitStr, Option<Flags>)> {
    let name_span = argument.name.span();
    if let Value::List(tokens, _) = argument.value {
        return described(tokens, name_span, errors);
    }
    let name =
        argument.text(errors, "`queue = \"order-desk\"`, or a list, `queue(name = \"…\")`")?;
    values::check_name(&name, "queue", errors).then_some((name, None))
}

fn described(tokens: TokenStream, span: Span, errors: &Errors) -> Option<(LitStr, Option<Flags>)> {
    let mut args = Args::parse("`queue(…)`", tokens, span, errors);
    let name = args.required_name("name", "a queue needs a name: `queue(name = \"order-desk\")`");
    let flags = Flags {
        passive: args.flag("passive"),
        durable: args.flag("durable"),
        exclusive: args.flag("exclusive"),
        auto_delete: args.flag("auto_delete"),
        kind: choice(&mut args, "kind", &KINDS),
        ttl: args.duration("ttl"),
        expires: args.duration("expires"),
        max_length: args.number("max_length", 0..=u64::MAX, "messages"),
        max_bytes: args.number("max_bytes", 0..=u64::MAX, "bytes"),
        overflow: choice(&mut args, "overflow", &OVERFLOWS),
        dead_letter: table::exchange_ref(&mut args, "dead_letter"),
        dead_letter_key: args.key("dead_letter_key").map(|key| key.value()),
        arguments: table::entries(&mut args),
    };
    args.finish();
    let name = name?;
    flags.check(&name, errors);
    Some((name, Some(flags)))
}

const KINDS: [(&str, QueueKind); 2] =
    [("classic", QueueKind::Classic), ("quorum", QueueKind::Quorum)];

const OVERFLOWS: [(&str, Overflow); 3] = [
    ("drop-head", Overflow::DropHead),
    ("reject-publish", Overflow::RejectPublish),
    ("reject-publish-dlx", Overflow::RejectPublishDeadLetter),
];

fn choice<T: Copy>(args: &mut Args<'_>, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let errors = args.errors;
    let example = format!("`\"{}\"`", choices.first().map_or("", |(name, _)| name));
    let text = args.take(name)?.text(errors, &example)?;
    let value = text.value();
    let chosen = choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice);
    if chosen.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let allowed = suggest::allowed(&value, &names);
        errors.at(&text, format!("`{name}` cannot be `{value}`; {allowed}"));
    }
    chosen
}

impl Flags {
    /// Reports what the broker would refuse.
    fn check(&self, name: &LitStr, errors: &Errors) {
        if self.kind == Some(QueueKind::Quorum) {
            let never = [
                (self.durable == Some(false), "`durable = false`"),
                (self.exclusive == Some(true), "`exclusive`"),
                (self.auto_delete == Some(true), "`auto_delete`"),
                (
                    self.overflow == Some(Overflow::RejectPublishDeadLetter),
                    "`overflow = \"reject-publish-dlx\"`",
                ),
            ];
            for (_, flag) in never.iter().filter(|(given, _)| *given) {
                let message = format!("a quorum queue cannot have {flag}: drop it, or the kind");
                errors.at(name, message);
            }
        }
        if self.dead_letter_key.is_some() && self.dead_letter.is_none() {
            errors.at(
                name,
                "`dead_letter_key` needs `dead_letter`, the exchange that the dead letters go to",
            );
        }
    }
}
