//! A contract, its service and its client, as expanded: what is sent arrives, typed both ways.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use postage_core::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[exchange(name = "audit", kind = "fanout", durable = false, auto_delete, alternate = Orders)]
struct Audit;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    left: u32,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left", self.left)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    item: String,
    quantity: u32,
}

/// What one may ask of the order desk.
#[producer(exchange = Orders, key = "orders.desk", timeout = "5s", max_retry = 1)]
trait OrderDesk {
    /// Places an order and answers its number.
    #[rpc(timeout = "2s", max_retry = 4)]
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused>;

    /// Every form that a parameter may have.
    #[rpc]
    #[allow(clippy::too_many_arguments)]
    async fn forms<'a>(
        &self,
        text: &'a str,
        texts: &[String],
        maybe_text: Option<&'a str>,
        maybe_lines: Option<&[Line]>,
        line: &Line,
        maybe_line: Option<&Line>,
        r#type: String,
        count: Option<u32>,
        pair: (u8, bool),
    ) -> String;

    #[cfg(not(test))]
    #[rpc]
    async fn left_out(&self) -> Absent;

    #[message]
    async fn restock(&self, item: &str, #[default(1)] quantity: u32, #[default] note: &str);

    #[rpc(name = "years", type = "command", key = "orders.audit")]
    async fn audit(&self, year: u32) -> u64;

    #[rpc]
    async fn close(&self, year: u32) -> Result<u64, Refused>;

    #[rpc]
    async fn sender(&self) -> String;

    #[rpc(bare)]
    async fn echo(&self, text: &str) -> String;

    #[rpc]
    async fn nothing(&self);
}

struct Desk<S> {
    stock: S,
    heard: mpsc::Sender<String>,
}

trait Stock: Send + Sync + 'static {
    fn left(&self, item: &str) -> u32;
}

struct Full(u32);

impl Stock for Full {
    fn left(&self, _: &str) -> u32 {
        self.0
    }
}

#[message_processor(
    exchange = Orders,
    queue(name = "order-desk", durable = false, auto_delete, max_length = 100),
    key = "orders.*",
    bind(exchange = Audit, queue = "order-desk"),
    prefetch = 5,
    concurrency = 2,
    handlers(Sweep)
)]
impl<S: Stock> OrderDesk for Desk<S> {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused> {
        let left = self.stock.left(item);
        if quantity > left { Err(Refused { left }) } else { Ok(4021) }
    }

    async fn forms<'a>(
        &self,
        text: &'a str,
        texts: &[String],
        maybe_text: Option<&'a str>,
        maybe_lines: Option<&[Line]>,
        line: &Line,
        maybe_line: Option<&Line>,
        r#type: String,
        count: Option<u32>,
        pair: (u8, bool),
    ) -> String {
        format!(
            "{text:?} {texts:?} {maybe_text:?} {maybe_lines:?} {line:?} {maybe_line:?} {type} {count:?} {pair:?}"
        )
    }

    async fn restock(&self, #[context] cx: &Context, item: &str, quantity: u32, note: &str) {
        let sender = cx.fingerprint().map_or_else(String::new, |sender| sender.name);
        let heard = format!("{sender}: {quantity} {item} {note}");
        self.heard.send(heard).await.unwrap();
    }

    async fn audit(&self, #[reply] answer: Reply<'_, u64>, year: u32) {
        answer.send(u64::from(year) * 2).await.unwrap();
    }

    async fn close(
        &self,
        #[context] _cx: &Context,
        #[reply] answer: Reply<'_, u64, Refused>,
        year: u32,
    ) {
        if year > 2000 {
            answer.error(Refused { left: year }).await.unwrap();
        } else {
            answer.send(1).await.unwrap();
        }
    }

    async fn sender(&self, #[context] cx: &Context) -> String {
        cx.fingerprint().map_or_else(String::new, |sender| sender.name)
    }

    async fn echo(&self, text: &str) -> String {
        text.to_owned()
    }

    async fn nothing(&self, #[context] _: &Context) {}

    /// Beyond the contract.
    #[rpc_handler]
    async fn recount(&self, aisle: u32, note: Option<&str>) -> String {
        format!("{aisle} {note:?}")
    }

    #[cfg(not(test))]
    #[rpc_handler]
    async fn absent(&self, absent: Absent) -> Absent {
        absent
    }

    #[message_handler("status", "online", full_body)]
    async fn online(&self, message: &Message<'_>) {
        self.heard.send(format!("online {}", message.kind())).await.unwrap();
    }
}

#[rpc_handler]
#[derive(Deserialize)]
struct Sweep {
    aisle: u32,
}

impl<S: Stock> Handle<Desk<S>> for Sweep {
    type Value = u32;
    type Error = String;

    async fn handle(self, desk: &Desk<S>, _: &Context) -> Result<u32, String> {
        Ok(self.aisle + desk.stock.left(""))
    }
}

struct Served {
    _serving: Serving,
    orders: OrderDeskProducer,
    heard: Mutex<mpsc::Receiver<String>>,
}

async fn served() -> Served {
    let broker = Broker::memory();
    let (sender, receiver) = mpsc::channel(8);
    let desk = Desk { stock: Full(3), heard: sender };
    Served {
        _serving: broker.serve(desk).await.unwrap(),
        orders: OrderDeskProducer::new(&broker, Fingerprint::new("shop", "test")),
        heard: Mutex::new(receiver),
    }
}

#[allow(clippy::await_holding_lock, reason = "one test, one task")]
async fn next(served: &Served) -> String {
    let heard = tokio::time::timeout(Duration::from_secs(5), async {
        served.heard.lock().unwrap().recv().await
    });
    heard.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_call_answers_a_value_or_the_documented_error() {
    let served = served().await;
    assert_eq!(served.orders.place("anvil", 2).await.unwrap(), 4021);
    match served.orders.place("anvil", 4).await {
        Err(CallError::Documented(refused)) => assert_eq!(refused, Refused { left: 3 }),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_form_of_parameter_travels() {
    let served = served().await;
    let line = Line { item: "anvil".into(), quantity: 2 };
    let texts = ["a".to_owned(), "b\n".to_owned()];
    let lines = [line.clone()];
    let all = served.orders.forms(
        "tab\t",
        &texts,
        Some("x"),
        Some(&lines),
        &line,
        Some(&line),
        "t".into(),
        Some(1),
        (2, true),
    );
    let shown = format!("{line:?}");
    assert_eq!(
        all.await.unwrap(),
        format!(
            "\"tab\\t\" [\"a\", \"b\\n\"] Some(\"x\") Some([{shown}]) {shown} Some({shown}) t Some(1) (2, true)"
        )
    );
    let few = served.orders.forms("", &[], None, None, &line, None, "t".into(), None, (2, true));
    assert_eq!(few.await.unwrap(), format!("\"\" [] None None {shown} None t None (2, true)"));
}

#[tokio::test]
async fn a_message_arrives_with_its_context() {
    let served = served().await;
    served.orders.restock("anvil", 40, "soon").await.unwrap();
    assert_eq!(next(&served).await, "shop: 40 anvil soon");
}

#[tokio::test]
async fn what_the_caller_left_out_takes_its_default() {
    let served = served().await;
    let item = serde_json::json!({ "item": "anvil" });
    served.orders.producer().command("restock", item).await.unwrap();
    assert_eq!(next(&served).await, "shop: 1 anvil ");
}

#[tokio::test]
async fn a_handler_answers_early_through_its_reply() {
    let served = served().await;
    assert_eq!(served.orders.audit(2000).await.unwrap(), 4000);
    assert_eq!(served.orders.close(1999).await.unwrap(), 1);
    match served.orders.close(2001).await {
        Err(CallError::Documented(refused)) => assert_eq!(refused.left, 2001),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_with_a_context_answers_like_any_other() {
    let served = served().await;
    assert_eq!(served.orders.sender().await.unwrap(), "shop");
    served.orders.nothing().await.unwrap();
}

#[tokio::test]
async fn a_bare_parameter_travels_without_its_name() {
    let served = served().await;
    assert_eq!(served.orders.echo("hello").await.unwrap(), "hello");
    let python = served.orders.producer().rpc::<String>("echo", "hi").await;
    assert_eq!(python.unwrap(), "hi");
}

#[tokio::test]
async fn handlers_beyond_the_contract_are_reached() {
    let served = served().await;
    let untyped = served.orders.producer();
    let aisle = serde_json::json!({ "aisle": 7 });
    assert_eq!(untyped.rpc::<String>("recount", aisle.clone()).await.unwrap(), "7 None");
    assert_eq!(untyped.rpc::<u32>("sweep", aisle).await.unwrap(), 10);
}

#[tokio::test]
async fn a_service_is_tested_by_calling_it() {
    let (sender, mut heard) = mpsc::channel(8);
    let desk = Desk { stock: Full(3), heard: sender };
    assert_eq!(desk.place("anvil", 2).await, Ok(4021));
    desk.restock("anvil", 1, "now").await;
    assert_eq!(heard.recv().await.unwrap(), ": 1 anvil now");
    assert_eq!(desk.audit(4).await, 8);
    assert_eq!(desk.close(2001).await, Err(Refused { left: 2001 }));
}

#[test]
fn the_contract_describes_itself() {
    assert_eq!(OrderDesk.name(), "OrderDesk");
    let place = &OrderDesk.methods()[0];
    assert_eq!((place.kind(), place.name(), place.method()), ("command", "place", "place"));
    assert_eq!(place.documentation(), "Places an order and answers its number.");
    assert_eq!(place.returns(), "Result<u64, Refused>");
    let parameters = place.parameters().iter().map(|p| (p.name(), p.rust_type()));
    assert_eq!(parameters.collect::<Vec<_>>(), [("item", "&str"), ("quantity", "u32")]);
    assert_eq!(OrderDesk.methods()[3].name(), "years");
    assert_eq!(OrderDesk.methods().len(), 8);
}

#[test]
fn an_exchange_is_what_its_attribute_says() {
    let audit = Audit::ROUTE;
    assert_eq!(audit.kind(), &ExchangeKind::Fanout);
    assert_eq!((audit.is_durable(), audit.is_auto_delete()), (false, true));
    assert_eq!(audit.alternate_exchange(), Some("orders"));
}
