//! A handler of what becomes of calls whose answers go to a queue of the service.

use syn::ext::IdentExt as _;
use syn::{Attribute, ImplItemFn, Path};

use super::handler;
use super::method::{self, Category, Method, Settings};
use super::signature::{self, Input, Mark, Written};
use crate::errors::Errors;
use crate::parse::args::Args;
use crate::parse::{types, values};

/// How errors name it.
const OWNER: &str = "`#[reply_handler]`";

/// The type by which answers are dispatched, as the runtime has it.
const RESULT: &str = "result";

pub(crate) fn entry(
    function: &ImplItemFn,
    written: &[Written],
    attribute: &Attribute,
    errors: &Errors,
) -> Method {
    let sig = &function.sig;
    let mut args = method::args(OWNER, attribute, errors);
    let (name, answers) = of_which_calls(&mut args, sig.ident.unraw().to_string());
    args.finish();
    signature::check_form(sig, errors);
    signature::check_receiver(sig, errors);
    Method {
        category: Category::Message,
        wire_type: RESULT.to_owned(),
        name,
        ident: sig.ident.clone(),
        attributes: function.attrs.clone(),
        inputs: inputs(function, written, errors),
        is_async: sig.asyncness.is_some(),
        answer: handler::settled(sig, errors),
        answer_span: signature::output_span(sig),
        settings: Settings::default(),
        filters: Vec::new(),
        answers,
    }
}

/// The command's name, or the client's method that has it; unless given, the handler's own name.
fn of_which_calls(args: &mut Args<'_>, own_name: String) -> (String, Option<Path>) {
    let errors = args.errors;
    let placed = args.positional(1, "the name of a command");
    let named = args.name("name");
    let of = args.take("of");
    let given = placed.len() + usize::from(named.is_some()) + usize::from(of.is_some());
    if given > 1 {
        errors.at_span(
            args.span,
            "say once of which calls it takes the answers: by `of`, or by the command's name",
        );
    }
    let expected = "the client's method, like `of = OrderDeskProducer::place`";
    let of = of.and_then(|of| of.path(errors, expected));
    if let Some(path) = &of
        && path.segments.len() < 2
    {
        errors.at(path, format!("`of` takes {expected}: this is no method of a client"));
        return (own_name, None);
    }
    let placed = placed.first().filter(|text| values::check_name(text, "name", errors));
    let name = placed.or(named.as_ref()).map(syn::LitStr::value);
    (name.unwrap_or(own_name), of)
}

fn inputs(function: &ImplItemFn, written: &[Written], errors: &Errors) -> Vec<Input> {
    let mut inputs = Vec::new();
    for written in written {
        let input = match written.mark {
            Mark::Context => {
                handler::check_context(written, &inputs, errors);
                written.context()
            }
            Mark::Reply => {
                errors.at_span(
                    written.span,
                    "nobody waits for an answer to an answer: drop `#[reply]`",
                );
                continue;
            }
            Mark::None => {
                check_answer(written, &inputs, errors);
                Input::Answer(Box::new(written.ty.clone()))
            }
        };
        inputs.push(input);
    }
    if !inputs.iter().any(|input| matches!(input, Input::Answer(_))) {
        errors.at(
            &function.sig.ident,
            "a reply handler takes what became of the call: `answer: Result<T, CallFault>`, or \
             `event: Event<T, CallFault>` with its statuses",
        );
    }
    inputs
}

fn check_answer(written: &Written, inputs: &[Input], errors: &Errors) {
    if inputs.iter().any(|input| matches!(input, Input::Answer(_))) {
        errors.at_span(
            written.span,
            "a reply handler takes one parameter, what became of the call, and a `#[context]`: the \
             caller's own data are in that, by `Context::data`",
        );
    } else if types::reference(&written.ty).is_some() {
        errors.at(&written.ty, "what became of the call is given away: take it without `&`");
    }
    if written.default.is_some() {
        errors.at_span(written.span, "an answer cannot be left out: drop `#[default]`");
    }
}
