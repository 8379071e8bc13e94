//! Services are ordinary types: generic, shared, and called without any broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use postage_core::prelude::*;
use serde::{Deserialize, Serialize};

use crate::world::{Anywhere, Place, Voice, World, line, within};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SoldOut {
    left: u32,
}

impl std::fmt::Display for SoldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} left", self.left)
    }
}

#[producer(exchange = Anywhere, key = "anywhere")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, SoldOut>;
    #[message]
    async fn restock(&self, item: &str, quantity: u32);
    #[rpc]
    async fn audit(&self, year: u32) -> u64;
    #[rpc]
    async fn close(&self, year: u32) -> Result<u64, SoldOut>;
}

trait Store: Send + Sync + 'static {
    fn left(&self) -> &AtomicU32;
}

#[derive(Default)]
struct Shelf(AtomicU32);

impl Store for Shelf {
    fn left(&self) -> &AtomicU32 {
        &self.0
    }
}

struct Desk<S: Store> {
    store: S,
    voice: Voice,
}

#[message_processor]
impl<S: Store> OrderDesk for Desk<S> {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, SoldOut> {
        let left = self.store.left().load(Ordering::SeqCst);
        if quantity > left { Err(SoldOut { left }) } else { Ok(item.len() as u64) }
    }

    async fn restock(&self, #[context] cx: &Context, item: &str, quantity: u32) {
        self.store.left().fetch_add(quantity, Ordering::SeqCst);
        let sender = cx.fingerprint().map(|sender| sender.name);
        self.voice.say(format!("{quantity} {item} from {sender:?}"));
    }

    async fn audit(&self, #[reply] answer: Reply<'_, u64>, year: u32) {
        answer.send(u64::from(year) * 2).await.expect("it is answered");
        self.voice.say("audited");
    }

    async fn close(
        &self,
        #[context] cx: &Context,
        #[reply] answer: Reply<'_, u64, SoldOut>,
        year: u32,
    ) {
        let left = cx.attempt();
        let answered =
            if year == 0 { answer.error(SoldOut { left }).await } else { answer.send(1).await };
        answered.expect("it is answered");
    }
}

/// A fake is a plain `impl` of the contract.
struct Fake;

impl OrderDesk for Fake {
    async fn place(&self, _: &str, _: u32) -> Result<u64, SoldOut> {
        Ok(1)
    }

    async fn restock(&self, _: &str, _: u32) {}

    async fn audit(&self, _: u32) -> u64 {
        0
    }

    async fn close(&self, _: u32) -> Result<u64, SoldOut> {
        Ok(0)
    }
}

on_every_broker! {
    a_generic_service_serves_its_contract,
    a_service_is_shared_with_its_owner,
    one_connection_carries_several_services_and_clients,
}

fn desk(broker: &Broker, place: &Place) -> OrderDeskProducer {
    OrderDeskProducer::new(broker, Fingerprint::new("shop", "test"))
        .with(|producer| producer.eks(place.eks()))
}

async fn a_generic_service_serves_its_contract(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Desk { store: Shelf::default(), voice }).await;
    let orders = desk(&broker, &place);
    match within("an answer", orders.place("anvil", 1)).await {
        Err(CallError::Documented(sold_out)) => assert_eq!(sold_out.left, 0),
        other => panic!("{other:?}"),
    }
    within("a confirm", orders.restock("anvil", 40)).await.expect("it is taken");
    assert_eq!(ear.hears().await, "40 anvil from Some(\"shop\")");
    assert_eq!(within("an answer", orders.place("anvil", 40)).await.unwrap(), 5);
    assert_eq!(within("an answer", orders.audit(2000)).await.unwrap(), 4000);
    assert_eq!(ear.hears().await, "audited");
    match within("an answer", orders.close(0)).await {
        Err(CallError::Documented(sold_out)) => assert_eq!(sold_out.left, 1),
        other => panic!("{other:?}"),
    }
}

async fn a_service_is_shared_with_its_owner(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (voice, mut ear) = line();
    let desk_itself = Arc::new(Desk { store: Shelf::default(), voice });
    let _serving = place.serve(&broker, Arc::clone(&desk_itself)).await;
    within("a confirm", desk(&broker, &place).restock("rope", 7)).await.expect("it is taken");
    assert_eq!(ear.hears().await, "7 rope from Some(\"shop\")");
    assert_eq!(desk_itself.store.left().load(Ordering::SeqCst), 7);
}

async fn one_connection_carries_several_services_and_clients(world: World) {
    let broker = world.broker().await;
    let (left, right) = (world.place("left"), world.place("right"));
    let (voice, _ear) = line();
    let shelf = Shelf(AtomicU32::new(9));
    let _left = left.serve(&broker, Desk { store: shelf, voice }).await;
    let fake = Arc::new(Fake);
    assert_eq!(fake.place("anvil", 3).await, Ok(1));
    let (voice, _ear) = line();
    let _right = right.serve(&broker, Desk { store: Shelf::default(), voice }).await;
    let calls = [desk(&broker, &left), desk(&broker, &right)].map(|desk| desk.place("anvil", 3));
    let answers = within("answers", futures_util::future::join_all(calls)).await;
    assert!(answers[0].is_ok() && answers[1].is_err(), "{answers:?}");
}

#[tokio::test]
async fn a_service_is_called_as_the_value_that_it_is() {
    let (voice, mut ear) = line();
    let desk = Desk { store: Shelf::default(), voice };
    assert_eq!(desk.place("anvil", 1).await, Err(SoldOut { left: 0 }));
    desk.restock("anvil", 2).await;
    assert_eq!(ear.hears().await, "2 anvil from None");
    assert_eq!(desk.place("anvil", 1).await, Ok(5));
    assert_eq!(desk.audit(4).await, 8);
    assert_eq!(ear.hears().await, "audited");
    assert_eq!(desk.close(1).await, Ok(1));
    assert_eq!(desk.close(0).await, Err(SoldOut { left: 1 }));
    Fake.restock("anvil", 1).await;
    assert_eq!((Fake.audit(1).await, Fake.close(1).await), (0, Ok(0)));
}
