//! What a comparison of two contracts says, and what their callers and services then do: the same.

use std::fmt::Debug;

use postage_core::prelude::*;
use postage_core::transport::MemoryTransport;
use postage_core::{Breaks, CallFault, CallOutcome, Contract, SendError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::world::{Ear, Voice, line, within};

#[exchange(name = "changes", durable = false)]
struct Changes;

#[exchange(name = "changes-elsewhere", durable = false)]
struct Elsewhere;

/// The same name as `Changes`, and another kind.
#[exchange(name = "changes", kind = "topic", durable = false)]
struct Otherwise;

/// A contract of one method, its service and its caller.
trait Side {
    const CONTRACT: Contract;

    async fn serve(broker: &Broker, voice: Voice) -> Serving;

    /// Whether its call or message was understood.
    async fn asks(broker: &Broker) -> bool;
}

/// How a call or a message has ended.
trait Ended {
    fn is_understood(&self) -> bool;
}

impl<T: Debug, X: CallOutcome + Debug> Ended for Result<T, X> {
    fn is_understood(&self) -> bool {
        // An error that the service documents is an answer, however much of it is known here.
        match self.as_ref().map_err(CallOutcome::fault) {
            Ok(_) | Err(None | Some(CallFault::Error { .. })) => true,
            Err(Some(_)) => false,
        }
    }
}

/// That a message was taken says nothing of what becomes of it.
struct Told(Result<(), SendError>);

impl Ended for Told {
    fn is_understood(&self) -> bool {
        self.0.is_ok()
    }
}

fn ended<T: Debug, X: CallOutcome + Debug>(answer: Result<T, X>) -> Result<T, X> {
    answer
}

/// Whether a caller of one contract is understood, and handled, by a service of the other.
async fn is_understood<Caller: Side, Service: Side>() -> bool {
    // Two programs: what one has declared, the other declares too.
    let memory = MemoryTransport::new();
    let broker = Broker::over(memory.connect());
    let (voice, mut ear) = line();
    let _serving = Service::serve(&broker, voice).await;
    let understood = Caller::asks(&Broker::over(memory.connect())).await;
    understood && was_handled(&broker, &mut ear).await
}

/// One message at a time is handled, so a call that is answered comes after what came before.
async fn was_handled(broker: &Broker, ear: &mut Ear) -> bool {
    let fence = Producer::new(broker, Fingerprint::default()).eks([(Exchange::DEFAULT, "changes")]);
    within("the fence", fence.rpc::<()>("fence", ())).await.expect("it is answered");
    ear.rest() == ["handled"]
}

async fn agrees<Old: Side, New: Side>(breaks: Breaks) {
    let changes = Old::CONTRACT.changes_to(&New::CONTRACT);
    let old_callers = changes.iter().any(|change| change.breaks().old_callers());
    let new_callers = changes.iter().any(|change| change.breaks().new_callers());
    let said = (old_callers, new_callers);
    let done = (!is_understood::<Old, New>().await, !is_understood::<New, Old>().await);
    assert_eq!(said, done, "said, and done; {changes:#?}");
    assert_eq!(said, (breaks.old_callers(), breaks.new_callers()), "{changes:#?}");
    assert!(!changes.is_empty());
    for contract in [Old::CONTRACT, New::CONTRACT] {
        assert_eq!(contract.changes_to(&contract), []);
    }
    assert!(is_understood::<Old, Old>().await && is_understood::<New, New>().await);
}

/// A case: whom the change from one side to the other breaks. A side is the attributes of its
/// contract and its method, what the method answers, and what its caller gives.
macro_rules! change {
    ($case:ident breaks $breaks:ident; $($side:ident { $($rest:tt)* })*) => {
        mod $case {
            $(pub(super) mod $side {
                side!($($rest)*);
            })*

            #[tokio::test]
            async fn as_said() {
                super::agrees::<old::Here, new::Here>(super::Breaks::$breaks).await;
            }
        }
    };
}

macro_rules! side {
    (
        $(type $definition:item)*
        ($exchange:ident, $key:literal $(, $more:ident = $value:literal)*)
        #[$mark:ident $($marks:tt)*]
        $method:ident($($parameters:tt)*) -> [$($returns:tt)*] $body:expr;
        ($($arguments:expr),*) $ended:ident
    ) => {
        side! {
            $(type $definition)*
            ($exchange, $key $(, $more = $value)*)
            #[$mark $($marks)*]
            promised($($parameters)*)
            $method($($parameters)*) -> [$($returns)*] $body;
            ($($arguments),*) $ended
        }
    };
    // Where the contract says more of its parameters than the service.
    (
        $(type $definition:item)*
        ($exchange:ident, $key:literal $(, $more:ident = $value:literal)*)
        #[$mark:ident $($marks:tt)*]
        promised($($promised:tt)*)
        $method:ident($($parameters:tt)*) -> [$($returns:tt)*] $body:expr;
        ($($arguments:expr),*) $ended:ident
    ) => {
        #[allow(unused_imports, reason = "the sides have one form")]
        use super::super::*;

        $($definition)*

        #[producer(exchange = $exchange, key = $key $(, $more = $value)*)]
        #[allow(clippy::unused_unit, reason = "the sides have one form")]
        pub(crate) trait Desk {
            #[$mark $($marks)*]
            async fn $method(&self, $($promised)*) -> $($returns)*;
        }

        struct Server(Voice);

        #[message_processor(
            exchange = $exchange,
            queue(name = "changes", durable = false),
            key = $key,
            prefetch = 1
        )]
        #[allow(unused_variables, clippy::unused_unit, reason = "the sides have one form")]
        impl Desk for Server {
            async fn $method(&self, $($parameters)*) -> $($returns)* {
                self.0.say("handled");
                $body
            }

            #[rpc_handler]
            async fn fence(&self) {}
        }

        pub(in super::super) struct Here;

        impl Side for Here {
            const CONTRACT: Contract = Desk;

            async fn serve(broker: &Broker, voice: Voice) -> Serving {
                let serve = broker.serve(Server(voice));
                within("the service", serve.into_future()).await.expect("it is served")
            }

            async fn asks(broker: &Broker) -> bool {
                let client = DeskProducer::new(broker, Fingerprint::default());
                let asked = client.$method($($arguments),*);
                $ended(within("an answer", asked).await).is_understood()
            }
        }
    };
}

change! { a_required_parameter_more breaks OldCallers;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { an_optional_parameter_more breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", Some(2)) ended }
}

change! { a_parameter_with_a_default_more breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] promised(item: &str, #[default(2)] n: u32) place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { a_required_parameter_less breaks NewCallers;
    old { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { an_optional_parameter_less breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", None) ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { a_parameter_under_another_name breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
    new { (Changes, "desk") #[rpc] place(item: &str, count: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { a_parameter_of_another_type breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: u64) -> [u64] 1; ("anvil", 2) ended }
}

change! { a_parameter_that_becomes_optional breaks NewCallers;
    old { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", None) ended }
}

change! { a_parameter_that_becomes_required breaks OldCallers;
    old { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", None) ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { a_parameter_that_gets_a_default breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
    new { (Changes, "desk") #[rpc] promised(item: &str, #[default] n: u32) place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { an_option_that_becomes_a_default breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", None) ended }
    new { (Changes, "desk") #[rpc] promised(item: &str, #[default(4)] n: u32) place(item: &str, n: u32) -> [u64] 1; ("anvil", 2) ended }
}

change! { a_parameter_that_travels_bare breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc(bare)] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { a_parameter_beside_one_that_travels_bare breaks OldCallers;
    old { (Changes, "desk") #[rpc(bare)] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str, n: Option<u32>) -> [u64] 1; ("anvil", Some(2)) ended }
}

change! { another_value breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [String] String::new(); ("anvil") ended }
}

change! { a_value_that_becomes_optional breaks OldCallers;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [Option<u64>] None; ("anvil") ended }
}

change! { a_value_that_is_always_there_now breaks NewCallers;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [Option<u64>] None; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_documented_error breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [Result<u64, String>] Err("sold out".into()); ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [Result<u64, u32>] Err(7); ("anvil") ended }
}

change! { a_documented_error_where_there_was_none breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] place(item: &str) -> [Result<u64, String>] Err("sold out".into()); ("anvil") ended }
}

change! { another_method breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc] order(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_name_in_rust_only breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc(name = "place")] order(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_name_on_the_wire breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc(name = "order")] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_type_on_the_wire breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk") #[rpc(type = "query")] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { a_call_that_becomes_a_message breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [()] (); ("anvil") ended }
    new { (Changes, "desk") #[message] place(item: &str) -> [()] (); ("anvil") Told }
}

change! { a_parameter_of_a_message_of_another_type breaks Everybody;
    old { (Changes, "desk") #[message] note(n: u32) -> [()] (); (1) Told }
    new { (Changes, "desk") #[message] note(n: u64) -> [()] (); (1) Told }
}

change! { an_optional_parameter_of_a_message_more breaks Nobody;
    old { (Changes, "desk") #[message] note(n: u32) -> [()] (); (1) Told }
    new { (Changes, "desk") #[message] note(n: u32, text: Option<&str>) -> [()] (); (1, None) Told }
}

change! { another_key breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "office") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_exchange breaks Everybody;
    old { (Changes, "desk") #[message] note(n: u32) -> [()] (); (1) Told }
    new { (Elsewhere, "desk") #[message] note(n: u32) -> [()] (); (1) Told }
}

change! { an_exchange_that_is_declared_otherwise breaks Everybody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Otherwise, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { another_version breaks Everybody;
    old { (Changes, "desk", version = "1") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk", version = "2") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { a_version_where_there_was_none breaks Nobody;
    old { (Changes, "desk") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
    new { (Changes, "desk", version = "2") #[rpc] place(item: &str) -> [u64] 1; ("anvil") ended }
}

change! { a_type_of_ones_own_of_another_form breaks Everybody;
    old {
        type #[derive(Serialize, Deserialize, JsonSchema)] pub(crate) struct Line { n: u32 }
        (Changes, "desk") #[rpc] place(lines: &[Line]) -> [u64] 1; (&[Line { n: 1 }]) ended
    }
    new {
        type #[derive(Serialize, Deserialize, JsonSchema)] pub(crate) struct Line { n: String }
        (Changes, "desk") #[rpc] place(lines: &[Line]) -> [u64] 1; (&[Line { n: String::new() }]) ended
    }
}

change! { a_type_without_a_schema_under_another_name breaks Everybody;
    old {
        type #[derive(Serialize, Deserialize)] pub(crate) struct Line { n: u32 }
        (Changes, "desk") #[rpc] place(line: &Line) -> [u64] 1; (&Line { n: 1 }) ended
    }
    new {
        type #[derive(Serialize, Deserialize)] pub(crate) struct Row { n: u32 }
        (Changes, "desk") #[rpc] place(line: &Row) -> [u64] 1; (&Row { n: 1 }) ended
    }
}

change! { a_type_with_a_schema_under_another_name_with_other_words_and_an_option_more breaks Nobody;
    old {
        type #[derive(Serialize, Deserialize, JsonSchema)] pub(crate) struct Line { n: u32, of: Kind }
        type #[derive(Serialize, Deserialize, JsonSchema)] pub(crate) enum Kind { Crate, Loose }
        (Changes, "desk") #[rpc] place(line: &Line) -> [u64] 1; (&Line { n: 1, of: Kind::Loose }) ended
    }
    new {
        type
        /// As on paper.
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(crate) struct Row {
            of: Packing,
            note: Option<String>,
            /// How many.
            n: u32,
        }
        type
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(crate) enum Packing {
            Loose,
            /// Of wood.
            Crate,
        }
        (Changes, "desk") #[rpc] place(line: &Row) -> [u64] 1;
        (&Row { n: 1, of: Packing::Crate, note: Some(String::new()) }) ended
    }
}

/// What a release before had, and one more method.
mod more {
    use super::{Changes, Side};
    use crate::world::{Voice, within};
    use postage_core::prelude::*;

    #[producer(exchange = Changes, key = "desk")]
    pub(super) trait Desk {
        #[rpc]
        async fn place(&self, item: &str) -> u64;
        #[rpc]
        async fn cancel(&self, number: u64) -> bool;
    }

    struct Server(Voice);

    #[message_processor(exchange = Changes, queue(name = "changes", durable = false), key = "desk")]
    impl Desk for Server {
        async fn place(&self, _: &str) -> u64 {
            self.0.say("handled");
            1
        }

        async fn cancel(&self, _: u64) -> bool {
            self.0.say("handled");
            true
        }

        #[rpc_handler]
        async fn fence(&self) {}
    }

    pub(super) struct Here;

    impl Side for Here {
        const CONTRACT: postage_core::Contract = Desk;

        async fn serve(broker: &Broker, voice: Voice) -> Serving {
            let serve = broker.serve(Server(voice));
            within("the service", serve.into_future()).await.expect("it is served")
        }

        async fn asks(broker: &Broker) -> bool {
            let client = DeskProducer::new(broker, Fingerprint::default());
            within("an answer", client.cancel(1)).await.is_ok()
        }
    }
}

#[tokio::test]
async fn a_method_more_breaks_new_callers_of_it_and_one_less_the_old() {
    type Less = an_optional_parameter_more::old::Here;
    agrees::<Less, more::Here>(Breaks::NewCallers).await;
    agrees::<more::Here, Less>(Breaks::OldCallers).await;
}
