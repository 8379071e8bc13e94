//! A service's own handlers, beyond its contract.

use syn::ext::IdentExt as _;
use syn::{Attribute, Ident, ImplItemFn, Path, Signature, Type, TypeReference};

use super::method::{self, ByWire, Category, Method, Settings, Wire};
use super::reply_handler;
use super::signature::{self, Answer, Input, Mark, Promise, Written};
use crate::errors::Errors;
use crate::parse::args::Args;
use crate::parse::types;

/// What an attribute makes of a method.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// It takes what is sent to the service.
    Of(Category),
    /// It takes what becomes of calls.
    Reply,
}

/// The attributes that make a method a handler, in the order written, taken off the method.
pub(crate) fn take_attributes(attributes: &mut Vec<Attribute>) -> Vec<(Role, Attribute)> {
    let role = |attribute: &Attribute| {
        let name = attribute.path().segments.last()?.ident.to_string();
        match &*name {
            "rpc_handler" => Some(Role::Of(Category::Rpc)),
            "message_handler" => Some(Role::Of(Category::Message)),
            "reply_handler" => Some(Role::Reply),
            _ => None,
        }
    };
    let taken = attributes.extract_if(.., |attribute| role(attribute).is_some());
    taken.filter_map(|attribute| Some((role(&attribute)?, attribute))).collect()
}

/// The entries of one method: one for each attribute that has no mistake.
pub(crate) fn entries(
    function: &ImplItemFn,
    written: &[Written],
    handlers: &[(Role, Attribute)],
    errors: &Errors,
) -> Vec<Method> {
    let entry = |(role, attribute): &(Role, Attribute)| {
        let before = errors.count();
        let method = match role {
            Role::Of(category) => entry(function, written, *category, attribute, errors),
            Role::Reply => reply_handler::entry(function, written, attribute, errors),
        };
        (errors.count() == before).then_some(method)
    };
    handlers.iter().filter_map(entry).collect()
}

fn entry(
    function: &ImplItemFn,
    written: &[Written],
    category: Category,
    attribute: &Attribute,
    errors: &Errors,
) -> Method {
    let sig = &function.sig;
    let mut args = method::args(category.handler(), attribute, errors);
    let arguments = HandlerArgs::take(&mut args, category, sig.ident.unraw().to_string());
    args.finish();
    signature::check_form(sig, errors);
    signature::check_receiver(sig, errors);
    let inputs = inputs(written, category, arguments.full_body, errors);
    if arguments.full_body && !inputs.iter().any(|input| matches!(input, Input::Message(_))) {
        errors.at(&sig.ident, "with `full_body` the handler takes the message: `&Message<'_>`");
    }
    signature::check_parameters(sig, &inputs, errors);
    Method {
        category,
        wire_type: arguments.wire.wire_type,
        name: arguments.wire.name,
        ident: sig.ident.clone(),
        attributes: function.attrs.clone(),
        answer: answer(sig, written, category, errors),
        answer_span: signature::output_span(sig),
        is_async: sig.asyncness.is_some(),
        inputs,
        settings: Settings { cancellable: arguments.cancellable, ..Settings::default() },
        filters: arguments.filters,
        answers: None,
    }
}

/// What `#[rpc_handler(…)]` and `#[message_handler(…)]` take on a method.
struct HandlerArgs {
    wire: Wire,
    full_body: bool,
    cancellable: bool,
    filters: Vec<Path>,
}

impl HandlerArgs {
    fn take(args: &mut Args<'_>, category: Category, own_name: String) -> Self {
        let errors = args.errors;
        let positional = args.positional(2, "a type and a name");
        check_pair(&positional, args, errors);
        let wire = Wire::from_args(args, &positional, own_name);
        let full_body = args.flag("full_body").unwrap_or(false);
        let cancellable = category == Category::Rpc && method::cancellable(args);
        let filters = args.take_all("filter");
        let expected = "the path of a function, like `filter = only_mine`";
        let filters = filters.iter().filter_map(|filter| filter.path(errors, expected)).collect();
        Self { wire, full_body, cancellable, filters }
    }
}

/// One text alone could be either of the two.
pub(crate) fn check_pair(positional: &[syn::LitStr], args: &Args<'_>, errors: &Errors) {
    if let [single] = positional
        && !args.has("name")
    {
        let value = single.value();
        let message = format!(
            "one text alone is ambiguous: write both, `(\"command\", \"{value}\")`, or \
             `name = \"{value}\"`"
        );
        errors.at(single, message);
    }
}

fn inputs(written: &[Written], category: Category, full_body: bool, errors: &Errors) -> Vec<Input> {
    let mut inputs = Vec::new();
    for written in written {
        let input = match written.mark {
            Mark::Context => {
                check_context(written, &inputs, errors);
                written.context()
            }
            Mark::Reply => {
                check_reply(written, category, &inputs, errors);
                written.reply()
            }
            Mark::None if full_body => {
                check_message(written, &inputs, errors);
                written.message()
            }
            Mark::None => match signature::service_parameter(written, errors) {
                Some(parameter) => Input::Parameter(Box::new(parameter)),
                None => continue,
            },
        };
        inputs.push(input);
    }
    inputs
}

/// `cx: &Context`, once.
pub(crate) fn check_context(written: &Written, inputs: &[Input], errors: &Errors) {
    if inputs.iter().any(|input| matches!(input, Input::Context(_))) {
        errors.at_span(written.span, "one `#[context]` is enough");
    }
    let reference = types::reference(&written.ty);
    let wrong =
        |reference: &TypeReference| reference.mutability.is_some() || types::is_static(reference);
    if reference.is_none_or(wrong) {
        errors.at(
            &written.ty,
            "the context is lent for as long as the handler runs: `#[context] cx: &Context`",
        );
    }
}

fn check_reply(written: &Written, category: Category, inputs: &[Input], errors: &Errors) {
    if category == Category::Message {
        errors.at_span(
            written.span,
            "nobody waits for an answer to a message: drop `#[reply]`, or use `#[rpc_handler]`",
        );
    }
    check_reply_once(written, inputs, errors);
}

/// `answer: Reply<'_, T>`, once.
pub(crate) fn check_reply_once(written: &Written, inputs: &[Input], errors: &Errors) {
    if inputs.iter().any(|input| matches!(input, Input::Reply(_))) {
        errors.at_span(written.span, "one `#[reply]` is enough");
    }
    if types::reference(&written.ty).is_some() {
        errors.at(&written.ty, "the reply is given away: `#[reply] answer: Reply<'_, T>`");
    } else if types::takes_static(&written.ty) {
        errors.at(
            &written.ty,
            "the reply is the handler's for as long as it runs: `#[reply] answer: Reply<'_, T>`",
        );
    }
}

fn check_message(written: &Written, inputs: &[Input], errors: &Errors) {
    if inputs.iter().any(|input| matches!(input, Input::Message(_))) {
        errors.at_span(
            written.span,
            "with `full_body` the handler takes one parameter, the message: `&Message<'_>`",
        );
    } else if types::reference(&written.ty)
        .is_none_or(|lent| types::is_static(lent) || types::takes_static(&lent.elem))
    {
        errors.at(
            &written.ty,
            "with `full_body` the message is lent for as long as the handler runs: `&Message<'_>`",
        );
    }
    if written.default.is_some() {
        errors.at_span(written.span, "the whole message cannot be left out: drop `#[default]`");
    }
}

/// What a `Reply<'_, T>` or `Reply<'_, T, E>` promises.
pub(crate) fn promised(ty: &Type) -> Option<Promise> {
    match types::named(ty, "Reply")?.as_slice() {
        [value] => Some(((*value).clone(), None)),
        [value, error] => Some(((*value).clone(), Some((*error).clone()))),
        _ => None,
    }
}

/// What only says what becomes of the message.
pub(crate) fn settled(sig: &Signature, errors: &Errors) -> Answer {
    if let syn::ReturnType::Type(_, ty) = &sig.output
        && types::mentions(ty).impl_trait
    {
        errors.at(ty, "write `async fn` and the type itself, no `impl Trait`");
    }
    Answer::Settled
}

fn answer(sig: &Signature, written: &[Written], category: Category, errors: &Errors) -> Answer {
    if category == Category::Message {
        return settled(sig, errors);
    }
    let reply = written.iter().find(|written| written.mark == Mark::Reply);
    let Some(reply) = reply else { return signature::answer(&sig.output, errors) };
    check_early(sig, errors);
    Answer::Early(promised(&reply.ty).map(Box::new))
}

/// A handler with `#[reply]` returns nothing else.
pub(crate) fn check_early(sig: &Signature, errors: &Errors) {
    if !signature::returns_nothing(&sig.output) {
        errors.at(
            &sig.output,
            "a handler that takes `#[reply]` answers through it: drop the return type",
        );
    }
}

/// Reports two handlers for one call.
pub(crate) fn check_rpc_twice(handlers: &[Method], errors: &Errors) {
    let mut by_wire = ByWire::default();
    for (index, method) in handlers.iter().enumerate() {
        if method.category == Category::Message {
            continue;
        }
        if let Some(earlier) = by_wire.add(method, index).map(|place| &handlers[place]) {
            let message = |first: &Ident| {
                format!(
                    "two rpc handlers for {}: the first is `{first}`; one call has one answer",
                    method.wire_text()
                )
            };
            errors.at(&earlier.ident, message(&earlier.ident));
            errors.at(&method.ident, message(&earlier.ident));
        }
    }
}

impl Category {
    /// The attribute that marks it in a service.
    pub(crate) fn handler(self) -> &'static str {
        match self {
            Self::Rpc => "`#[rpc_handler]`",
            Self::Message => "`#[message_handler]`",
        }
    }
}
