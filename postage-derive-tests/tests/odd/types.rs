//! Types of every shape, and of every size.

use std::sync::atomic::AtomicUsize;

use postage_core::__private::{BoxFuture, Method, Outcome, Request, ServiceSetup};

use super::*;

mod shapes {
    use super::*;

    pub const LENGTH: usize = 2;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Named<'n> {
        pub name: Cow<'n, str>,
    }

    #[producer(exchange = Odd, key = "types")]
    pub trait Types {
        #[allow(elided_lifetimes_in_paths)]
        #[rpc]
        async fn lent(
            &self,
            name: &Named,
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
    use shapes::{Keeper, Named, TypesProducer};
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

#[allow(clippy::large_futures, reason = "that is what is looked at")]
mod large {
    use super::*;

    pub const LARGE: usize = 16 * 1024;

    async fn work(number: u8) -> u8 {
        let held = [number; LARGE];
        tokio::task::yield_now().await;
        held.iter().fold(0, |all, one| all ^ one)
    }

    pub struct Inline;

    #[message_processor(exchange = Odd, queue = "inline", key = "types")]
    impl Inline {
        #[rpc_handler]
        async fn one(&self, number: u8) -> u8 {
            work(number).await
        }

        #[rpc_handler]
        async fn small(&self, number: u8) -> u8 {
            number
        }
    }

    pub struct Boxed;

    #[message_processor(exchange = Odd, queue = "boxed", key = "types")]
    impl Boxed {
        #[rpc_handler]
        async fn one(&self, number: u8) -> u8 {
            Box::pin(work(number)).await
        }
    }
}

/// The size of the future that handled the last message.
static HANDLED_IN: AtomicUsize = AtomicUsize::new(0);

/// A service whose futures are measured.
struct Measured<P>(P);

impl<P: MessageProcessor> MessageProcessor for Measured<P> {
    const NAME: &'static str = P::NAME;
    const TABLE: &'static [&'static [Method]] = P::TABLE;

    fn setup() -> ServiceSetup {
        P::setup()
    }

    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome> {
        let future = self.0.dispatch(index, request);
        HANDLED_IN.store(size_of_val(&*future), Ordering::SeqCst);
        future
    }
}

/// In how large a future the handler of this name runs.
async fn size_of_future(service: impl MessageProcessor, handler: &'static str) -> usize {
    let (broker, _serving) = serve(Measured(service)).await;
    let producer = Producer::new(&broker, us()).eks([(Odd::ROUTE, "types")]);
    producer.rpc::<u8>(handler, 1).await.unwrap();
    HANDLED_IN.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_handler_runs_in_a_future_that_holds_its_own_once_and_no_other() {
    use large::{Boxed, Inline};
    let inline = size_of_future(Inline, "one").await;
    assert!((large::LARGE..large::LARGE + 4096).contains(&inline), "{inline} bytes");
    let small = size_of_future(Inline, "small").await;
    assert!(small < 4096, "{small} bytes");
    let boxed = size_of_future(Boxed, "one").await;
    assert!(boxed < 4096, "{boxed} bytes");
}
