//! Contracts of other modules and of another crate.

use super::*;

mod outer {
    pub(in crate::modules::outer) mod inner {
        use postage_core::prelude::*;

        /// Seen in the neighbouring module alone.
        pub(in crate::modules::outer) const HIDDEN: u32 = 8;

        #[exchange(name = "inner")]
        pub(super) struct Here;

        #[producer(exchange = Here, key = "inner", name = Asker)]
        pub(in crate::modules::outer) trait Deep {
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

mod elsewhere {
    use super::*;
    use postage_derive_tests::shared::{Count, Counter, Shared};

    pub struct Here;

    #[message_processor(exchange = Shared, queue = "shared", key = "shared.*", handlers(Sweep))]
    impl Counter for Here {
        async fn add(
            &self,
            #[context] _: &Context,
            name: &str,
            number: u32,
        ) -> Result<Count, String> {
            if name.is_empty() { Err("no name".into()) } else { Ok(Count(self.start() + number)) }
        }

        fn start(&self) -> u32 {
            100
        }
    }

    #[rpc_handler]
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Sweep {
        shop_floor: u32,
        #[serde(rename = "depth-in-cm", default)]
        depth: u32,
        #[serde(skip)]
        swept: bool,
    }

    impl Handle<Here> for Sweep {
        type Value = (u32, bool);
        type Error = String;

        async fn handle(self, _: &Here, _: &Context) -> Result<(u32, bool), String> {
            Ok((self.shop_floor + self.depth, self.swept))
        }
    }
}

#[tokio::test]
async fn a_contract_of_another_crate_is_served_here() {
    use postage_derive_tests::shared::{Count, CounterProducer};
    let (broker, _serving) = serve(elsewhere::Here).await;
    let counter = CounterProducer::new(&broker, us());
    assert_eq!(counter.add("a", 1).await.unwrap(), Count(101));
    let usual = counter.producer().rpc::<Count>("add", json!({ "name": "a" })).await;
    assert_eq!(usual.unwrap(), Count(112));
}

#[tokio::test]
async fn a_struct_is_described_under_the_names_that_it_is_read_under() {
    let described = <elsewhere::Sweep as DeclareHandler>::METHOD.parameters().iter();
    let names: Vec<_> = described.map(|parameter| parameter.name()).collect();
    assert_eq!(names, ["shopFloor", "depth-in-cm"]);
    let (broker, _serving) = serve(elsewhere::Here).await;
    let counter = postage_derive_tests::shared::CounterProducer::new(&broker, us());
    let sweep = json!({ "shopFloor": 1, "depth-in-cm": 2, "swept": true });
    let swept = counter.producer().rpc::<(u32, bool)>("sweep", sweep).await;
    assert_eq!(swept.unwrap(), (3, false));
}
