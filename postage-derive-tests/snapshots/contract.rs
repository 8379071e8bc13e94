/// What one may ask of the order desk.
pub trait OrderDesk {
    /// Places an order and answers its number.
    fn place(
        &self,
        item: &str,
        quantity: u32,
    ) -> impl ::core::future::Future<
        Output = Result<u64, Refused>,
    > + ::core::marker::Send;
    /// Says that stock has moved.
    ///
    /// Nobody answers.
    fn restock(
        &self,
        item: &str,
        quantity: u32,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_dispatch<'postage>(
        &'postage self,
        index: usize,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    >
    where
        Self: ::core::marker::Sized + ::core::marker::Sync,
    {
        match index {
            0 => __PostageOrderDesk.handle_place(self, request),
            1 => __PostageOrderDesk.handle_restock(self, request),
            _ => ::postage_core::__private::Box::pin(request.unhandled()),
        }
    }
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_handling() -> __PostageOrderDesk
    where
        Self: ::core::marker::Sized,
    {
        __PostageOrderDesk
    }
}
#[doc(hidden)]
#[allow(non_camel_case_types)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
pub struct __PostageOrderDesk;
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl __PostageOrderDesk {
    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
    pub fn decode_place<'postage, __PostageService: OrderDesk>(
        self,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::core::result::Result<
        (::postage_core::__private::Text<'_>, u32),
        ::postage_core::__private::BadParameters,
    > {
        request
            .parameters::<
                (::postage_core::__private::Text<'_>, u32),
            >(&["item", "quantity"])
    }
    pub fn handle_place<'postage, __PostageService: OrderDesk + ::core::marker::Sync>(
        self,
        service: &'postage __PostageService,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    > {
        ::postage_core::__private::Box::pin(async move {
            let (item, quantity) = match Self.decode_place::<__PostageService>(request) {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let answer = <__PostageService as OrderDesk>::place(service, &item, quantity)
                .await;
            let answer = ::postage_core::__private::Request::result(
                answer,
                ::postage_core::__private::causes!(),
            );
            request.reply_with(answer).await
        })
    }
    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
    pub fn decode_restock<'postage, __PostageService: OrderDesk>(
        self,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::core::result::Result<
        (::postage_core::__private::Text<'_>, u32),
        ::postage_core::__private::BadParameters,
    > {
        let (item, quantity) = match request
            .parameters::<
                (::postage_core::__private::Text<'_>, ::core::option::Option<u32>),
            >(&["item", "quantity"])
        {
            ::core::result::Result::Ok(parameters) => parameters,
            ::core::result::Result::Err(fault) => {
                return ::core::result::Result::Err(fault);
            }
        };
        let quantity = quantity.unwrap_or_else(|| 1);
        ::core::result::Result::Ok((item, quantity))
    }
    pub fn handle_restock<'postage, __PostageService: OrderDesk + ::core::marker::Sync>(
        self,
        service: &'postage __PostageService,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    > {
        ::postage_core::__private::Box::pin(async move {
            let (item, quantity) = match Self.decode_restock::<__PostageService>(request)
            {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let answer = <__PostageService as OrderDesk>::restock(
                    service,
                    &item,
                    quantity,
                )
                .await;
            request.settle(answer)
        })
    }
}
///The contract [`trait@OrderDesk`] as data: its routes, its methods, their names.
#[allow(non_upper_case_globals, elided_lifetimes_in_paths)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
pub const OrderDesk: ::postage_core::__private::Contract = {
    const __POSTAGE_ROUTES: &[(::postage_core::__private::Exchange, &str)] = &[
        (<Orders as ::postage_core::__private::DeclareExchange>::ROUTE, "orders.desk"),
    ];
    static __POSTAGE_METHODS: [::postage_core::__private::Method; 2] = [
        ::postage_core::__private::Method::rpc(
                "command",
                "place",
                "place",
                &[
                    ::postage_core::__private::Parameter::new("item", "&str")
                        .with_schema(::postage_core::__private::schema!(& str)),
                    ::postage_core::__private::Parameter::new("quantity", "u32")
                        .with_schema(::postage_core::__private::schema!(u32)),
                ],
                "Result<u64, Refused>",
            )
            .with_returns_schema(::postage_core::__private::schema!(u64))
            .with_error_schema(::postage_core::__private::schema!(Refused))
            .timeout_millis(2000)
            .max_retry(4)
            .doc("Places an order and answers its number.")
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage_core::__private::Signature = ::postage_core::__private::Signature::new(
                    "item:str,quantity:u32->u64",
                    &[],
                );
                &__POSTAGE_SIGNATURE
            }),
        ::postage_core::__private::Method::message(
                "command",
                "restock",
                "restock",
                &[
                    ::postage_core::__private::Parameter::new("item", "&str")
                        .with_schema(::postage_core::__private::schema!(& str)),
                    ::postage_core::__private::Parameter::new("quantity", "u32")
                        .with_schema(::postage_core::__private::schema!(u32)),
                ],
            )
            .doc("Says that stock has moved.")
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage_core::__private::Signature = ::postage_core::__private::Signature::new(
                    "item:str,quantity:u32=",
                    &[],
                );
                &__POSTAGE_SIGNATURE
            }),
    ];
    static __POSTAGE_PLACES: [usize; ::postage_core::__private::slots(2)] = ::postage_core::__private::places(
        &__POSTAGE_METHODS,
    );
    ::postage_core::__private::Contract::new(
            "OrderDesk",
            __POSTAGE_ROUTES,
            &__POSTAGE_METHODS,
        )
        .with_places(&__POSTAGE_PLACES)
};
///A typed client of [`trait@OrderDesk`]: each method calls or sends.
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct OrderDeskProducer {
    producer: ::postage_core::__private::Producer,
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl OrderDeskProducer {
    /// A client that sends over `broker`, as `fingerprint`: any type that serializes to a
    /// map.
    pub fn new(
        broker: &::postage_core::__private::Broker,
        fingerprint: impl ::postage_core::__private::Serialize,
    ) -> Self {
        Self {
            producer: ::postage_core::__private::Producer::for_contract(
                broker,
                fingerprint,
                OrderDesk,
            ),
        }
    }
    /// The same client with other settings of its producer: timeouts, retries, routes.
    #[must_use]
    pub fn with(
        self,
        change: impl ::core::ops::FnOnce(
            ::postage_core::__private::Producer,
        ) -> ::postage_core::__private::Producer,
    ) -> Self {
        Self {
            producer: change(self.producer),
        }
    }
    /// The untyped producer underneath.
    #[must_use]
    pub fn producer(&self) -> &::postage_core::__private::Producer {
        &self.producer
    }
    /// Places an order and answers its number.
    pub fn place(
        &self,
        item: &str,
        quantity: u32,
    ) -> ::postage_core::__private::Call<
        u64,
        ::postage_core::__private::CallError<Refused>,
    > {
        self.producer
            .call_method(
                const { &OrderDesk.methods()[0] },
                ::postage_core::__private::named(
                    &["item", "quantity"],
                    (&item, &quantity),
                ),
            )
    }
    /// Says that stock has moved.
    ///
    /// Nobody answers.
    pub fn restock(
        &self,
        item: &str,
        quantity: u32,
    ) -> ::postage_core::__private::Publish {
        self.producer
            .publish_method(
                const { &OrderDesk.methods()[1] },
                ::postage_core::__private::named(
                    &["item", "quantity"],
                    (&item, &quantity),
                ),
            )
    }
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl ::postage_core::__private::Client for OrderDeskProducer {
    const CONTRACT: ::postage_core::__private::Contract = OrderDesk;
}
