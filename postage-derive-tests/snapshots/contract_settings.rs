#[deprecated]
#[expect(clippy::ptr_arg)]
trait Stock {
    #[cfg(feature = "audit")]
    fn audit(
        &self,
    ) -> impl ::core::future::Future<Output = Report> + ::core::marker::Send;
    fn moved<'a>(
        &self,
        lines: &'a [Line],
        note: Option<&'a str>,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    fn count(&self) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_dispatch<'postage>(
        &'postage self,
        index: usize,
        request: ::postage::__private::Request<'postage>,
    ) -> ::postage::__private::BoxFuture<'postage, ::postage::__private::Outcome>
    where
        Self: ::core::marker::Sized + ::core::marker::Sync,
    {
        const __POSTAGE_INDEXES: [usize; 3] = ::postage::__private::indexes([
            ::core::cfg!(all(feature = "audit")),
            true,
            true,
        ]);
        #[cfg(feature = "audit")]
        const __POSTAGE_INDEX_0: usize = __POSTAGE_INDEXES[0];
        const __POSTAGE_INDEX_1: usize = __POSTAGE_INDEXES[1];
        const __POSTAGE_INDEX_2: usize = __POSTAGE_INDEXES[2];
        match index {
            #[cfg(feature = "audit")]
            __POSTAGE_INDEX_0 => __PostageStock.handle_audit(self, request),
            __POSTAGE_INDEX_1 => __PostageStock.handle_moved(self, request),
            __POSTAGE_INDEX_2 => __PostageStock.handle_count(self, request),
            _ => ::postage::__private::Box::pin(request.unhandled()),
        }
    }
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_handling() -> __PostageStock
    where
        Self: ::core::marker::Sized,
    {
        __PostageStock
    }
}
#[allow(clippy::ptr_arg)]
#[doc(hidden)]
#[allow(non_camel_case_types)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct __PostageStock;
#[allow(clippy::ptr_arg)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl __PostageStock {
    #[cfg(feature = "audit")]
    fn handle_audit<'postage, __PostageService: Stock + ::core::marker::Sync>(
        self,
        service: &'postage __PostageService,
        request: ::postage::__private::Request<'postage>,
    ) -> ::postage::__private::BoxFuture<'postage, ::postage::__private::Outcome> {
        ::postage::__private::Box::pin(async move {
            let _ = || {
                use ::postage::__private::ProbeFallback as _;
                ::postage::__private::must_not_be_result(
                    ::postage::__private::ResultProbe::<Report>::new().kind(),
                )
            };
            let answer = <__PostageService as Stock>::audit(service).await;
            let answer = ::postage::__private::Request::value(answer);
            request.reply_with(answer).await
        })
    }
    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
    fn decode_moved<'postage, __PostageService: Stock>(
        self,
        request: ::postage::__private::Request<'postage>,
    ) -> ::core::result::Result<
        (
            ::postage::__private::Vec<Line>,
            ::core::option::Option<::postage::__private::Text<'_>>,
        ),
        ::postage::__private::BadParameters,
    > {
        request
            .parameters::<
                (
                    ::postage::__private::Vec<Line>,
                    ::core::option::Option<::postage::__private::Text<'_>>,
                ),
            >(&["lines", "note"])
    }
    fn handle_moved<'postage, __PostageService: Stock + ::core::marker::Sync>(
        self,
        service: &'postage __PostageService,
        request: ::postage::__private::Request<'postage>,
    ) -> ::postage::__private::BoxFuture<'postage, ::postage::__private::Outcome> {
        ::postage::__private::Box::pin(async move {
            let (lines, note) = match Self.decode_moved::<__PostageService>(request) {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let answer = <__PostageService as Stock>::moved(
                    service,
                    &lines,
                    note.as_deref(),
                )
                .await;
            request.settle(answer)
        })
    }
    fn handle_count<'postage, __PostageService: Stock + ::core::marker::Sync>(
        self,
        service: &'postage __PostageService,
        request: ::postage::__private::Request<'postage>,
    ) -> ::postage::__private::BoxFuture<'postage, ::postage::__private::Outcome> {
        ::postage::__private::Box::pin(async move {
            let answer = <__PostageService as Stock>::count(service).await;
            let answer = ::postage::__private::Request::value(answer);
            request.reply_with(answer).await
        })
    }
}
#[deprecated]
#[allow(clippy::ptr_arg)]
///The contract [`trait@Stock`] as data: its routes, its methods, their names.
#[allow(non_upper_case_globals, elided_lifetimes_in_paths)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const Stock: ::postage::__private::Contract = {
    const __POSTAGE_ROUTES: &[(::postage::__private::Exchange, &str)] = &[
        (<Orders as ::postage::__private::DeclareExchange>::ROUTE, "orders.desk"),
        (<Audit as ::postage::__private::DeclareExchange>::ROUTE, "all"),
    ];
    static __POSTAGE_METHODS: [::postage::__private::Method; ::postage::__private::count(
        &[::core::cfg!(all(feature = "audit")), true, true],
    )] = [
        #[cfg(feature = "audit")]
        ::postage::__private::Method::rpc("query", "audit-all", "audit", &[], "Report")
            .with_returns_schema(::postage::__private::schema!(Report))
            .with_version("2")
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage::__private::Signature = ::postage::__private::Signature::new(
                    "->Report",
                    &[(8, ::postage::__private::schema!(Report))],
                );
                &__POSTAGE_SIGNATURE
            }),
        ::postage::__private::Method::message(
                "command",
                "moved",
                "moved",
                &[
                    ::postage::__private::Parameter::new("lines", "&'a [Line]")
                        .with_schema(::postage::__private::schema!(& '_[Line])),
                    ::postage::__private::Parameter::new("note", "Option<&'a str>")
                        .with_schema(::postage::__private::schema!(Option < & '_ str >)),
                ],
            )
            .key("stock.all")
            .persistent(true)
            .priority(3)
            .ttl_millis(60000)
            .with_version("2")
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage::__private::Signature = ::postage::__private::Signature::new(
                    "lines:[Line],note:str?",
                    &[(11, ::postage::__private::schema!(Line))],
                );
                &__POSTAGE_SIGNATURE
            }),
        ::postage::__private::Method::rpc("command", "count", "count", &[], "()")
            .with_returns_schema(::postage::__private::schema!(()))
            .with_version("2")
            .with_signature(|| {
                static __POSTAGE_SIGNATURE: ::postage::__private::Signature = ::postage::__private::Signature::new(
                    "->()",
                    &[],
                );
                &__POSTAGE_SIGNATURE
            }),
    ];
    static __POSTAGE_PLACES: [usize; ::postage::__private::slots(
        ::postage::__private::count(&[::core::cfg!(all(feature = "audit")), true, true]),
    )] = ::postage::__private::places(&__POSTAGE_METHODS);
    ::postage::__private::Contract::new("Stock", __POSTAGE_ROUTES, &__POSTAGE_METHODS)
        .with_places(&__POSTAGE_PLACES)
        .timeout_millis(5000)
        .deadline_millis(20000)
        .peer(::postage::__private::Peer::Python)
        .with_version("2")
};
#[deprecated]
#[allow(clippy::ptr_arg)]
///A typed client of [`trait@Stock`]: each method calls or sends.
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
struct StockClient {
    producer: ::postage::__private::Producer,
}
#[allow(clippy::ptr_arg)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl StockClient {
    /// A client that sends over `broker`, as `fingerprint`: any type that serializes to a
    /// map.
    fn new(
        broker: &::postage::__private::Broker,
        fingerprint: impl ::postage::__private::Serialize,
    ) -> Self {
        Self {
            producer: ::postage::__private::Producer::for_contract(
                broker,
                fingerprint,
                Stock,
            ),
        }
    }
    /// The same client with other settings of its producer: timeouts, retries, routes.
    #[must_use]
    fn with(
        self,
        change: impl ::core::ops::FnOnce(
            ::postage::__private::Producer,
        ) -> ::postage::__private::Producer,
    ) -> Self {
        Self {
            producer: change(self.producer),
        }
    }
    /// The untyped producer underneath.
    #[must_use]
    fn producer(&self) -> &::postage::__private::Producer {
        &self.producer
    }
    const __POSTAGE_INDEXES: [usize; 3] = ::postage::__private::indexes([
        ::core::cfg!(all(feature = "audit")),
        true,
        true,
    ]);
    ///Calls `audit` of [`trait@Stock`].
    #[cfg(feature = "audit")]
    fn audit(
        &self,
    ) -> ::postage::__private::Call<Report, ::postage::__private::CallFault> {
        self.producer
            .call_method(
                const { &Stock.methods()[Self::__POSTAGE_INDEXES[0]] },
                ::postage::__private::named(&[], ()),
            )
    }
    ///Sends `moved` of [`trait@Stock`].
    fn moved<'a>(
        &self,
        lines: &'a [Line],
        note: Option<&'a str>,
    ) -> ::postage::__private::Publish {
        self.producer
            .publish_method(
                const { &Stock.methods()[Self::__POSTAGE_INDEXES[1]] },
                ::postage::__private::named(&["lines", "note"], (&lines, &note)),
            )
    }
    ///Calls `count` of [`trait@Stock`].
    fn count(&self) -> ::postage::__private::Call<(), ::postage::__private::CallFault> {
        self.producer
            .call_method(
                const { &Stock.methods()[Self::__POSTAGE_INDEXES[2]] },
                ::postage::__private::named(&[], ()),
            )
    }
}
#[allow(clippy::ptr_arg)]
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl ::postage::__private::Client for StockClient {
    const CONTRACT: ::postage::__private::Contract = Stock;
}
