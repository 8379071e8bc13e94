//! Generic services, raw names, helpers beside the contract, contracts out of macros.

use super::*;

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
        #[rpc]
        async fn early(&self, by: usize) -> usize
        where
            Self: Sized;
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

        async fn early<'c, 'r>(
            &self,
            #[context] _: &'c Context,
            #[reply] answer: Reply<'r, usize>,
            by: usize,
        ) {
            let _ = answer.send(N + by).await;
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
    assert_eq!(shelf.early(1).await.unwrap(), 8);
    let name = shelf.producer().rpc::<String>("name", json!({ "and": "ash" })).await;
    assert_eq!(name.unwrap(), "oak 3 Some(\"ash\")");
}

mod bounded {
    use super::*;

    pub(crate) trait Store {
        type Item;

        const FIRST: u32;
    }

    #[producer(exchange = Odd, key = "bounded")]
    pub(crate) trait Counter: Store + Send + Sync
    where
        <Self as Store>::Item: Into<u64>,
        Box<Self>: Send,
    {
        #[rpc]
        async fn from(&self, #[default(Self::FIRST)] first: u32) -> u32;
        #[rpc]
        async fn seen(&self) -> usize;
        #[rpc]
        async fn closed(&self, year: u32) -> u32;
    }

    pub(crate) struct Hall;

    impl Store for Hall {
        type Item = u32;

        const FIRST: u32 = 7;
    }

    macro_rules! closed {
        () => {
            async fn closed(&self, year: u32) -> u32 {
                year + 1
            }
        };
    }

    #[message_processor(exchange = Odd, queue = "bounded", key = "bounded")]
    impl Counter for Hall {
        async fn from(&self, first: u32) -> u32 {
            first
        }

        async fn seen(&self, #[context] cx: &Context) -> usize {
            cx.headers().len()
        }

        closed!();
    }
}

#[tokio::test]
async fn a_contract_may_have_conditions_and_a_service_methods_out_of_a_macro() {
    let (broker, _serving) = serve(bounded::Hall).await;
    let client = bounded::CounterProducer::new(&broker, us());
    let from = |parameters| client.producer().rpc::<u32>("from", parameters);
    assert_eq!(from(json!({ "first": 1 })).await.unwrap(), 1);
    assert_eq!(from(json!({})).await.unwrap(), 7, "the default is the service's");
    assert!(client.seen().await.unwrap() > 0);
    assert_eq!(client.closed(2025).await.unwrap(), 2026);
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
