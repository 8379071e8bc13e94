//! Uses that are legal and seldom: each compiles without a warning and does what it says.

#![deny(warnings)]
#![allow(missing_docs, unreachable_pub, reason = "modules stand for crates")]
#![allow(unused_qualifications, unused_braces, unused_parens, reason = "odd spellings are meant")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postage_core::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[exchange(name = "odd")]
pub struct Odd;

/// A client and the service behind it, for as long as both are held.
async fn serve<P: MessageProcessor>(service: P) -> (Broker, Serving) {
    let broker = Broker::memory();
    let serving = broker.serve(service).await.unwrap();
    (broker, serving)
}

fn us() -> Fingerprint {
    Fingerprint::new("odd", "test")
}

mod generics {
    use super::*;

    #[producer(exchange = Odd, key = "shelf")]
    pub(crate) trait Shelf: Send + Sync
    where
        Self: 'static,
    {
        #[rpc]
        async fn width<'a>(&'a self, unit: &'a str) -> String;
        #[rpc]
        async fn room(&self) -> usize;
    }

    pub(crate) struct Wood<T: ?Sized, U, const N: usize>
    where
        U: Default,
    {
        pub(crate) unit: U,
        pub(crate) name: Box<T>,
    }

    #[message_processor(exchange = Odd, queue = "shelf", key = "shelf")]
    impl<T, U, const N: usize> Shelf for Wood<T, U, N>
    where
        T: ?Sized + AsRef<str> + Send + Sync + 'static,
        U: Default + fmt::Display + Send + Sync + 'static,
        for<'a> &'a U: PartialEq,
    {
        async fn width<'a>(&'a self, unit: &'a str) -> String
        where
            U: Default,
        {
            format!("{N}{unit}")
        }

        async fn room(&self, #[context] _: &Context) -> usize {
            N * 2
        }

        #[rpc_handler]
        pub(super) async fn name<'s>(&'s self, and: Option<&'s str>) -> String
        where
            T: Sync,
        {
            format!("{} {} {and:?}", (*self.name).as_ref(), self.unit)
        }
    }
}

#[tokio::test]
async fn a_service_is_generic_in_types_and_in_numbers() {
    use generics::{ShelfProducer, Wood};
    let wood: Wood<str, u8, 7> = Wood { unit: 3, name: "oak".into() };
    let (broker, _serving) = serve(wood).await;
    let shelf = ShelfProducer::new(&broker, us());
    assert_eq!(shelf.width("cm").await.unwrap(), "7cm");
    assert_eq!(shelf.room().await.unwrap(), 14);
    let name = shelf.producer().rpc::<String>("name", json!({ "and": "ash" })).await;
    assert_eq!(name.unwrap(), "oak 3 Some(\"ash\")");
}

mod raw {
    use super::*;

    #[producer(exchange = Odd, key = "raw")]
    #[allow(non_camel_case_types)]
    pub trait r#match {
        #[rpc]
        async fn r#move(&self, r#type: &str, r#fn: Option<u32>) -> String;
        #[rpc]
        async fn r#loop(&self, r#in: u32, _spare: u32) -> u32;
    }

    #[allow(non_camel_case_types)]
    pub struct r#struct;

    #[message_processor(exchange = Odd, queue = "raw", key = "raw")]
    impl r#match for r#struct {
        async fn r#move(&self, r#type: &str, r#fn: Option<u32>) -> String {
            format!("{type} {fn:?}")
        }

        async fn r#loop(&self, #[context] _: &Context, mut r#in: u32, _spare: u32) -> u32 {
            r#in += 1;
            r#in
        }

        #[rpc_handler]
        fn r#yield(&self, #[default(r#static())] r#dyn: u32) -> u32 {
            r#dyn
        }
    }

    fn r#static() -> u32 {
        5
    }
}

#[tokio::test]
async fn raw_names_travel_without_their_mark() {
    let (broker, _serving) = serve(raw::r#struct).await;
    let client = raw::matchProducer::new(&broker, us());
    assert_eq!(client.r#move("t", Some(1)).await.unwrap(), "t Some(1)");
    assert_eq!(client.r#loop(1, 2).await.unwrap(), 2);
    assert_eq!(client.producer().rpc::<u32>("yield", ()).await.unwrap(), 5);
    assert_eq!(raw::r#match.name(), "match");
}

mod helpers {
    use super::*;

    #[producer(exchange = Odd, key = "helpers")]
    pub trait Helped: Sync {
        #[rpc]
        async fn limited(&self, amount: u32) -> u32;

        /// The trait's own affair.
        fn limit(&self) -> u32 {
            3
        }

        fn named() -> String
        where
            Self: Sized,
        {
            "one".to_owned()
        }

        fn twice(&self, amount: u32) -> impl Future<Output = u32> + Send {
            async move { self.limited(amount).await * 2 }
        }
    }

    pub struct Plain;

    #[message_processor(exchange = Odd, queue = "helpers", key = "helpers")]
    impl Helped for Plain {
        async fn limited(&self, amount: u32) -> u32 {
            amount.min(self.limit())
        }

        fn limit(&self) -> u32 {
            5
        }

        fn named() -> String {
            "two".to_owned()
        }

        async fn twice(&self, amount: u32) -> u32 {
            self.limited(amount).await * 20
        }
    }
}

#[tokio::test]
async fn a_service_overrides_a_helper_of_its_contract() {
    use helpers::{Helped as _, HelpedProducer, Plain};
    assert_eq!(Plain::named(), "two");
    assert_eq!(Plain.twice(1).await, 20);
    let (broker, _serving) = serve(Plain).await;
    assert_eq!(HelpedProducer::new(&broker, us()).limited(9).await.unwrap(), 5);
}

mod attributes {
    use super::*;

    #[producer(exchange = Odd, key = "attributes")]
    pub trait Watched {
        #[rpc]
        async fn watched(&self, number: u32) -> u32;

        #[doc(hidden)]
        #[rpc]
        async fn early(&self, number: u32) -> u32;

        #[deprecated(note = "ask `watched`")]
        #[must_use]
        #[rpc]
        async fn old(&self, number: u32) -> u32;

        #[cfg(any())]
        #[rpc]
        async fn never(&self, #[allow(unused)] absent: Absent) -> Absent;

        #[cfg(all())]
        #[rpc]
        async fn always(&self) -> u32;
    }

    #[derive(Default)]
    pub struct Watcher {
        pub last: AtomicU32,
    }

    #[message_processor(exchange = Odd, queue = "attributes", key = "attributes")]
    impl Watched for Watcher {
        #[tracing::instrument(skip(self, cx), fields(sender = ?cx.fingerprint()))]
        async fn watched(&self, #[context] cx: &Context, number: u32) -> u32 {
            self.last.store(number, Ordering::SeqCst);
            number
        }

        #[tracing::instrument(skip_all)]
        async fn early(&self, #[reply] answer: Reply<'_, u32>, #[expect(unused)] number: u32) {
            let _ = answer.send(self.last.load(Ordering::SeqCst)).await;
        }

        async fn old(&self, number: u32) -> u32 {
            number
        }

        #[cfg(any())]
        async fn never(&self, #[context] _: &Context, absent: Absent) -> Absent {
            absent
        }

        #[cfg(all())]
        async fn always(&self, #[context] _: &Context) -> u32 {
            1
        }

        #[cfg(any())]
        #[rpc_handler]
        async fn beyond(&self, absent: Absent) -> Absent {
            absent
        }

        #[deprecated]
        #[rpc_handler]
        #[inline]
        #[cfg_attr(all(), tracing::instrument(skip(self)))]
        async fn older(&self, number: u32) -> u32 {
            number
        }
    }
}

/// Counts the spans that are made.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<&'static str>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        if attributes.metadata().target() == "odd::attributes" {
            self.0.lock().unwrap().push(attributes.metadata().name());
        }
    }
}

#[tokio::test]
async fn an_attribute_macro_runs_once_on_the_method_with_the_body() {
    use attributes::{Watched as _, WatchedProducer, Watcher};
    use tracing_subscriber::layer::SubscriberExt as _;
    let spans = Spans::default();
    let seen = || std::mem::take(&mut *spans.0.lock().unwrap()).len();
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));

    let watcher = Watcher::default();
    assert_eq!(watcher.watched(4).await, 4);
    assert_eq!(seen(), 1);
    assert_eq!(watcher.early(5).await, 4);
    assert_eq!(seen(), 1);

    let (broker, _serving) = serve(watcher).await;
    let client = WatchedProducer::new(&broker, us());
    assert_eq!(client.watched(6).await.unwrap(), 6);
    assert_eq!(seen(), 1);
    assert_eq!(client.early(7).await.unwrap(), 6);
    assert_eq!(client.always().await.unwrap(), 1);
    #[expect(deprecated, reason = "it is")]
    let old = client.old(1);
    assert_eq!(old.await.unwrap(), 1);
    let older = client.producer().rpc::<u32>("older", json!({ "number": 8 })).await;
    assert_eq!(older.unwrap(), 8);
}

mod outer {
    pub(in crate::outer) mod inner {
        use postage_core::prelude::*;

        /// Seen in the neighbouring module alone.
        pub(in crate::outer) const HIDDEN: u32 = 8;

        #[exchange(name = "inner")]
        pub(super) struct Here;

        #[producer(exchange = Here, key = "inner", name = Asker)]
        pub(in crate::outer) trait Deep {
            #[rpc]
            async fn deep(&self, #[default(HIDDEN)] number: u32) -> u32;
            #[message]
            async fn told(&self, numbers: &[u32]);
        }

        #[producer(exchange = super::inner::Here, key = "empty")]
        pub(super) trait Empty {}
    }

    use inner::Deep as Renamed;
    use postage_core::prelude::*;

    struct Answers;

    #[message_processor(exchange = inner::Here, queue = "inner", key = "inner")]
    impl Renamed for Answers {
        async fn deep(&self, #[context] cx: &Context, number: u32) -> u32 {
            let _ = cx;
            number
        }

        async fn told(&self, _: &[u32]) {}
    }

    struct Nothing;

    #[message_processor(exchange = inner::Here, queue = "empty", key = "empty")]
    impl self::inner::Empty for Nothing {}

    #[tokio::test]
    async fn a_contract_is_private_to_its_module_and_goes_by_other_names() {
        let (broker, _serving) = super::serve(Answers).await;
        let asker = inner::Asker::new(&broker, super::us());
        assert_eq!(asker.producer().rpc::<u32>("deep", ()).await.unwrap(), 8);
        asker.told(&[1]).await.unwrap();
        let (broker, _serving) = super::serve(Nothing).await;
        let asker = inner::EmptyProducer::new(&broker, super::us());
        assert!(asker.producer().rpc::<u32>("deep", ()).await.is_err());
    }
}

mod types {
    use super::*;

    pub const LENGTH: usize = 2;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Named<'n> {
        pub name: Cow<'n, str>,
    }

    #[producer(exchange = Odd, key = "types")]
    pub trait Types {
        #[rpc]
        async fn lent(
            &self,
            #[allow(elided_lifetimes_in_paths)] name: &Named,
            boxed: &Box<str>,
            array: &[u8; LENGTH],
            map: &BTreeMap<String, (u8, bool)>,
            unit: (),
            text: Cow<'_, str>,
        ) -> ([u8; LENGTH], String);
        #[rpc]
        async fn kept(
            &self,
            name: Named<'static>,
            maybe: Option<Option<u32>>,
            array: [u8; { LENGTH + 1 }],
            pause: Duration,
        ) -> std::result::Result<Option<Named<'static>>, Box<str>>;
        #[rpc]
        async fn nested(&self) -> Option<Result<u32, String>>;
        #[rpc]
        async fn unit(&self) -> ();
        #[rpc]
        async fn fails(&self) -> Result<(), (String)>;
    }

    pub struct Keeper;

    #[message_processor(exchange = Odd, queue = "types", key = "types")]
    impl Types for Keeper {
        async fn lent(
            &self,
            name: &Named<'_>,
            boxed: &Box<str>,
            &array: &[u8; LENGTH],
            map: &BTreeMap<String, (u8, bool)>,
            (): (),
            text: Cow<'_, str>,
        ) -> ([u8; LENGTH], String) {
            (array, format!("{} {boxed} {map:?} {text}", name.name))
        }

        async fn kept(
            &self,
            name: Named<'static>,
            maybe: Option<Option<u32>>,
            array: [u8; { LENGTH + 1 }],
            pause: Duration,
        ) -> std::result::Result<Option<Named<'static>>, Box<str>> {
            if pause.is_zero() {
                return Err(format!("{maybe:?} {array:?}").into());
            }
            Ok(Some(name))
        }

        async fn nested(&self) -> Option<Result<u32, String>> {
            Some(Err("e".to_owned()))
        }

        async fn unit(&self) -> () {}

        async fn fails(&self, #[context] _: &Context) -> Result<(), String> {
            Err("always".to_owned())
        }
    }
}

#[tokio::test]
async fn types_of_every_shape_travel() {
    use types::{Keeper, Named, TypesProducer};
    let (broker, _serving) = serve(Keeper).await;
    let types = TypesProducer::new(&broker, us());
    let name = Named { name: "n".into() };
    let map = BTreeMap::from([("k".to_owned(), (1, true))]);
    let lent = types.lent(&name, &"b".into(), &[1, 2], &map, (), "t".into()).await.unwrap();
    assert_eq!(lent, ([1, 2], "n b {\"k\": (1, true)} t".to_owned()));
    let kept = types.kept(name.clone(), Some(Some(1)), [1, 2, 3], Duration::from_secs(1)).await;
    assert_eq!(kept.unwrap(), Some(name.clone()));
    match types.kept(name, None, [1, 2, 3], Duration::ZERO).await {
        Err(CallError::Documented(why)) => assert_eq!(&*why, "None [1, 2, 3]"),
        other => panic!("{other:?}"),
    }
    assert_eq!(types.nested().await.unwrap(), Some(Err("e".to_owned())));
    types.unit().await.unwrap();
    assert!(matches!(types.fails().await, Err(CallError::Documented(_))));
}

mod by_macro {
    use super::*;

    macro_rules! made {
        ($vis:vis $name:ident, $service:ident, $ty:ty, $lent:ty => $answer:ty, $value:expr) => {
            #[producer(exchange = Odd, key = "made")]
            $vis trait $name {
                #[rpc]
                async fn ask(&self, number: $ty, maybe: Option<$ty>, lent: $lent) -> $answer;
                #[rpc]
                async fn more(&self, text: $lent, #[default($value)] number: $ty) -> $answer;
            }

            $vis struct $service;

            #[message_processor(exchange = Odd, queue = "made", key = "made")]
            impl $name for $service {
                async fn ask(&self, number: $ty, maybe: Option<$ty>, lent: $lent) -> $answer {
                    let _ = (maybe, lent.len());
                    Ok(number + $value)
                }

                async fn more(&self, text: $lent, #[context] cx: &Context, number: $ty) -> $answer {
                    let _ = cx.fingerprint();
                    let request = number;
                    if request == 0 { Err(text.to_owned()) } else { Ok(request + $value) }
                }

                #[rpc_handler]
                async fn beyond(&self, number: $ty, text: $lent) -> $answer {
                    let _ = text.len();
                    Ok(number)
                }
            }
        };
    }

    const CONTEXT: u32 = 1;
    made!(pub(super) Made, MadeHere, u32, &str => Result<u32, String>, CONTEXT + 1);
}

#[tokio::test]
async fn a_contract_comes_out_of_a_macro_with_types_put_in() {
    use by_macro::{MadeHere, MadeProducer};
    let (broker, _serving) = serve(MadeHere).await;
    let made = MadeProducer::new(&broker, us());
    assert_eq!(made.more("a", 1).await.unwrap(), 3);
    assert!(matches!(made.more("a", 0).await, Err(CallError::Documented(why)) if why == "a"));
    let beyond = json!({ "number": 4, "text": "\t" });
    let beyond = made.producer().rpc::<serde_json::Value>("beyond", beyond).await;
    assert_eq!(beyond.unwrap(), 4);
}
