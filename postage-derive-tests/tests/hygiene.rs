//! Expanded code depends on nothing that the user may have changed: no prelude, other meanings of
//! its names, warnings that are errors, a runtime under another name.

#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#![deny(clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, clippy::must_use_candidate, clippy::unnecessary_wraps)]
#![allow(clippy::missing_errors_doc, reason = "what the user writes is not what is tested")]

use postage_core as renamed;

/// No prelude, and every name of it taken for something else.
#[no_implicit_prelude]
pub mod shadowed {
    use ::postage_core::{exchange, message_handler, message_processor, producer};

    /// Not that one.
    pub struct Result;
    /// Not that one.
    pub struct Option;
    /// Not that one.
    pub struct String;
    /// Not that one.
    pub struct Vec;
    /// Not that one.
    pub struct Box;
    /// Not that one.
    pub struct Future;
    /// Not that one.
    pub trait Send {}
    /// Not that one.
    pub trait Sync {}
    /// Not that one.
    pub struct Some;
    /// Not that one.
    pub struct None;
    /// Not that one.
    #[allow(non_snake_case)]
    pub fn Ok() {}
    /// Not that one.
    #[allow(non_snake_case)]
    pub fn Err() {}

    /// An exchange.
    #[exchange(name = "shadowed", alternate = Other, arguments("n" = 1))]
    pub struct Shadowed;

    /// Another.
    #[exchange(name = "other", kind = "x-other")]
    pub struct Other;

    /// A contract, with parameters named like the locals of generated code.
    #[producer(eks(Shadowed = "key", Other = "all"))]
    pub trait Contract {
        /// Answers.
        #[rpc]
        async fn ask(&self, request: &str, index: u32, #[default(3)] parameters: u32) -> u32;

        /// Answers an error.
        #[rpc]
        async fn fail(&self, fault: &[u32]) -> ::core::result::Result<u32, ::std::string::String>;

        #[allow(missing_docs)]
        #[message]
        async fn tell(&self, answer: ::core::option::Option<&str>, method: u32);

        /// No parameters.
        #[rpc]
        async fn nothing(&self);
    }

    /// A service.
    pub struct Service;

    #[message_processor(exchange = Shadowed, queue = "shadowed", key = "key", handlers(Sweep))]
    impl Contract for Service {
        async fn ask(&self, request: &str, index: u32, parameters: u32) -> u32 {
            let _ = request;
            index + parameters
        }

        async fn fail(&self, fault: &[u32]) -> ::core::result::Result<u32, ::std::string::String> {
            let _ = fault;
            ::core::result::Result::Ok(1)
        }

        async fn tell(
            &self,
            #[context] cx: &::postage_core::Context,
            answer: ::core::option::Option<&str>,
            method: u32,
        ) {
            let _ = (cx, answer, method);
        }

        async fn nothing(&self, #[reply] reply: ::postage_core::Reply<'_, ()>) {
            let _ = reply.send(()).await;
        }

        /// Beyond the contract.
        #[rpc_handler(filter = pass)]
        pub async fn more(&self, request: &str, filtered: u32) -> u32 {
            let _ = request;
            filtered
        }

        /// A message.
        #[message_handler("status", "online", full_body)]
        pub fn online(&self, message: &::postage_core::Message<'_>) {
            let _ = message;
        }
    }

    fn pass(
        _: &mut ::serde_json::Value,
        _: &::postage_core::Context,
    ) -> ::core::result::Result<(), ::postage_core::FilterError> {
        ::core::result::Result::Ok(())
    }

    /// A handler.
    #[message_handler]
    #[derive(::serde::Deserialize)]
    pub struct Sweep {
        depth: u32,
    }

    impl ::postage_core::Handle<Service> for Sweep {
        type Value = ();
        type Error = ::std::string::String;

        async fn handle(
            self,
            _: &Service,
            _: &::postage_core::Context,
        ) -> ::core::result::Result<(), ::std::string::String> {
            let _ = self.depth;
            ::core::result::Result::Ok(())
        }
    }
}

/// The runtime under another name, as a path and as a text.
pub mod under_another_name {
    use super::renamed::{exchange, message_processor, producer, rpc_handler};

    /// An exchange.
    #[exchange(name = "renamed", crate = super::renamed)]
    pub struct Renamed;

    /// A contract.
    #[deprecated]
    #[producer(exchange = Renamed, key = "key", crate = "super::renamed")]
    pub trait Contract {
        /// Answers.
        #[deprecated]
        #[rpc]
        async fn ask(&self, text: &str) -> String;
    }

    /// A service.
    pub struct Service;

    #[allow(deprecated)]
    #[message_processor(crate = super::renamed, handlers(Sweep))]
    impl Contract for Service {
        async fn ask(&self, text: &str) -> String {
            text.to_owned()
        }
    }

    /// A handler.
    #[rpc_handler(crate = super::renamed)]
    #[derive(serde::Deserialize)]
    pub struct Sweep;

    impl super::renamed::Handle<Service> for Sweep {
        type Value = ();
        type Error = String;

        async fn handle(self, _: &Service, _: &super::renamed::Context) -> Result<(), String> {
            Ok(())
        }
    }
}

/// Constants of the user's, named as those of generated code once were, or as they may be.
pub mod with_constants {
    use postage_core::{Context, exchange, message_processor, producer};

    const CONTRACT: u32 = 30;
    const INDEX_0: u32 = 40;
    const ROUTES: &str = "routes";

    /// An exchange.
    #[exchange(name = "constants")]
    pub struct Constants;

    /// A contract.
    #[producer(exchange = Constants, key = "constants")]
    pub trait Contract {
        /// Adds.
        #[cfg(test)]
        #[rpc]
        async fn sum(
            &self,
            #[default(CONTRACT)] left: u32,
            #[default(INDEX_0)] right: u32,
            #[default(ROUTES)] text: &str,
        ) -> String;
    }

    /// A service.
    pub struct Service;

    #[message_processor(exchange = Constants, queue = "constants", key = "constants")]
    impl Contract for Service {
        async fn sum(&self, #[context] _: &Context, left: u32, right: u32, text: &str) -> String {
            format!("{} {text}", left + right)
        }

        /// Takes away.
        #[cfg(test)]
        #[rpc_handler]
        pub async fn less(
            &self,
            #[default(INDEX_0)] left: u32,
            #[default(CONTRACT)] right: u32,
        ) -> u32 {
            left - right
        }
    }
}

/// What a contract allows, its client is allowed too.
pub mod with_levels {
    use postage_core::{Context, exchange, message_processor, producer};

    /// An exchange.
    #[exchange(name = "levels")]
    pub struct Levels;

    /// The trait's own documentation is there; that of its methods is not.
    #[expect(missing_docs)]
    #[producer(exchange = Levels, key = "levels")]
    pub trait Contract {
        #[rpc]
        async fn ask(&self) -> u32;

        #[expect(non_snake_case)]
        #[rpc]
        async fn askAgain(&self, number: u32) -> u32;
    }

    /// A service.
    pub struct Service;

    #[message_processor]
    impl Contract for Service {
        async fn ask(&self) -> u32 {
            1
        }

        #[expect(clippy::used_underscore_binding)]
        async fn askAgain(&self, #[context] _cx: &Context, number: u32) -> u32 {
            let _ = _cx;
            number
        }
    }
}

/// Nothing of it is used by anyone.
mod unused {
    #![allow(dead_code, reason = "the user's own items; the generated ones need no allowance")]
    use postage_core::{exchange, producer};

    #[exchange(name = "private")]
    struct Private;

    #[producer(exchange = Private, key = "")]
    trait Contract {
        #[rpc]
        async fn ask(&self, lines: Vec<u32>, text: String) -> u32;
    }
}

/// A contract may come out of the user's own macro.
macro_rules! contract {
    ($name:ident, $method:ident, $parameter:ident: $ty:ty) => {
        /// Made by a macro.
        #[postage_core::producer(exchange = crate::shadowed::Shadowed, key = "key")]
        pub trait $name {
            /// Asks.
            #[rpc]
            async fn $method(&self, $parameter: $ty) -> u32;
        }

        /// Its service.
        pub struct MacroService;

        #[postage_core::message_processor]
        impl $name for MacroService {
            async fn $method(&self, $parameter: $ty) -> u32 {
                $parameter
            }

            #[rpc_handler]
            async fn more(&self, more: u32) -> u32 {
                more
            }
        }
    };
}

/// Out of a macro.
pub mod by_macro {
    contract!(Made, ask, number: u32);
}

#[tokio::test]
async fn the_constants_of_a_default_are_the_users() {
    use postage_core::{Broker, Fingerprint};
    let broker = Broker::memory();
    let _serving = broker.serve(with_constants::Service).await.unwrap();
    let client = with_constants::ContractProducer::new(&broker, Fingerprint::default());
    let untyped = client.producer();
    assert_eq!(untyped.rpc::<String>("sum", ()).await.unwrap(), "70 routes");
    assert_eq!(untyped.rpc::<u32>("less", ()).await.unwrap(), 10);
}

#[tokio::test]
async fn the_shadowed_service_answers() {
    use postage_core::{Broker, Fingerprint};
    let broker = Broker::memory();
    let _serving = broker.serve(shadowed::Service).await.unwrap();
    let client = shadowed::ContractProducer::new(&broker, Fingerprint::default());
    assert_eq!(client.ask("a", 1, 2).await.unwrap(), 3);
    assert_eq!(client.fail(&[]).await.unwrap(), 1);
    client.nothing().await.unwrap();
}
