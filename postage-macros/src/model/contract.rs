//! A contract: a trait whose methods are calls and messages.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::{Generics, Ident, ItemTrait, Path, ReturnType, TraitItem, TraitItemFn};

use super::mark::{self, Marked};
use super::method::{self, ByWire, Category, Method, Settings, Wire};
use super::runtime::Runtime;
use super::signature::{self, Answer, Input, Mark, Written};
use super::{bounds, mending};
use crate::errors::Errors;
use crate::parse::args::{self, Args, Value};
use crate::parse::values;
use crate::parse::{attributes, types};
use crate::suggest;

/// How long an application's name may be, in bytes, as the runtime has it.
const MOST_APPLICATION: usize = 100;

/// What generated clients call their own methods.
const CLIENT_METHODS: [&str; 3] = ["new", "with", "producer"];

/// A contract and the settings of its client.
pub(crate) struct Contract {
    pub(crate) runtime: Runtime,
    /// The trait, our attributes taken off.
    pub(crate) item: ItemTrait,
    pub(crate) client: Ident,
    pub(crate) routes: Vec<(Path, String)>,
    pub(crate) settings: Settings,
    pub(crate) python_peer: bool,
    pub(crate) version: Option<String>,
    /// The methods without a mistake.
    pub(crate) methods: Vec<ContractMethod>,
}

/// A method of the contract, and what only its client needs.
pub(crate) struct ContractMethod {
    pub(crate) method: Method,
    pub(crate) generics: Generics,
}

impl Contract {
    pub(crate) fn new(arguments: TokenStream, mut item: ItemTrait, errors: &Errors) -> Self {
        check_trait(&item, errors);
        let mut args = Args::parse("`#[producer]`", arguments, Span::call_site(), errors);
        let runtime = Runtime::from_args(&mut args);
        let routes = routes(&mut args, &runtime);
        let settings = Settings::of_calls(&mut args);
        let python_peer = python_peer(&mut args);
        let version = version(&mut args);
        let client = client_name(&mut args, &item.ident);
        args.finish();
        let methods = methods(&mut item, errors);
        Self { runtime, item, client, routes, settings, python_peer, version, methods }
    }
}

fn check_trait(item: &ItemTrait, errors: &Errors) {
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            "a contract has no generic parameters: one contract, one set of messages",
        );
    }
    if let Some(token) = &item.unsafety {
        errors.at(token, "a contract cannot be an `unsafe` trait");
    }
}

/// `exchange` and `key`, or `eks(…)`, or `application`.
fn routes(args: &mut Args<'_>, runtime: &Runtime) -> Vec<(Path, String)> {
    let errors = args.errors;
    let several = args.take("eks");
    let application = args.take("application");
    let single = args.has("exchange") || args.has("key");
    let given = |name: &str| args.has(name) || args.misspelt(name);
    let (has_exchange, has_key) = (given("exchange"), given("key"));
    let exchange = args.exchange("exchange");
    let key = args.key("key");
    if let Some(application) = application {
        if single || several.is_some() {
            errors.at(
                &application.name,
                "give either `application`, or an `exchange` and a `key`, not both",
            );
        }
        return of_application(&application, runtime, errors);
    }
    if let Some(eks) = several {
        if single {
            errors.at(&eks.name, "give either `exchange` and `key`, or `eks`, not both");
        }
        let example = "pairs in parentheses, like `eks(Orders = \"orders.desk\", Audit = \"all\")`";
        let Some((tokens, span)) = eks.list(errors, example) else { return Vec::new() };
        if tokens.is_empty() {
            errors.at_span(span, format!("`eks` takes {example}"));
        }
        return pairs(tokens, errors);
    }
    match (has_exchange, has_key) {
        (true, true) => {}
        (true, false) => errors.at_span(
            args.span,
            "the contract has an `exchange` but no `key`: add `key = \"orders.desk\"` (`\"\"` \
             where the exchange ignores keys)",
        ),
        (false, true) => errors.at_span(
            args.span,
            "the contract has a `key` but no `exchange`: add `exchange = Orders`, the type of an \
             exchange",
        ),
        (false, false) if args.misspelt("eks") || args.misspelt("application") => {}
        (false, false) => errors.at_span(
            args.span,
            "the contract must say where its messages go: `#[producer(exchange = Orders, key = \
             \"orders.desk\")]`, several in `eks(…)`, or an `application = \"monitor\"`",
        ),
    }
    exchange.zip(key).map(|(exchange, key)| (exchange, key.value())).into_iter().collect()
}

/// To one application of this name, the next each time; without a name, nowhere by itself.
fn of_application(
    application: &args::Argument,
    runtime: &Runtime,
    errors: &Errors,
) -> Vec<(Path, String)> {
    if let Value::Flag = application.value {
        return Vec::new();
    }
    let Some(name) = application.text(errors, "`\"monitor\"`, or stands alone") else {
        return Vec::new();
    };
    let text = name.value();
    if text.is_empty() || text.len() > MOST_APPLICATION || text.contains(['/', '@', '#']) {
        errors.at(
            &name,
            "an application's name has 1 to 100 bytes, and none of `/`, `@`, `#`: say by `to` \
             which of that name a call is for",
        );
        return Vec::new();
    }
    vec![(syn::parse_quote!(#runtime::ApplicationExchange), format!("{text}/rr"))]
}

fn pairs(tokens: TokenStream, errors: &Errors) -> Vec<(Path, String)> {
    let mut pairs: Vec<(Path, String)> = Vec::new();
    args::for_each_entry(tokens, errors, |input| {
        let exchange: Path = input.parse()?;
        match args::value(input)? {
            Value::Literal(syn::Lit::Str(key)) => {
                values::check_length(&key, "key", errors);
                pairs.push((exchange, key.value()));
                Ok(())
            }
            _ => Err(syn::Error::new_spanned(
                exchange,
                "write the exchange with its key: `Orders = \"orders.desk\"`",
            )),
        }
    });
    pairs
}

fn python_peer(args: &mut Args<'_>) -> bool {
    let errors = args.errors;
    let text = args.take("peer").and_then(|peer| peer.text(errors, "`\"python\"`"));
    let Some(text) = text else { return false };
    match text.value().as_str() {
        "python" => true,
        "postage" => false,
        unknown => {
            let allowed = suggest::allowed(unknown, &["postage", "python"]);
            errors.at(&text, format!("there is no peer `{unknown}`; {allowed}"));
            false
        }
    }
}

fn version(args: &mut Args<'_>) -> Option<String> {
    let errors = args.errors;
    let text = args.take("version")?.text(errors, "`\"2\"`")?;
    values::check_name(&text, "version", errors).then(|| text.value())
}

fn client_name(args: &mut Args<'_>, contract: &Ident) -> Ident {
    let errors = args.errors;
    let default = Ident::new(&format!("{}Producer", contract.unraw()), contract.span());
    let Some(argument) = args.take("name") else { return default };
    let Some(path) = argument.path(errors, "the client's name, like `Orders`, without quotes")
    else {
        return default;
    };
    let Some(name) = path.get_ident() else {
        errors.at(&path, "`name` takes one name for the client, not a path");
        return default;
    };
    if name == contract {
        errors.at(name, "the client cannot have the name of its contract: choose another");
        return default;
    }
    name.clone()
}

fn methods(item: &mut ItemTrait, errors: &Errors) -> Vec<ContractMethod> {
    let generic = !item.generics.params.is_empty();
    let (mut methods, mut by_wire): (Vec<ContractMethod>, _) = (Vec::new(), ByWire::default());
    for member in &mut item.items {
        mending::drop_visibility(member, errors);
        let method = match member {
            TraitItem::Fn(function) => method(function, errors),
            other => {
                check_other(other, errors);
                None
            }
        };
        let Some(method) = method else { continue };
        if generic {
            continue;
        }
        if let Some(earlier) = by_wire.add(&method.method, methods.len()) {
            let message = format!(
                "two methods for {}: `{}` has it already; give one of them another `name`",
                method.method.wire_text(),
                methods[earlier].method.ident
            );
            errors.at(&method.method.ident, message);
        }
        methods.push(method);
    }
    methods
}

fn check_other(member: &mut TraitItem, errors: &Errors) {
    let (attributes, what) = match member {
        TraitItem::Const(item) => (&mut item.attrs, "constants"),
        TraitItem::Type(item) => (&mut item.attrs, "types"),
        TraitItem::Macro(item) => (&mut item.attrs, "macro calls"),
        _ => return,
    };
    for marked in Marked::ALL {
        attributes::take(attributes, marked.name());
    }
    let message = format!(
        "a contract has no associated {what}: only methods can travel; put them on another trait"
    );
    errors.at(member, message);
}

/// A method with nothing wrong but in its attribute is kept: whoever calls it still compiles.
fn method(function: &mut TraitItemFn, errors: &Errors) -> Option<ContractMethod> {
    let Some((marked, attribute)) = mark::take(function, errors) else {
        signature::take_marks(&mut function.sig, errors);
        return None;
    };
    let (ident, category) = (function.sig.ident.clone(), marked.category());
    let mut args = method::args(marked.attribute(), &attribute, errors);
    let wire = Wire::from_args(&mut args, &[], wire_name(&ident));
    let settings = Settings::of_method(&mut args, marked);
    args.finish();
    mending::mend(function, errors);
    let before = errors.count();
    let written = signature::take_marks(&mut function.sig, errors);
    check_name(&ident, errors);
    check_signature(function, category, errors);
    mending::drop_patterns(function);
    let inputs = inputs(&written, errors);
    signature::check_parameters(&function.sig, &inputs, errors);
    if settings.bare && written.len() != 1 {
        let message = format!(
            "`bare` sends one parameter without its name; `{ident}` has {}: drop `bare`, or put \
             them into a struct",
            written.len()
        );
        errors.at(&ident, message);
    }
    let answer = match category {
        Category::Rpc => contract_answer(function, errors),
        Category::Message => Answer::Settled,
    };
    let method = Method {
        category,
        wire_type: wire.wire_type,
        name: wire.name,
        attributes: function.attrs.clone(),
        inputs,
        is_async: true,
        answer,
        answer_span: signature::output_span(&function.sig),
        settings,
        filters: Vec::new(),
        answers: None,
        ident,
    };
    let generics = function.sig.generics.clone();
    let right = errors.count() == before && bounds::has_its_lifetimes(&function.sig);
    right.then_some(ContractMethod { method, generics })
}

fn wire_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

fn check_name(ident: &Ident, errors: &Errors) {
    let name = ident.unraw().to_string();
    if CLIENT_METHODS.contains(&name.as_str()) {
        let message = format!(
            "`{name}` is a method of the generated client: rename this one, and keep its name on \
             the wire with `name = \"{name}\"`"
        );
        errors.at(ident, message);
    }
    if name.starts_with("__postage") {
        errors.at(ident, "names that start with `__postage` belong to the generated code");
    }
}

fn check_signature(function: &TraitItemFn, category: Category, errors: &Errors) {
    let sig = &function.sig;
    signature::check_form(sig, errors);
    signature::check_receiver(sig, errors);
    bounds::check_contract(sig, errors);
    if category == Category::Message && !signature::returns_nothing(&sig.output) {
        errors.at(
            &sig.output,
            "nobody waits for what a message returns: mark the method `#[rpc]`, or drop the type",
        );
    }
}

fn inputs(written: &[Written], errors: &Errors) -> Vec<Input> {
    let inputs = written.iter().filter_map(|written| {
        if written.mark != Mark::None {
            let mark = if written.mark == Mark::Context { "context" } else { "reply" };
            let message = format!(
                "`#[{mark}]` belongs to the service: leave this parameter out here, and add it in \
                 the `#[message_processor]` impl"
            );
            errors.at_span(written.span, message);
            return None;
        }
        if signature::forgotten_mark(&written.ty).is_some() {
            errors.at(
                &written.ty,
                "this does not travel: leave the parameter out here, and add it in the \
                 `#[message_processor]` impl; a type of your own with this name goes by value",
            );
            return None;
        }
        check_self(&written.ty, errors);
        signature::parameter(written, errors).map(Box::new).map(Input::Parameter)
    });
    inputs.collect()
}

fn check_self(ty: &syn::Type, errors: &Errors) {
    if types::mentions(ty).self_type {
        errors.at(ty, "name the type: `Self` is another type in the service than in the client");
    }
}

fn contract_answer(function: &TraitItemFn, errors: &Errors) -> Answer {
    if let ReturnType::Type(_, ty) = &function.sig.output {
        check_self(ty, errors);
        let mentions = types::mentions(ty);
        if mentions.reference || mentions.lifetime {
            errors.at(
                ty,
                "an answer comes from afar: it owns what it holds; answer `String` for `&str`, \
                 `Vec<T>` for `&[T]`",
            );
        }
    }
    signature::answer(&function.sig.output, errors)
}
