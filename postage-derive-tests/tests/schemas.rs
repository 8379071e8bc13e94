//! What can be asked, as JSON Schemas, from the constants alone: no broker is there.
#![allow(clippy::expect_used, reason = "the functions beside the cases are tests, too")]

use std::borrow::Cow;
use std::sync::Arc;

use postage_core::prelude::*;
use postage_core::{Handle, Method, Parameter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[exchange(name = "schemas")]
struct Schemas;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Line {
    article_number: u32,
    /// How it is packed.
    packing: Packing,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Packing {
    Crate,
    Loose,
}

/// Read in one form and written in another.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Stamp {
    #[serde(rename(serialize = "written", deserialize = "read"))]
    at: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Label<'a> {
    text: Cow<'a, str>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Refused {
    left: u32,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} are left", self.left)
    }
}

/// A type that says no schema of its own.
#[derive(Serialize, Deserialize)]
struct Plain;

#[producer(exchange = Schemas, key = "schemas")]
trait Desk {
    #[rpc]
    async fn place(&self, item: &str, lines: &[Line]) -> Result<u64, Refused>;
    #[rpc]
    async fn lend<'a>(&self, note: Option<&'a str>, label: Label<'a>, line: &Line) -> Vec<Line>;
    #[rpc]
    async fn leave_out(&self, #[default(1)] quantity: u8, limit: Option<u8>);
    #[rpc]
    async fn stamp(&self, stamp: Stamp) -> Stamp;
    #[rpc]
    async fn plain(&self, plain: &Plain, lines: Vec<Plain>, item: &str) -> Result<Plain, String>;
    #[message]
    async fn restock(&self, item: Cow<'_, str>);
    #[cfg(any())]
    #[rpc]
    async fn absent(&self, item: NoType) -> NoType;
}

fn method(methods: &[Method], name: &str) -> Method {
    *methods.iter().find(|method| method.method() == name).expect("the method is there")
}

fn asked(name: &str) -> Vec<Value> {
    let method = method(Desk.methods(), name);
    method.parameters().iter().map(|parameter| parameter.schema().unwrap_or_default()).collect()
}

fn types(schemas: &[Value]) -> Vec<&Value> {
    schemas.iter().map(|schema| &schema["type"]).collect()
}

#[test]
fn a_lent_parameter_has_the_schema_of_what_is_lent() {
    let place = asked("place");
    assert_eq!(types(&place), ["string", "array"]);
    assert_eq!(place[1]["items"]["$ref"], "#/$defs/Line");
    let line = &place[1]["$defs"]["Line"];
    assert_eq!(line["required"], json!(["articleNumber", "packing"]));
    assert_eq!(line["properties"]["packing"]["description"], "How it is packed.");
    assert_eq!(place[1]["$defs"]["Packing"]["enum"], json!(["Crate", "Loose"]));

    let lend = asked("lend");
    assert_eq!(lend[0]["type"], json!(["string", "null"]));
    assert_eq!(lend[1]["properties"]["text"]["type"], "string");
    assert_eq!(lend[2]["title"], "Line");
    assert_eq!(types(&asked("restock")), ["string"]);
}

#[test]
fn what_may_be_left_out_has_the_schema_of_its_type() {
    let left_out = asked("leave_out");
    assert_eq!((&left_out[0]["type"], &left_out[0]["maximum"]), (&json!("integer"), &json!(255)));
    assert_eq!(left_out[1]["type"], json!(["integer", "null"]));
}

#[test]
fn a_result_and_its_documented_error_have_schemas_of_their_own() {
    let place = method(Desk.methods(), "place");
    assert_eq!(place.returns_schema().expect("of `u64`")["type"], "integer");
    assert_eq!(place.error_schema().expect("of `Refused`")["required"], json!(["left"]));

    let lend = method(Desk.methods(), "lend");
    assert_eq!(lend.returns_schema().expect("of `Vec<Line>`")["type"], "array");
    assert_eq!(lend.error_schema(), None);

    let nothing = method(Desk.methods(), "leave_out");
    assert_eq!(nothing.returns_schema().expect("of `()`")["type"], "null");
    let message = method(Desk.methods(), "restock");
    assert_eq!((message.returns_schema(), message.error_schema()), (None, None));
}

#[test]
fn a_parameter_is_described_as_it_is_read_and_a_result_as_it_is_written() {
    let answered = method(Desk.methods(), "stamp").returns_schema().expect("of `Stamp`");
    assert_eq!(asked("stamp")[0]["required"], json!(["read"]));
    assert_eq!(answered["required"], json!(["written"]));
}

#[test]
fn a_type_that_derives_no_schema_has_none() {
    let plain = method(Desk.methods(), "plain");
    let has = plain.parameters().iter().map(|parameter| parameter.schema().is_some());
    assert_eq!(has.collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(plain.returns_schema(), None);
    assert_eq!(plain.error_schema().expect("of `String`")["type"], "string");
}

#[test]
fn equal_parameters_are_equal_wherever_their_schemas_are() {
    let place = method(Desk.methods(), "place");
    assert_eq!(place.parameters()[0], Parameter::new("item", "&str"));
    assert_ne!(place.parameters()[0], place.parameters()[1]);
    assert!(format!("{:?}", place.parameters()[0]).contains("schema: a schema"));
}

trait Store: Send + Sync + 'static {
    type Item: Serialize + for<'de> Deserialize<'de> + Send + Sync;
}

struct Lines;

impl Store for Lines {
    type Item = Line;
}

struct Unbound<S>(Arc<S>);

#[message_processor(exchange = Schemas, queue = "unbound", key = "schemas", handlers(CountAisle))]
impl<S: Store> Unbound<S> {
    #[rpc_handler]
    async fn swap(&self, item: S::Item, count: u32) -> Vec<S::Item> {
        let _ = (&self.0, count);
        vec![item]
    }
}

struct Bound<S, const N: usize>(Arc<S>);

#[message_processor(exchange = Schemas, queue = "bound", key = "schemas")]
impl<S: Store, const N: usize> Bound<S, N>
where
    S::Item: JsonSchema,
    [u8; N]: Serialize + for<'de> Deserialize<'de>,
{
    #[rpc_handler]
    async fn swap(&self, item: <S as Store>::Item, code: [u8; N]) -> Result<Vec<S::Item>, Refused> {
        let _ = (&self.0, code);
        Ok(vec![item])
    }

    #[rpc_handler]
    async fn early(&self, #[reply] answer: Reply<'_, S::Item, Refused>) {
        let _ = answer.error(Refused { left: 0 }).await;
    }
}

/// Counts an aisle.
#[rpc_handler]
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CountAisle {
    /// Which one.
    aisle_number: u8,
    packings: Vec<Packing>,
    #[serde(default)]
    anything: Value,
}

impl<S: Store> Handle<Unbound<S>> for CountAisle {
    type Value = u32;
    type Error = Refused;

    async fn handle(self, _: &Unbound<S>, _: &Context) -> Result<u32, Refused> {
        let _ = (self.packings, self.anything);
        Ok(self.aisle_number.into())
    }
}

fn handler<P: MessageProcessor>(name: &str) -> Method {
    method(&P::TABLE.concat(), name)
}

#[test]
fn a_generic_type_has_a_schema_where_the_bounds_of_the_block_say_so() {
    let swap = handler::<Bound<Lines, 3>>("swap");
    let item = swap.parameters()[0].schema().expect("`S::Item: JsonSchema` is a bound");
    assert_eq!(item["title"], "Line");
    assert_eq!(swap.returns_schema().expect("so it is of the answer")["type"], "array");
    assert_eq!(swap.error_schema().expect("of `Refused`")["title"], "Refused");

    let swap = handler::<Unbound<Lines>>("swap");
    assert_eq!((swap.parameters()[0].schema(), swap.returns_schema()), (None, None));
    assert_eq!(swap.parameters()[1].schema().expect("of `u32`")["type"], "integer");
}

#[test]
fn a_handler_that_answers_early_has_the_schemas_of_its_promise() {
    let early = handler::<Bound<Lines, 3>>("early");
    assert_eq!(early.returns_schema().expect("it is promised")["title"], "Line");
    assert_eq!(early.error_schema().expect("it is promised")["title"], "Refused");
}

#[test]
fn the_fields_of_a_struct_have_the_schemas_that_the_struct_says() {
    let count = handler::<Unbound<Lines>>("CountAisle");
    let [number, packings, anything] = count.parameters() else { panic!("{count:?}") };
    assert_eq!(number.name(), "aisle-number");
    let number = number.schema().expect("the struct derives it");
    assert_eq!(
        (&number["type"], &number["description"]),
        (&json!("integer"), &json!("Which one."))
    );
    let packings = packings.schema().expect("the struct derives it");
    assert_eq!(packings["items"]["$ref"], "#/$defs/Packing");
    assert!(packings["$defs"]["Packing"].is_object());
    assert!(anything.schema().is_some());
    assert_eq!(count.returns_schema().expect("of `u32`")["type"], "integer");
    assert_eq!(count.error_schema().expect("of `Refused`")["title"], "Refused");
}
