//! Expansions as people would read them, compared with the files in
//! `postage-derive-tests/snapshots/`.
//!
//! `POSTAGE_BLESS=1 cargo test -p postage-macros` writes the files anew: read the difference
//! before you commit it.

use std::path::PathBuf;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::quote;

use crate::macros;
use crate::model::method::Category;

fn compare(name: &str, expansion: TokenStream) {
    let file = syn::parse2(expansion).expect("an expansion is a list of items");
    let rendered = prettyplease::unparse(&file);
    let room = [env!("CARGO_MANIFEST_DIR"), "..", "postage-derive-tests", "snapshots", name];
    let path: PathBuf = room.iter().collect();
    let path = path.with_extension("rs");
    if env::var_os("POSTAGE_BLESS").is_some() {
        fs::write(&path, rendered).expect("the snapshot can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(rendered, expected, "differs from {}", path.display());
}

#[test]
fn an_exchange() {
    let item = quote! {
        /// Where orders travel.
        pub struct Orders;
    };
    let arguments = quote!(
        name = "orders",
        kind = "x-delayed-message",
        durable = false,
        alternate = Unrouted,
        arguments("x-delayed-type" = "topic", "n" = 3, "b" = true)
    );
    compare("exchange", macros::exchange(arguments, item));
}

#[test]
fn a_contract() {
    let item = quote! {
        /// What one may ask of the order desk.
        pub trait OrderDesk {
            /// Places an order and answers its number.
            #[rpc(timeout = "2s", max_retry = 4)]
            async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused>;

            /// Says that stock has moved.
            ///
            /// Nobody answers.
            #[message]
            async fn restock(&self, item: &str, #[default(1)] quantity: u32);
        }
    };
    compare("contract", macros::producer(quote!(exchange = Orders, key = "orders.desk"), item));
}

#[test]
fn a_contract_with_conditions_and_settings() {
    let item = quote! {
        #[deprecated]
        #[expect(clippy::ptr_arg)]
        trait Stock {
            #[cfg(feature = "audit")]
            #[rpc(name = "audit-all", type = "query")]
            async fn audit(&self) -> Report;
            #[message(key = "stock.all", persistent, priority = 3, ttl = "1m")]
            async fn moved<'a>(&self, lines: &'a [Line], note: Option<&'a str>);
            #[rpc]
            async fn count(&self);
        }
    };
    let arguments = quote!(
        eks(Orders = "orders.desk", Audit = "all"),
        timeout = "5s",
        deadline = "20s",
        peer = "python",
        version = "2",
        name = StockClient,
        crate = "postage"
    );
    compare("contract_settings", macros::producer(arguments, item));
}

#[test]
fn a_service_of_its_own() {
    let item = quote! {
        impl<S: Store> Desk<S>
        where
            S: Clone,
        {
            /// Counts an aisle again.
            #[rpc_handler]
            pub async fn recount(&self, aisle: u32, note: Option<&str>) -> Recount {
                self.count(aisle).await
            }

            #[cfg(feature = "status")]
            #[message_handler("status", "online", full_body)]
            fn online(&self, message: &Message<'_>) {}

            #[message_handler(filter = only_mine, filter = Self::trim)]
            #[message_handler("command", "moved")]
            async fn shifted(&self, #[context] cx: &Context, items: &[Line]) -> Result<(), Late> {
                Ok(())
            }

            #[rpc_handler]
            async fn audit(&self, #[reply] answer: Reply<'_, u64>, year: u32) {}

            fn helper(&self) {}
        }
    };
    let arguments = quote!(
        exchange = Orders,
        queue(
            name = "order-desk",
            durable = false,
            kind = "classic",
            ttl = "30s",
            max_length = 1000,
            overflow = "drop-head",
            dead_letter = "dead-orders",
            arguments("x-max-priority" = 10)
        ),
        key = "orders.#",
        bind(exchange = Audit, queue = "order-desk", key = "all"),
        bind(queue = "order-desk-direct"),
        bind(
            exchange = Events,
            queue = "order-events",
            headers(match = "any-with-x", "region" = "eu", "x-size" = 3)
        ),
        prefetch = 1,
        concurrency = 8,
        retry(attempts = 5, pause = "1s", longest = "1m"),
        dedup = false,
        quit = false,
        traces = false,
        handlers(Sweep, other::Count)
    );
    compare("service", macros::message_processor(arguments, item));
}

#[test]
fn a_service_of_a_contract() {
    let item = quote! {
        impl<S: Store> OrderDesk for Desk<S> {
            async fn place(&self, item: &str, _quantity: u32) -> Result<u64, Refused> {
                self.stock.place(item).await
            }

            /// Puts it back.
            #[instrument(skip_all)]
            #[expect(clippy::too_many_lines)]
            async fn restock(&self, #[context] cx: &Context, item: &str, mut quantity: u32) {
                quantity += 1;
            }

            async fn close(&self, #[reply] answer: Reply<'_, u64, Refused>, year: u32) {
                answer.success(&1).await;
            }

            /// Beyond the contract.
            #[rpc_handler]
            pub async fn recount(&self, aisle: u32) -> u64 {
                0
            }
        }
    };
    let arguments = quote!(exchange = Orders, queue = "order-desk", key = "orders.desk");
    compare("service_of_contract", macros::message_processor(arguments, item));
}

#[test]
fn a_struct_that_is_a_handler() {
    let item = quote! {
        /// Sweeps an aisle.
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct SweepAisle {
            shop_floor: u32,
            #[serde(rename = "how-deep")]
            depth: u32,
            r#type: Option<String>,
        }
    };
    compare("struct_handler", macros::handler(Category::Rpc, quote!(), item));
}

#[test]
fn a_mistake_keeps_the_item_and_what_is_right_in_it() {
    let item = quote! {
        pub trait OrderDesk {
            #[rpc]
            async fn place(&self, item: &str) -> u64;
            #[rpc]
            async fn lost(&mut self, item: &mut str) -> io::Result<u64>;
        }
    };
    compare("mistakes", macros::producer(quote!(exchange = Orders, keys = "orders.desk"), item));
}
