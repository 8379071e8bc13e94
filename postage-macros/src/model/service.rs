//! A service: the methods of a contract, handlers of its own, handlers that are types.

use proc_macro2::{Span, TokenStream};
use syn::{ImplItem, ImplItemFn, ItemImpl, Path, ReturnType, Type};

use super::handler;
use super::mark::Marked;
use super::method::{Category, Method, Settings};
use super::queue::Sources;
use super::retry::Retry;
use super::runtime::Runtime;
use super::signature::{self, Answer, Input, Mark, Promise, Written};
use crate::errors::Errors;
use crate::parse::args::{self, Args};
use crate::parse::{attributes, types};

/// An `impl` block whose methods messages reach.
pub(crate) struct Service {
    pub(crate) runtime: Runtime,
    /// The block without its methods that go elsewhere; our attributes taken off.
    pub(crate) item: ItemImpl,
    /// The contract that the block implements.
    pub(crate) contract: Option<Path>,
    /// The name of the service's type.
    pub(crate) name: String,
    pub(crate) sources: Sources,
    pub(crate) prefetch: Option<u64>,
    pub(crate) concurrency: Option<u64>,
    pub(crate) retry: Option<Retry>,
    pub(crate) dedup: Option<bool>,
    pub(crate) quit: Option<bool>,
    pub(crate) restart: Option<bool>,
    pub(crate) traces: Option<bool>,
    pub(crate) types: Vec<Path>,
    /// Own handlers, beyond the contract.
    pub(crate) handlers: Vec<Method>,
    /// The contract's methods, in the order of this block.
    pub(crate) served: Vec<Served>,
    /// Methods of a contract's block that the trait does not have.
    pub(crate) beside: Vec<ImplItem>,
}

/// A contract's method as the service implements it.
pub(crate) enum Served {
    /// Just as the trait has it.
    Plain { function: Box<ImplItemFn>, names: Vec<String> },
    /// With more parameters than the trait has: a context, a reply.
    InContext(Box<InContext>),
}

/// A contract's method that takes a context or a reply.
pub(crate) struct InContext {
    /// As written, the marks taken off.
    pub(crate) function: ImplItemFn,
    pub(crate) written: Vec<Written>,
    /// What the reply promises: the trait's method returns that.
    pub(crate) promise: Option<Promise>,
    /// How messages reach it, where there is no mistake.
    pub(crate) method: Option<Method>,
}

impl Service {
    pub(crate) fn new(arguments: TokenStream, mut item: ItemImpl, errors: &Errors) -> Self {
        let span = Span::call_site();
        let mut args = Args::parse("`#[message_processor]`", arguments, span, errors);
        let runtime = Runtime::from_args(&mut args);
        let contract = item.trait_.as_ref().map(|(path, _)| path.clone());
        let mut service = Self {
            runtime,
            contract,
            name: type_name(&item.self_ty, errors),
            sources: Sources::from_args(&mut args),
            prefetch: args.number("prefetch", 1..=65535, "messages"),
            concurrency: args.number("concurrency", 1..=u64::MAX, "handlers at a time"),
            retry: Retry::from_args(&mut args),
            dedup: args.flag("dedup"),
            quit: args.flag("quit"),
            restart: args.flag("restart"),
            traces: args.flag("traces"),
            types: handler_types(&mut args),
            handlers: Vec::new(),
            served: Vec::new(),
            beside: Vec::new(),
            item: item.clone(),
        };
        args.finish();
        check_impl(&mut service.item, errors);
        service.item.items.clear();
        for member in item.items.drain(..) {
            match member {
                ImplItem::Fn(function) => service.method(function, errors),
                other => service.item.items.push(other),
            }
        }
        handler::check_rpc_twice(&service.handlers, errors);
        service
    }

    fn method(&mut self, mut function: ImplItemFn, errors: &Errors) {
        let handlers = handler::take_attributes(&mut function.attrs);
        self.check_marks(&mut function, errors);
        let written = signature::take_marks(&mut function.sig, errors);
        if !handlers.is_empty() {
            self.handlers.extend(handler::entries(&function, &written, &handlers, errors));
            let function = ImplItem::Fn(function);
            match self.contract {
                Some(_) => self.beside.push(function),
                None => self.item.items.push(function),
            }
        } else if self.contract.is_some() {
            self.served.push(served(function, written, errors));
        } else {
            check_plain(&function, &written, errors);
            self.item.items.push(ImplItem::Fn(function));
        }
    }

    /// The marks of a contract's methods mean nothing here.
    fn check_marks(&self, function: &mut ImplItemFn, errors: &Errors) {
        let handlers = ["rpc_handler", "message_handler", "message_handler"];
        for (marked, handler) in Marked::ALL.into_iter().zip(handlers) {
            let name = marked.name();
            for mark in attributes::take(&mut function.attrs, name) {
                let way_out = match self.contract {
                    Some(_) => format!(
                        "the contract says so already: drop it, or write `#[{handler}]` for a \
                         method beyond the contract"
                    ),
                    None => format!("write `#[{handler}]`"),
                };
                errors.at(mark, format!("`#[{name}]` is for the methods of a contract; {way_out}"));
            }
        }
    }
}

/// What is reported here is taken out, so that rustc need not say it again.
fn check_impl(item: &mut ItemImpl, errors: &Errors) {
    if let Some(token) = &item.modifiers.polarity {
        errors.at(token, "a service implements its contract: drop the `!`");
    }
    if let Some(token) = item.unsafety.take() {
        errors.at(token, "a service is not `unsafe`");
    }
    for lifetime in item.generics.lifetimes() {
        errors.at(
            lifetime,
            "a service runs in tasks of its own, so it borrows nothing: let it own what it uses, \
             or share it in an `Arc`",
        );
    }
}

fn type_name(ty: &Type, errors: &Errors) -> String {
    let segment = match types::bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    if segment.is_none() {
        errors.at(ty, "a service is a type with a name, like `impl Desk { … }`");
    }
    segment.map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn handler_types(args: &mut Args<'_>) -> Vec<Path> {
    let errors = args.errors;
    let example = "the types of handlers in parentheses, like `handlers(Sweep, Count)`";
    let list = args.take("handlers").and_then(|argument| argument.list(errors, example));
    let Some((tokens, _)) = list else { return Vec::new() };
    let mut types = Vec::new();
    args::for_each_entry(tokens, errors, |input| {
        types.push(input.parse()?);
        Ok(())
    });
    types
}

/// In a block of handlers, a method without an attribute is an ordinary one.
fn check_plain(function: &ImplItemFn, written: &[Written], errors: &Errors) {
    let marked = |written: &&Written| written.mark != Mark::None || written.default.is_some();
    if let Some(marked) = written.iter().find(marked) {
        let message = format!(
            "no message reaches `{}`: mark it `#[rpc_handler]` or `#[message_handler]`, or drop \
             the mark on this parameter",
            function.sig.ident
        );
        errors.at_span(marked.span, message);
    }
}

fn served(function: ImplItemFn, mut written: Vec<Written>, errors: &Errors) -> Served {
    for parameter in written.iter_mut().filter(|written| written.mark == Mark::None) {
        if let Some((mark @ (Mark::Context | Mark::Reply), way_out)) =
            signature::forgotten_mark(&parameter.ty)
        {
            errors.at(&parameter.ty, way_out);
            parameter.mark = mark;
        }
    }
    for parameter in written.iter().filter(|written| written.default.is_some()) {
        errors.at_span(
            parameter.span,
            "`#[default]` is a promise to callers: write it in the contract",
        );
    }
    if written.iter().all(|written| written.mark == Mark::None) {
        let names = written.iter().map(|written| {
            written.ident.as_ref().map_or_else(|| "_".to_owned(), super::parameter::wire_name)
        });
        return Served::Plain { names: names.collect(), function: Box::new(function) };
    }
    let before = errors.count();
    let promise = promise(&written, errors);
    let method = in_context(&function, &written, errors);
    let method = (errors.count() == before).then_some(method);
    Served::InContext(Box::new(InContext { function, written, promise, method }))
}

fn promise(written: &[Written], errors: &Errors) -> Option<Promise> {
    let reply = written.iter().find(|written| written.mark == Mark::Reply)?;
    let promise = handler::promised(&reply.ty);
    if promise.is_none() {
        errors.at(
            &reply.ty,
            "write `Reply<'_, T>` or `Reply<'_, T, E>` in full: the contract's method returns `T`",
        );
    }
    promise
}

fn in_context(function: &ImplItemFn, written: &[Written], errors: &Errors) -> Method {
    let sig = &function.sig;
    signature::check_form(sig, errors);
    signature::check_receiver(sig, errors);
    if sig.asyncness.is_none() {
        errors.at(sig.fn_token, "a method of a contract is `async`: write `async fn`");
    }
    let inputs = inputs(written, errors);
    signature::check_parameters(sig, &inputs, errors);
    let answer = in_context_answer(function, written, errors);
    Method {
        category: Category::Rpc,
        wire_type: String::new(),
        name: String::new(),
        ident: sig.ident.clone(),
        attributes: function.attrs.clone(),
        inputs,
        is_async: true,
        answer,
        answer_span: signature::output_span(sig),
        settings: Settings::default(),
        filters: Vec::new(),
        answers: None,
    }
}

fn inputs(written: &[Written], errors: &Errors) -> Vec<Input> {
    let mut inputs = Vec::new();
    for written in written {
        let input = match written.mark {
            Mark::Context => {
                handler::check_context(written, &inputs, errors);
                Some(written.context())
            }
            Mark::Reply => {
                handler::check_reply_once(written, &inputs, errors);
                Some(written.reply())
            }
            Mark::None => {
                signature::service_parameter(written, errors).map(Box::new).map(Input::Parameter)
            }
        };
        inputs.extend(input);
    }
    inputs
}

fn in_context_answer(function: &ImplItemFn, written: &[Written], errors: &Errors) -> Answer {
    if let Some(reply) = written.iter().find(|written| written.mark == Mark::Reply) {
        handler::check_early(&function.sig, errors);
        return Answer::Early(handler::promised(&reply.ty).map(Box::new));
    }
    match &function.sig.output {
        ReturnType::Type(_, ty) if !types::is_unit(ty) => {
            signature::answer(&function.sig.output, errors)
        }
        _ => Answer::Concluded,
    }
}
