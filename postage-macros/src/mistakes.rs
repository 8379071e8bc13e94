//! What the macros say about mistakes: each names the thing and the way out, and never panics.

use std::str::FromStr as _;

use proc_macro2::TokenStream;

use crate::macros;
use crate::model::method::Category;

/// The texts of the errors that an expansion reports, one for each line.
fn messages(expansion: TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(expansion).expect("an expansion is a list of items");
    let errors = file.items.iter().filter_map(|item| match item {
        syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
            item.mac.parse_body::<syn::LitStr>().ok().map(|text| text.value())
        }
        _ => None,
    });
    errors.collect()
}

/// Exactly one error, with this part.
fn assert_one(case: &str, expansion: TokenStream, part: &str) {
    let messages = messages(expansion);
    assert!(messages.len() == 1 && messages[0].contains(part), "{case}: {messages:#?}");
}

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).expect(text)
}

#[test]
fn an_exchange() {
    for (arguments, item, part) in [
        ("", "struct A;", "an exchange needs a name"),
        ("name = \"\"", "struct A;", "`name` is empty"),
        ("name = 3", "struct A;", "`name` takes a text in quotes"),
        ("name = \"amq.x\"", "struct A;", "belong to the broker"),
        ("\"orders\"", "struct A;", "write `name = \"orders\"`"),
        ("name = \"a\", kind = \"topik\"", "struct A;", "did you mean `topic`?"),
        ("name = \"a\", kind = \"x-\"", "struct A;", "there is no exchange kind `x-`"),
        ("name = \"a\", durabel = false", "struct A;", "did you mean `durable`?"),
        ("name = \"a\", durable = 1", "struct A;", "`durable` takes `true` or `false`"),
        ("name = \"a\", name = \"b\"", "struct A;", "`name` is given twice"),
        ("name = \"a\", arguments(n = 1)", "struct A;", "the name of an argument in quotes"),
        ("name = \"a\", arguments(\"n\")", "struct A;", "an argument has a value"),
        ("name = \"a\", arguments(\"n\" = 1, \"n\" = 2)", "struct A;", "`n` is given twice"),
        ("name = \"a\", arguments(\"n\" = 1e999)", "struct A;", "too large"),
        ("name = \"a\", arguments", "struct A;", "a list in parentheses"),
        ("name = \"a\", alternate", "struct A;", "or its type"),
        ("name = \"a\" passive", "struct A;", "expected `,`"),
        ("name = \"a\", = 3", "struct A;", "expected an argument"),
        ("name = \"a\", kind = [1]", "struct A;", "expected a literal or the path"),
        ("name = \"a\"", "struct A { x: u8 }", "an exchange has no fields"),
        ("name = \"a\"", "struct A<T>;", "no generic parameters"),
        ("name = \"a\"", "enum A {}", "belongs on a struct; this is an enum"),
        ("name = \"a\"", "fn a() {}", "belongs on a struct; this is a function"),
    ] {
        let case = format!("#[exchange({arguments})] {item}");
        assert_one(&case, macros::exchange(tokens(arguments), tokens(item)), part);
    }
    let long = format!("name = \"{}\"", "a".repeat(256));
    let expansion = macros::exchange(tokens(&long), tokens("struct A;"));
    assert_one("256 bytes", expansion, "has 256 bytes; AMQP carries at most 255");
}

#[test]
fn the_arguments_of_a_contract() {
    for (arguments, part) in [
        ("", "where its messages go"),
        ("exchange = A", "no `key`"),
        ("key = \"k\"", "no `exchange`"),
        ("exchange = A, kye = \"k\"", "did you mean `key`?"),
        ("exchange = \"A\", key = \"k\"", "the type of an exchange, like `Orders`"),
        ("exchange = A, key = \"k\", eks(A = \"k\")", "not both"),
        ("eks()", "pairs in parentheses"),
        ("eks(A)", "write the exchange with its key"),
        ("exchange = A, key = \"k\", timeout = 2", "a whole number and a unit"),
        ("exchange = A, key = \"k\", timeout = \"2 s\"", "a whole number and a unit"),
        ("exchange = A, key = \"k\", timeout = \"0s\"", "longer than nothing"),
        ("exchange = A, key = \"k\", timeout = \"2s\", deadline = \"1s\"", "shorter"),
        ("exchange = A, key = \"k\", max_retry = -1", "a whole number of retries"),
        ("exchange = A, key = \"k\", peer = \"pyton\"", "did you mean `python`?"),
        (
            "exchange = A, key = \"k\", version = 2",
            "`version` takes a text in quotes, like `\"2\"`",
        ),
        ("exchange = A, key = \"k\", version = \"\"", "`version` is empty; give it 1 to 255 bytes"),
        ("exchange = A, key = \"k\", versoin = \"2\"", "did you mean `version`?"),
        ("exchange = A, key = \"k\", name = a::B", "one name for the client"),
        ("exchange = A, key = \"k\", name = Desk", "the name of its contract"),
        ("exchange = A, key = \"k\", quorum", "has no argument `quorum`"),
    ] {
        let case = format!("#[producer({arguments})]");
        assert_one(&case, macros::producer(tokens(arguments), tokens("trait Desk {}")), part);
    }
}

#[test]
fn a_contract() {
    for (item, part) in [
        ("struct Desk;", "belongs on a trait; this is a struct"),
        ("trait Desk<T> {}", "no generic parameters"),
        ("unsafe trait Desk {}", "`unsafe` trait"),
        ("trait Desk { type T; }", "no associated types"),
        ("trait Desk { const N: u8; }", "no associated constants"),
        ("trait Desk { #[rpc] type T; }", "no associated types"),
    ] {
        let arguments = tokens("exchange = A, key = \"k\"");
        assert_one(item, macros::producer(arguments, tokens(item)), part);
    }
}

#[test]
fn a_method_of_a_contract() {
    for (method, part) in [
        ("async fn f(&self);", "mark it `#[rpc]`"),
        ("#[rcp] async fn f(&self);", "did you mean `#[rpc]`"),
        ("#[rpc] #[message] async fn f(&self);", "one of `#[rpc]`, `#[message]` and `#[signal]`"),
        ("#[rpc] #[rpc] async fn f(&self);", "one of `#[rpc]`, `#[message]` and `#[signal]`"),
        ("#[rpc = 1] async fn f(&self);", "put the arguments in parentheses"),
        ("#[rpc] fn f(&self);", "write `async fn`"),
        ("#[rpc] async fn f(&self) {}", "has no body"),
        ("#[rpc] async fn f();", "takes `&self` first"),
        ("#[rpc] async fn f(&mut self);", "take `&self`"),
        ("#[rpc] async fn f(self);", "take `&self`"),
        ("#[rpc] async fn f(self: &Self);", "as `&self`"),
        ("#[rpc] async unsafe fn f(&self);", "cannot be `unsafe`"),
        ("#[rpc] async extern \"C\" fn f(&self);", "cannot be `extern`"),
        ("#[rpc] async fn f<T>(&self);", "no generic type parameter"),
        ("#[rpc] async fn f<const N: usize>(&self);", "no generic const parameter"),
        ("#[rpc] async fn f(&self, a: impl Copy);", "no `impl Trait`"),
        ("#[rpc] async fn f(&self, a: &mut u8);", "not `&mut T`"),
        ("#[rpc] async fn f(&self, (a, b): (u8, u8));", "instead of a pattern"),
        ("#[rpc] async fn f(&self, _: u8);", "instead of a pattern"),
        ("#[rpc] async fn f(&self, a: Vec<&str>);", "own the value"),
        ("#[rpc] async fn f(&self, a: Self::T);", "name the type"),
        ("#[rpc] async fn f(&self, a: u8, _a: u8);", "two parameters travel under the name `a`"),
        ("#[rpc] async fn f(&self, #[context] cx: &Context);", "belongs to the service"),
        ("#[rpc] async fn f(&self, #[reply] r: Reply<u8>);", "belongs to the service"),
        ("#[rpc] async fn f(&self, cx: &Context);", "this does not travel"),
        ("#[rpc] async fn f(&self, #[default] a: Option<u8>);", "drop `#[default]`"),
        ("#[rpc] async fn f(&self, #[default = 1] a: u8);", "`#[default(value)]`"),
        ("#[rpc] async fn f(&self, #[cfg(unix)] a: u8);", "on the whole method"),
        ("#[rpc] async fn f(&self) -> io::Result<u8>;", "write both types"),
        ("#[rpc] async fn f(&self) -> &str;", "owns what it holds"),
        ("#[rpc] async fn f(&self) -> Cow<'_, str>;", "owns what it holds"),
        ("#[rpc] async fn f(&self) -> impl Copy;", "name the type of the answer"),
        ("#[rpc] async fn f(&self) -> Self;", "name the type"),
        ("#[message] async fn f(&self) -> u8;", "nobody waits"),
        ("#[rpc] async fn new(&self);", "a method of the generated client"),
        ("#[rpc] async fn __postage_f(&self);", "belong to the generated code"),
        ("#[rpc(ttl = \"1s\")] async fn f(&self);", "has no argument `ttl`"),
        ("#[message(timeout = \"1s\")] async fn f(&self);", "has no argument `timeout`"),
        ("#[message(priority = 256)] async fn f(&self);", "from 0 to 255"),
        ("#[signal] async fn f(&self);", "how long it is good for"),
        ("#[signal(tll = \"2s\")] async fn f(&self);", "did you mean `ttl`?"),
        ("#[signal(ttl = \"2s\")] async fn f(&self) -> u8;", "nobody waits"),
        ("#[signl(ttl = \"2s\")] async fn f(&self);", "did you mean `#[signal]`"),
        ("#[rpc(name = \"\")] async fn f(&self);", "`name` is empty"),
        ("#[rpc(\"f\")] async fn f(&self);", "takes named arguments"),
        ("#[rpc(bare)] async fn f(&self);", "`bare` sends one parameter"),
        ("#[rpc] async fn f(&self); #[rpc(name = \"f\")] async fn g(&self);", "`f` has it already"),
    ] {
        let item = format!("trait Desk {{ {method} }}");
        let arguments = tokens("exchange = A, key = \"k\"");
        assert_one(method, macros::producer(arguments, tokens(&item)), part);
    }
    let many = (0..17).map(|n| format!("a{n}: u8, ")).collect::<String>();
    let item = format!("trait Desk {{ #[rpc] async fn f(&self, {many}); }}");
    let expansion = macros::producer(tokens("exchange = A, key = \"k\""), tokens(&item));
    assert_one("17 parameters", expansion, "put them into a struct");
}

#[test]
fn the_arguments_of_a_service() {
    for (arguments, part) in [
        ("exchange = A, key = \"k\"", "the queue is missing"),
        ("queue = \"q\", key = \"k\"", "add `exchange = Orders`"),
        ("queue = \"\"", "`queue` is empty"),
        ("queue(durable)", "a queue needs a name"),
        ("queue(name = \"q\", ttl = 3)", "a whole number and a unit"),
        ("queue(name = \"q\", kind = \"quorom\")", "did you mean `quorum`?"),
        ("queue(name = \"q\", overflow = \"drop\")", "`overflow` cannot be `drop`"),
        ("queue(name = \"q\", kind = \"quorum\", exclusive)", "cannot have `exclusive`"),
        ("queue(name = \"q\", dead_letter_key = \"k\")", "needs `dead_letter`"),
        (
            "queue(name = \"q\", ttl = \"1s\"), bind(queue(name = \"q\", ttl = \"1s\"))",
            "given twice",
        ),
        ("bind", "a list in parentheses"),
        ("bind(exchange = A)", "the queue is missing"),
        ("bind(queue = \"q\", prefetch = 3)", "`bind(…)` has no argument `prefetch`"),
        ("bind(exchange = A, queue = \"q\", headers)", "a list in parentheses"),
        ("bind(exchange = A, queue = \"q\", headers())", "no header is asked for"),
        ("bind(exchange = A, queue = \"q\", headers(match = \"any\"))", "no header is asked for"),
        (
            "bind(exchange = A, queue = \"q\", headers(match = \"al\", \"a\" = 1))",
            "did you mean `all`?",
        ),
        (
            "bind(exchange = A, queue = \"q\", headers(match = 1, \"a\" = 1))",
            "`match` takes a text in quotes",
        ),
        (
            "bind(exchange = A, queue = \"q\", headers(macth = \"all\", \"a\" = 1))",
            "did you mean `match`?",
        ),
        (
            "bind(exchange = A, queue = \"q\", headers(match = \"any\", match = \"all\", \"a\" = 1))",
            "`match` is given twice",
        ),
        ("bind(exchange = A, queue = \"q\", headers(region = \"eu\"))", "headers in quotes"),
        ("bind(exchange = A, queue = \"q\", headers(\"a\"))", "a header has a value"),
        ("bind(exchange = A, queue = \"q\", headers(\"a\" = [1]))", "expected a literal"),
        ("bind(exchange = A, queue = \"q\", headers(\"a\" = 1, \"a\" = 2))", "`a` is given twice"),
        (
            "bind(exchange = A, queue = \"q\", headers(\"x-a\" = 1))",
            "write `match = \"all-with-x\"`",
        ),
        ("bind(queue = \"q\", headers(\"a\" = 1))", "add `exchange = Events`"),
        ("bind(exchange = A, queue = \"q\", haeders(\"a\" = 1))", "did you mean `headers`?"),
        ("prefetch = 0", "from 1 to 65535"),
        ("prefetch = 65536", "from 1 to 65535"),
        ("concurrency = 0", "1 or more"),
        ("retry = 5", "`retry` takes a list in parentheses"),
        ("retry(pause = \"1s\")", "needs the number of attempts"),
        ("retry(attempts = 0)", "from 1 to 4294967295"),
        ("retry(attempt = 5)", "did you mean `attempts`?"),
        ("retry(attempts = 5, pause = 1)", "a whole number and a unit"),
        ("retry(attempts = 5, pause = \"0s\")", "longer than nothing"),
        ("retry(attempts = 5, pause = \"2s\", longest = \"1s\")", "`longest` is shorter"),
        ("retry(attempts = 5), retry(attempts = 6)", "`retry` is given twice"),
        ("dedup = 3", "`dedup` takes `true` or `false`"),
        ("traces = none", "`traces` takes `true` or `false`"),
        ("quit = \"no\"", "`quit` takes `true` or `false`"),
        ("handlers = A", "the types of handlers in parentheses"),
        ("prefetsh = 3", "did you mean `prefetch`?"),
    ] {
        let item = tokens("impl Desk {}");
        let case = format!("#[message_processor({arguments})]");
        assert_one(&case, macros::message_processor(tokens(arguments), item), part);
    }
}

#[test]
fn a_handler() {
    for (method, part) in [
        ("#[reply_handler] async fn f(&self) {}", "takes what became of the call"),
        ("#[reply_handler] async fn f(&self, a: R, b: R) {}", "takes one parameter"),
        ("#[reply_handler] async fn f(&self, a: &R) {}", "take it without `&`"),
        ("#[reply_handler] async fn f(&self, #[default] a: R) {}", "drop `#[default]`"),
        (
            "#[reply_handler] async fn f(&self, a: R, #[reply] r: Reply<'_, u8>) {}",
            "drop `#[reply]`",
        ),
        ("#[reply_handler] async fn f(a: R) {}", "takes `&self` first"),
        ("#[reply_handler(\"a\", \"b\")] async fn f(&self, a: R) {}", "too many texts"),
        ("#[reply_handler(\"a\", of = C::f)] async fn f(&self, a: R) {}", "say once"),
        ("#[reply_handler(of = place)] async fn f(&self, a: R) {}", "no method of a client"),
        ("#[reply_handler(of = \"f\")] async fn f(&self, a: R) {}", "the client's method"),
        ("#[reply_handler(off = C::f)] async fn f(&self, a: R) {}", "did you mean `of`?"),
        ("#[reply_handler(\"\")] async fn f(&self, a: R) {}", "`name` is empty"),
        ("#[rpc_handler] async fn f(&mut self) {}", "take `&self`"),
        ("#[rpc_handler] async fn f(self) {}", "take `&self`"),
        ("#[rpc_handler] async fn f() {}", "takes `&self` first"),
        ("#[rpc_handler(\"f\")] async fn f(&self) {}", "one text alone is ambiguous"),
        ("#[rpc_handler(\"a\", \"b\", \"c\")] async fn f(&self) {}", "too many texts"),
        ("#[rpc_handler(\"a\", \"b\", name = \"c\")] async fn f(&self) {}", "given twice"),
        ("#[rpc_handler(\"\", \"b\")] async fn f(&self) {}", "`type` is empty"),
        ("#[rpc_handler(fullbody)] async fn f(&self) {}", "did you mean `full_body`?"),
        ("#[rpc_handler(filter = \"f\")] async fn f(&self) {}", "the path of a function"),
        ("#[rpc_handler(full_body)] async fn f(&self) {}", "takes the message"),
        ("#[rpc_handler(full_body)] async fn f(&self, a: Message) {}", "the message is lent"),
        ("#[rpc_handler(full_body)] async fn f(&self, a: &M, b: u8) {}", "takes one parameter"),
        ("#[rpc_handler] async fn f<T>(&self) {}", "no generic type parameter"),
        ("#[rpc_handler] async fn f(&self, a: &mut u8) {}", "not `&mut T`"),
        ("#[rpc_handler] async fn f(&self, (a, b): (u8, u8)) {}", "instead of a pattern"),
        ("#[rpc_handler] async fn f(&self, #[context] cx: Context) {}", "the context is lent"),
        ("#[rpc_handler] async fn f(&self, #[context] a: &C, #[context] b: &C) {}", "is enough"),
        ("#[rpc_handler] async fn f(&self, #[context] #[reply] a: &C) {}", "one mark"),
        ("#[rpc_handler] async fn f(&self, #[reply] r: &Reply<u8>) {}", "is given away"),
        (
            "#[rpc_handler] async fn f(&self, #[reply] r: Reply<u8>) -> u8 {}",
            "drop the return type",
        ),
        ("#[message_handler] async fn f(&self, #[reply] r: Reply<u8>) {}", "nobody waits"),
        ("#[rpc_handler] async fn f(&self) -> io::Result<u8> {}", "write both types"),
        ("#[rpc_handler] fn f(&self) -> impl Future {}", "name the type of the answer"),
        ("async fn f(&self, #[context] cx: &C) {}", "no message reaches `f`"),
        ("#[rpc_handler] async fn f(&self, cx: &Context) {}", "`#[context] cx: &Context`"),
        ("#[rpc_handler] async fn f(&self, r: Reply<'_, u8>) {}", "`#[reply] answer:"),
        ("#[rpc_handler] async fn f(&self, m: &Message<'_>) {}", "`full_body` in its attribute"),
        ("#[rpc] async fn f(&self) {}", "write `#[rpc_handler]`"),
    ] {
        let item = format!("impl Desk {{ {method} }}");
        assert_one(method, macros::message_processor(tokens(""), tokens(&item)), part);
    }
}

#[test]
fn two_rpc_handlers_for_one_call_are_reported_at_both() {
    let item =
        "impl Desk { #[rpc_handler] fn f(&self) {} #[rpc_handler(name = \"f\")] fn g(&self) {} }";
    let messages = messages(macros::message_processor(tokens(""), tokens(item)));
    assert!(!messages.is_empty(), "{messages:?}");
    assert!(messages.iter().all(|text| text.contains("the first is `f`")), "{messages:?}");
}

#[test]
fn a_service_of_a_contract() {
    for (method, part) in [
        ("async fn f(&self, #[default] a: u8) {}", "write it in the contract"),
        ("async fn f(&self, cx: &Context) {}", "`#[context] cx: &Context`"),
        ("#[rpc] async fn f(&self) {}", "the contract says so already"),
        ("fn f(&self, #[context] cx: &C) {}", "write `async fn`"),
        ("async fn f(&self, #[reply] r: Alias) {}", "write `Reply<'_, T>`"),
        ("async fn f(&self, #[context] cx: &C, (a, b): (u8, u8)) {}", "instead of a pattern"),
    ] {
        let item = format!("impl Contract for Desk {{ {method} }}");
        assert_one(method, macros::message_processor(tokens(""), tokens(&item)), part);
    }
    for (item, part) in [
        ("impl !Contract for Desk {}", "drop the `!`"),
        ("unsafe impl Contract for Desk {}", "not `unsafe`"),
        ("impl Contract for (A, B) {}", "a type with a name"),
        ("impl<'d> Contract for Desk<'d> {}", "it borrows nothing"),
        ("struct Desk;", "belongs on an `impl` block; this is a struct"),
    ] {
        assert_one(item, macros::message_processor(tokens(""), tokens(item)), part);
    }
}

#[test]
fn a_handler_elsewhere() {
    for (arguments, item, part) in [
        ("", "fn f(&self) {}", "needs `#[message_processor]` on the `impl` around it"),
        ("", "fn f() {}", "this is a function"),
        ("", "enum Sweep {}", "this is an enum"),
        ("", "struct Sweep(u8);", "give the fields names"),
        ("", "struct Sweep<T> { a: T }", "no generic parameters"),
        ("full_body", "struct Sweep;", "is for handlers that are methods"),
        ("\"sweep\"", "struct Sweep;", "one text alone is ambiguous"),
        ("nam = \"a\"", "struct Sweep;", "did you mean `name`?"),
    ] {
        let expansion = macros::handler(Category::Rpc, tokens(arguments), tokens(item));
        if item.contains("&self") {
            // A method is no item: only its text can be looked at.
            assert!(expansion.to_string().contains(part), "{expansion}");
            continue;
        }
        assert_one(item, expansion, part);
    }
}
