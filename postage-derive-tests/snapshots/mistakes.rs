pub trait OrderDesk {
    fn place(
        &self,
        item: &str,
    ) -> impl ::core::future::Future<Output = u64> + ::core::marker::Send;
    fn lost(
        &mut self,
        item: &mut str,
    ) -> impl ::core::future::Future<Output = io::Result<u64>> + ::core::marker::Send;
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
        (::postage_core::__private::Text<'_>,),
        ::postage_core::__private::BadParameters,
    > {
        request.parameters::<(::postage_core::__private::Text<'_>,)>(&["item"])
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
            let (item,) = match Self.decode_place::<__PostageService>(request) {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let answer = <__PostageService as OrderDesk>::place(service, &item).await;
            let answer = ::postage_core::__private::Request::value(answer);
            request.reply_with(answer).await
        })
    }
}
///The contract [`trait@OrderDesk`] as data: its routes, its methods, their names.
#[allow(non_upper_case_globals, elided_lifetimes_in_paths)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
pub const OrderDesk: ::postage_core::__private::Contract = {
    const __POSTAGE_ROUTES: &[(::postage_core::__private::Exchange, &str)] = &[];
    static __POSTAGE_METHODS: [::postage_core::__private::Method; 1] = [
        ::postage_core::__private::Method::rpc(
                "command",
                "place",
                "place",
                &[
                    ::postage_core::__private::Parameter::new("item", "&str")
                        .with_schema(::postage_core::__private::schema!(& str)),
                ],
                "u64",
            )
            .with_returns_schema(::postage_core::__private::schema!(u64))
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage_core::__private::Signature = ::postage_core::__private::Signature::new(
                    "item:str->u64",
                    &[],
                );
                &__POSTAGE_SIGNATURE
            }),
    ];
    static __POSTAGE_PLACES: [usize; ::postage_core::__private::slots(1)] = ::postage_core::__private::places(
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
    ///Calls `place` of [`trait@OrderDesk`].
    pub fn place(
        &self,
        item: &str,
    ) -> ::postage_core::__private::Call<u64, ::postage_core::__private::CallFault> {
        self.producer
            .call_method(
                const { &OrderDesk.methods()[0] },
                ::postage_core::__private::named(&["item"], (&item,)),
            )
    }
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl ::postage_core::__private::Client for OrderDeskProducer {
    const CONTRACT: ::postage_core::__private::Contract = OrderDesk;
}
::core::compile_error! {
    "`#[producer]` has no argument `keys`; did you mean `key`? Allowed are `crate`, `eks`, `application`, `exchange`, `key`, `timeout`, `deadline`, `max_retry`, `peer`, `version`, `name`"
}
::core::compile_error! {
    "take `&self`: handlers run at the same time; keep what changes in an atomic, a `Mutex` or a channel"
}
::core::compile_error! {
    "a parameter comes from a message: take `&T` or `T`, not `&mut T`"
}
::core::compile_error! {
    "write both types, `Result<T, E>`: the macro sees the name only, not what an alias stands for"
}
