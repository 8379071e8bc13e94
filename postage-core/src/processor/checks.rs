//! What is checked when a service is compiled: generated constants call these, and a failed check
//! is a compile error with its text. `#[track_caller]` keeps their insides out of it.

use crate::contract::{Contract, Method, hash, slots};
use crate::message::Category;
use crate::topology::routing::{same_text, topic_matches};
use crate::topology::{APPLICATIONS_NAME, Exchange, ExchangeKind};

/// A text put together in a constant. What does not fit is cut off.
struct ConstText {
    bytes: [u8; 512],
    length: usize,
}

impl ConstText {
    const fn new() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        // A character is copied whole or not at all, so that the text stays UTF-8.
        while at < text.len() {
            let mut end = at + 1;
            while end < text.len() && text[end] & 0xC0 == 0x80 {
                end += 1;
            }
            if self.length + (end - at) > self.bytes.len() {
                return self;
            }
            while at < end {
                self.bytes[self.length] = text[at];
                self.length += 1;
                at += 1;
            }
        }
        self
    }

    #[allow(clippy::panic, reason = "this is how a constant reports an error")]
    #[track_caller]
    const fn fail(&self) -> ! {
        let (text, _) = self.bytes.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the service does not fit its contract"),
        }
    }
}

/// Checks that a method of a service names its parameters as its contract does: names are the
/// wire, and a trait does not check them. A method that the contract lacks is left to rustc.
///
/// # Panics
/// When they differ, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_parameters(contract: &Contract, method: &str, names: &[&str]) {
    if let Some(place) = contract.place(method) {
        check_names(contract, &contract.methods()[place], names);
    }
}

/// The place of a method in its contract, by its name in Rust. No method has the place of one that
/// the contract lacks, which is left to rustc.
#[doc(hidden)]
#[must_use]
pub const fn place_of(contract: &Contract, method: &str) -> usize {
    match contract.place(method) {
        Some(place) => place,
        None => usize::MAX,
    }
}

#[track_caller]
const fn check_names(contract: &Contract, declared: &Method, names: &[&str]) {
    let parameters = declared.parameters();
    if parameters.len() != names.len() {
        // Another number of parameters is rustc's to report.
        return;
    }
    let mut index = 0;
    while index < names.len() {
        // A parameter without a name of its own contradicts none.
        let unnamed = same_text(names[index], "_");
        if !unnamed && !same_text(parameters[index].name, names[index]) {
            ConstText::new()
                .push("the contract `")
                .push(contract.name())
                .push("` names a parameter of `")
                .push(declared.method())
                .push("` `")
                .push(parameters[index].name)
                .push("`, here it is `")
                .push(names[index])
                .push("`: names are the wire, so they must be the same")
                .fail();
        }
        index += 1;
    }
}

/// Checks that each message that the contract's client sends can reach the service: some binding
/// takes its exchange and key, or the exchange has an alternate one, which may lead anywhere.
///
/// # Panics
/// When no binding ever matches, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_routes(contract: &Contract, bindings: &[(&Exchange, &str)]) {
    let mut index = 0;
    while index < contract.methods().len() {
        let method = &contract.methods()[index];
        let (exchange, key) = match (contract.routes(), method.key) {
            ([], _) => return,
            ([(exchange, _), ..], Some(key)) => (exchange, key),
            ([(exchange, key), ..], None) => (exchange, *key),
        };
        // An application binds its addresses by itself.
        let known = !same_text(exchange_name(exchange), APPLICATIONS_NAME);
        if known && exchange.alternate.is_none() && !any_takes(bindings, exchange, key) {
            ConstText::new()
                .push("the client of `")
                .push(contract.name())
                .push("` sends `")
                .push(method.method())
                .push("` to exchange `")
                .push(exchange_name(exchange))
                .push("` with key `")
                .push(key)
                .push("`, which no binding of this service takes: bind that key too")
                .fail();
        }
        index += 1;
    }
}

const fn any_takes(bindings: &[(&Exchange, &str)], exchange: &Exchange, key: &str) -> bool {
    let mut index = 0;
    while index < bindings.len() {
        let (bound, pattern) = &bindings[index];
        let same = same_text(exchange_name(bound), exchange_name(exchange));
        if same && takes(&bound.kind, pattern, key) {
            return true;
        }
        index += 1;
    }
    false
}

const fn takes(kind: &ExchangeKind, pattern: &str, key: &str) -> bool {
    match kind {
        ExchangeKind::Direct => same_text(pattern, key),
        ExchangeKind::Topic => topic_matches(pattern, key),
        // Headers and plugins route by what is not known here.
        ExchangeKind::Fanout | ExchangeKind::Headers | ExchangeKind::Plugin(_) => true,
    }
}

/// Checks that an exchange routes without the key that a binding does not give.
///
/// # Panics
/// When it goes by the key, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_keyless(exchange: &Exchange) {
    if matches!(exchange.kind, ExchangeKind::Direct | ExchangeKind::Topic) {
        ConstText::new()
            .push("the exchange `")
            .push(exchange_name(exchange))
            .push("` routes by key: add `key = \"…\"` to this binding")
            .fail();
    }
}

/// The name of an exchange that is a constant, and so has a borrowed name.
#[doc(hidden)]
#[must_use]
pub const fn exchange_name(exchange: &Exchange) -> &str {
    match &exchange.name {
        std::borrow::Cow::Borrowed(name) => name,
        std::borrow::Cow::Owned(name) => name.as_str(),
    }
}

/// Checks that no two RPC handlers of different origin (contract, own, structs) answer one
/// command of one version. Within one origin the macro has checked it.
///
/// # Panics
/// When two do, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_handlers<const SLOTS: usize>(table: &[&[Method]]) {
    // Each is in the slot that its name's hash says, or in the next free one behind it.
    let mut seen: [Option<(usize, usize)>; SLOTS] = [None; SLOTS];
    let mut origin = 0;
    while origin < table.len() {
        let mut index = 0;
        while index < table[origin].len() {
            let method = &table[origin][index];
            let mut slot = hash(method.name()) % SLOTS;
            while let Some((earlier, place)) = seen[slot] {
                if earlier != origin {
                    check_two(&table[earlier][place], method);
                }
                slot = (slot + 1) % SLOTS;
            }
            seen[slot] = Some((origin, index));
            index += 1;
        }
        origin += 1;
    }
}

/// How many slots [`check_handlers`] needs.
#[doc(hidden)]
#[must_use]
pub const fn handler_slots(table: &[&[Method]]) -> usize {
    let (mut methods, mut origin) = (0, 0);
    while origin < table.len() {
        methods += table[origin].len();
        origin += 1;
    }
    slots(methods)
}

const fn same_version(one: Option<&str>, two: Option<&str>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => same_text(one, two),
        (None, None) => true,
        _ => false,
    }
}

#[track_caller]
const fn check_two(one: &Method, two: &Method) {
    let answers = matches!((one.category(), two.category()), (Category::Rpc, Category::Rpc));
    let same = same_text(one.name(), two.name()) && same_text(one.kind(), two.kind());
    if answers && same && same_version(one.version(), two.version()) {
        ConstText::new()
            .push("two RPC handlers answer ")
            .push(one.kind())
            .push(" `")
            .push(one.name())
            .push("`: `")
            .push(one.method())
            .push("` and `")
            .push(two.method())
            .push("`; one call has one answer: give one of them another name")
            .fail();
    }
}
