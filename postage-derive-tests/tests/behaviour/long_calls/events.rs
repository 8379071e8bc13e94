//! Calls with events and with progress, in their several forms.

use futures_util::future::poll_immediate;
use postage_core::Peer;
use postage_core::prelude::*;

use super::{has_all_events, served, shown, told};
use crate::world::{World, within};

on_every_broker! {
    a_call_with_progress_is_still_a_future_of_its_value,
    a_call_whose_replies_have_an_address_of_their_own_has_events_too,
    a_call_through_layers_has_events_too,
    a_call_under_way_has_no_events,
    data_that_do_not_serialize_show_when_the_call_is_awaited,
}

async fn a_call_with_progress_is_still_a_future_of_its_value(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let (heard, mut hears) = tokio::sync::mpsc::channel(8);
    let call = place.producer(&broker).rpc::<u32>("haul", 7);
    let call = call.on_progress(move |progress| heard.try_send(shown(&progress)).unwrap());
    let call = tokio::spawn(call);
    assert_eq!(ear.hears().await, "hauls 7");
    assert_eq!(within("progress", hears.recv()).await.unwrap(), r#"1 of 2: "loaded""#);
    yard.gate.open(1);
    assert_eq!(within("the value", call).await.unwrap().unwrap(), 7);
    assert_eq!(within("progress", hears.recv()).await.unwrap(), r#"2 of 2: "unloaded""#);
    assert!(within("nothing", hears.recv()).await.is_none());
}

async fn a_call_whose_replies_have_an_address_of_their_own_has_events_too(world: World) {
    let (broker, place, yard, _serving, _ear) = served(&world).await;
    yard.gate.open(1);
    let call = place.producer(&broker).rpc::<u32>("haul", 7).peer(Peer::Python);
    has_all_events(told(call.events()).await);
}

async fn a_call_through_layers_has_events_too(world: World) {
    let (broker, place, yard, _serving, _ear) = served(&world).await;
    yard.gate.open(1);
    let layer = tower::limit::ConcurrencyLimitLayer::new(1);
    let call = place.producer(&broker).layer(layer).rpc::<u32>("haul", 7);
    has_all_events(told(call.events()).await);
}

async fn a_call_under_way_has_no_events(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut call = place.producer(&broker).rpc::<u32>("haul", 7);
    assert!(poll_immediate(&mut call).await.is_none());
    let told = told(call.events()).await;
    assert_eq!(told, [CallFault::UnderWay.to_string()]);
}

async fn data_that_do_not_serialize_show_when_the_call_is_awaited(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    let call = place.producer(&broker).rpc::<u32>("haul", 7).data(no_json);
    let failed = within("the call", call).await.unwrap_err();
    assert!(matches!(failed, CallFault::Encode(_)), "{failed:?}");
    assert!(failed.to_string().contains("the data of a call"), "{failed}");
}
