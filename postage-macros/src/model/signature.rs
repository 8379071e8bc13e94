//! The signature of a method: its marks taken off, its inputs told apart, its answer understood.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, GenericParam, Ident, Meta, Pat, PatType, ReceiverKind, ReturnType};
use syn::{Safety, Signature, Type};

use super::bounds;
use super::parameter::{DefaultValue, Parameter};
use crate::errors::Errors;
use crate::parse::{attributes, types};

/// More than this, and the parameters should be a struct.
const MOST_PARAMETERS: usize = 16;

/// A parameter as written, its marks taken off.
pub(crate) struct Written {
    pub(crate) ident: Option<Ident>,
    pub(crate) ty: Type,
    pub(crate) mark: Mark,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) span: Span,
}

/// What an attribute on a parameter says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Context,
    Reply,
}

/// What a handler is given, in the order written.
pub(crate) enum Input {
    Parameter(Box<Parameter>),
    /// The others with the place of their type, where another type is reported.
    Context(Span),
    Message(Span),
    Reply(Span),
    /// What became of a call, in this type.
    Answer(Box<Type>),
}

/// What becomes of a handler's result.
pub(crate) enum Answer {
    /// The value is the answer.
    Value(Box<Type>),
    /// The answer is a value or a documented error.
    Result(Box<Documented>),
    /// The handler answers by itself, through its `#[reply]`, which promises this.
    Early(Option<Box<Promise>>),
    /// Nobody waits: the result only says what becomes of the message.
    Settled,
    /// A `()` whose category only the contract knows.
    Concluded,
}

/// The value that a `#[reply]` is for, and the documented error.
pub(crate) type Promise = (Type, Option<Type>);

/// A `Result<T, E>`: as written, its value, its error.
pub(crate) struct Documented {
    pub(crate) whole: Type,
    pub(crate) ok: Type,
    pub(crate) error: Type,
}

/// Takes `#[context]`, `#[reply]` and `#[default]` off the parameters.
pub(crate) fn take_marks(signature: &mut Signature, errors: &Errors) -> Vec<Written> {
    let typed = signature.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed.map(|typed| take_mark(typed, errors)).collect()
}

fn take_mark(typed: &mut PatType, errors: &Errors) -> Written {
    let context = attributes::take(&mut typed.attrs, "context");
    let reply = attributes::take(&mut typed.attrs, "reply");
    let defaults = attributes::take(&mut typed.attrs, "default");
    for attribute in context.iter().chain(&reply) {
        if !matches!(attribute.meta, Meta::Path(_)) {
            errors.at(attribute, "this mark takes no arguments");
        }
    }
    let marks: Vec<_> = context.iter().chain(&reply).chain(&defaults).collect();
    if let [_, second, ..] = marks.as_slice() {
        errors.at(second, "one mark for each parameter: `#[context]`, `#[reply]` or `#[default]`");
    }
    for attribute in attributes::conditions(&typed.attrs) {
        errors.at(attribute, "a parameter cannot depend on a `cfg`: put it on the whole method");
    }
    let mark = match (context.first(), reply.first()) {
        (Some(_), _) => Mark::Context,
        (None, Some(_)) => Mark::Reply,
        (None, None) => Mark::None,
    };
    Written {
        ident: name(&typed.pat),
        ty: (*typed.ty).clone(),
        mark,
        default: defaults.first().and_then(|attribute| default_value(attribute, errors)),
        span: typed.pat.span(),
    }
}

fn name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            Some(name.ident.clone())
        }
        _ => None,
    }
}

fn default_value(attribute: &Attribute, errors: &Errors) -> Option<DefaultValue> {
    match &attribute.meta {
        Meta::Path(_) => Some(DefaultValue::OfType),
        Meta::List(list) => {
            let value = errors.keep(list.parse_args())?;
            Some(DefaultValue::Expression(Box::new(value)))
        }
        Meta::NameValue(_) => {
            errors.at(attribute, "write `#[default]` or `#[default(value)]`");
            None
        }
    }
}

/// Reports a receiver other than `&self`.
pub(crate) fn check_receiver(signature: &Signature, errors: &Errors) {
    let Some(receiver) = signature.receiver() else {
        let message = "a method that messages reach takes `&self` first";
        errors.at(&signature.ident, message);
        return;
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, Some(lifetime), _) if lifetime.ident == "static" => {
            let message = "take `&self`: the service is lent for as long as the handler runs";
            errors.at(receiver, message);
        }
        ReceiverKind::Reference(_, _, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => errors.at(
            receiver,
            "take `&self`: handlers run at the same time; keep what changes in an atomic, a \
             `Mutex` or a channel",
        ),
        ReceiverKind::Value => errors
            .at(receiver, "take `&self`: the service lives on after this message, for the next"),
        _ => errors.at(receiver, "write the receiver as `&self`"),
    }
}

/// Reports what no method that messages reach can be.
pub(crate) fn check_form(signature: &Signature, errors: &Errors) {
    if let Some(constness) = &signature.constness {
        errors.at(constness, "a method that messages reach cannot be `const`");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.at(token, "a method that messages reach cannot be `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, "a method that messages reach cannot be `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, "a method that messages reach has a fixed list of parameters");
    }
    for parameter in &signature.generics.params {
        let what = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(_) => "type",
            GenericParam::Const(_) => "const",
        };
        let message = format!(
            "no generic {what} parameter here: a message has one form; write the type that travels"
        );
        errors.at(parameter, message);
    }
    bounds::check_lifetimes(&signature.generics, errors);
}

/// The parameters that travel, from those written.
pub(crate) fn parameter(written: &Written, errors: &Errors) -> Option<Parameter> {
    let Some(ident) = &written.ident else {
        errors.at_span(
            written.span,
            "give this parameter a name instead of a pattern: names are what travels",
        );
        return None;
    };
    Parameter::new(ident.clone(), written.ty.clone(), written.default.clone(), errors)
}

/// The same for a service, where a mark may have been forgotten.
pub(crate) fn service_parameter(written: &Written, errors: &Errors) -> Option<Parameter> {
    if let Some((_, way_out)) = forgotten_mark(&written.ty) {
        errors.at(&written.ty, way_out);
        return None;
    }
    parameter(written, errors)
}

/// The mark that a parameter of one of our own types needs, for they do not come in a message, and
/// how to say so.
pub(crate) fn forgotten_mark(ty: &Type) -> Option<(Mark, &'static str)> {
    let lent = types::reference(ty).map(|reference| &*reference.elem);
    let is = |ty: Option<&Type>, name| ty.is_some_and(|ty| types::named(ty, name).is_some());
    if is(lent, "Context") {
        let text = "mark the message's context, `#[context] cx: &Context`; take a type of your own \
                    with this name by value";
        Some((Mark::Context, text))
    } else if is(Some(ty), "Reply") && types::mentions(ty).lifetime {
        Some((Mark::Reply, "mark the way to answer early, `#[reply] answer: Reply<'_, T>`"))
    } else if is(lent, "Message") && types::mentions(ty).lifetime {
        let text = "a handler that takes the whole message says so: `full_body` in its attribute";
        Some((Mark::None, text))
    } else {
        None
    }
}

/// The place of a parameter's type.
fn place(written: &Written) -> Span {
    written.ty.to_token_stream().span()
}

impl Written {
    pub(crate) fn context(&self) -> Input {
        Input::Context(place(self))
    }

    pub(crate) fn reply(&self) -> Input {
        Input::Reply(place(self))
    }

    pub(crate) fn message(&self) -> Input {
        Input::Message(place(self))
    }
}

/// Reports too many parameters, and two under one name.
pub(crate) fn check_parameters(signature: &Signature, inputs: &[Input], errors: &Errors) {
    let mut names: Vec<&str> = Vec::new();
    for input in inputs {
        let Input::Parameter(parameter) = input else { continue };
        if names.contains(&parameter.name.as_str()) {
            let message = format!("two parameters travel under the name `{}`", parameter.name);
            errors.at(&parameter.ident, message);
        }
        names.push(&parameter.name);
    }
    if names.len() > MOST_PARAMETERS {
        let message = format!(
            "{} parameters; at most {MOST_PARAMETERS} are taken: put them into a struct",
            names.len()
        );
        errors.at(&signature.ident, message);
    }
}

/// What the return type says about an answer.
pub(crate) fn answer(output: &ReturnType, errors: &Errors) -> Answer {
    let ReturnType::Type(_, ty) = output else {
        return Answer::Value(Box::new(Type::Tuple(syn::TypeTuple {
            attrs: Vec::new(),
            paren_token: syn::token::Paren::default(),
            elems: syn::punctuated::Punctuated::new(),
        })));
    };
    if types::mentions(ty).impl_trait {
        errors.at(ty, "name the type of the answer: write `async fn` and `-> T`, no `impl Trait`");
    }
    match types::named(ty, "Result").as_deref() {
        None => Answer::Value(ty.clone()),
        Some([ok, error]) => Answer::Result(Box::new(Documented {
            whole: (**ty).clone(),
            ok: (*ok).clone(),
            error: (*error).clone(),
        })),
        Some(_) => {
            errors.at(
                ty,
                "write both types, `Result<T, E>`: the macro sees the name only, not what an \
                 alias stands for",
            );
            Answer::Value(ty.clone())
        }
    }
}

/// Whether a method returns nothing.
pub(crate) fn returns_nothing(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => types::is_unit(ty),
    }
}

impl Input {
    pub(crate) fn parameter(&self) -> Option<&Parameter> {
        match self {
            Self::Parameter(parameter) => Some(parameter),
            _ => None,
        }
    }
}

/// Where to point at an output.
pub(crate) fn output_span(signature: &Signature) -> Span {
    match &signature.output {
        ReturnType::Default => signature.ident.span(),
        ReturnType::Type(_, ty) => ty.to_token_stream().span(),
    }
}
