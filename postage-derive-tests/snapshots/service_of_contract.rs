impl<S: Store> OrderDesk for Desk<S> {
    async fn place(&self, item: &str, _quantity: u32) -> Result<u64, Refused> {
        self.stock.place(item).await
    }
    /// Puts it back.
    #[allow(clippy::too_many_lines)]
    async fn restock(&self, item: &str, quantity: u32) {
        let context = ::postage_core::__private::Context::detached();
        Self::__postage_in_context_restock(self, &context, item, quantity).await
    }
    async fn close(&self, year: u32) -> ::core::result::Result<u64, Refused> {
        ::postage_core::__private::local_reply_result(|reply| Self::__postage_in_context_close(
                self,
                reply,
                year,
            ))
            .await
    }
}
impl<S: Store> Desk<S> {
    /// Beyond the contract.
    pub async fn recount(&self, aisle: u32) -> u64 {
        0
    }
    /// Puts it back.
    #[instrument(skip_all)]
    #[expect(clippy::too_many_lines)]
    #[doc(hidden)]
    async fn __postage_in_context_restock(
        &self,
        cx: &Context,
        item: &str,
        mut quantity: u32,
    ) {
        quantity += 1;
    }
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_handle_restock<'postage>(
        &'postage self,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    >
    where
        Self: ::core::marker::Sync,
    {
        ::postage_core::__private::Box::pin(async move {
            let (item, quantity) = match <Self as OrderDesk>::__postage_handling()
                .decode_restock::<Self>(request)
            {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let answer = ::postage_core::__private::send_future(
                    Self::__postage_in_context_restock(
                        self,
                        request.context(),
                        &item,
                        quantity,
                    ),
                )
                .await;
            request.conclude(answer).await
        })
    }
    #[doc(hidden)]
    async fn __postage_in_context_close(
        &self,
        answer: Reply<'_, u64, Refused>,
        year: u32,
    ) {
        answer.success(&1).await;
    }
    #[doc(hidden)]
    #[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
    fn __postage_handle_close<'postage>(
        &'postage self,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    >
    where
        Self: ::core::marker::Sync,
    {
        ::postage_core::__private::Box::pin(async move {
            let (year,) = match <Self as OrderDesk>::__postage_handling()
                .decode_close::<Self>(request)
            {
                ::core::result::Result::Ok(parameters) => parameters,
                ::core::result::Result::Err(fault) => return request.refuse(fault).await,
            };
            let () = ::postage_core::__private::send_future(
                    Self::__postage_in_context_close(
                        self,
                        request.reply(::postage_core::__private::causes!()),
                        year,
                    ),
                )
                .await;
            request.after_reply().await
        })
    }
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = ::postage_core::__private::check_parameters(
    &OrderDesk,
    "place",
    &["item", "quantity"],
);
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = ::postage_core::__private::check_parameters(
    &OrderDesk,
    "restock",
    &["item", "quantity"],
);
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = ::postage_core::__private::check_parameters(
    &OrderDesk,
    "close",
    &["year"],
);
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = {
    const __POSTAGE_ROUTES: &[(&::postage_core::__private::Exchange, &str)] = &[
        (&<Orders as ::postage_core::__private::DeclareExchange>::ROUTE, "orders.desk"),
    ];
    ::postage_core::__private::check_routes(&OrderDesk, __POSTAGE_ROUTES)
};
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = {
    const __POSTAGE_TABLE: &[&[::postage_core::__private::Method]] = &[
        OrderDesk.methods(),
        &[
            ::postage_core::__private::Method::rpc(
                    "command",
                    "recount",
                    "recount",
                    &[::postage_core::__private::Parameter::new("aisle", "u32")],
                    "u64",
                )
                .doc("Beyond the contract."),
        ],
    ];
    ::postage_core::__private::check_handlers::<
        { ::postage_core::__private::handler_slots(__POSTAGE_TABLE) },
    >(__POSTAGE_TABLE)
};
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl<S: Store> ::postage_core::__private::MessageProcessor for Desk<S>
where
    Self: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    const NAME: &'static str = "Desk";
    #[allow(elided_lifetimes_in_paths)]
    const TABLE: &'static [&'static [::postage_core::__private::Method]] = &[
        OrderDesk.methods(),
        &[
            ::postage_core::__private::Method::rpc(
                    "command",
                    "recount",
                    "recount",
                    &[
                        ::postage_core::__private::Parameter::new("aisle", "u32")
                            .with_schema(::postage_core::__private::schema!(u32)),
                    ],
                    "u64",
                )
                .with_returns_schema(::postage_core::__private::schema!(u64))
                .doc("Beyond the contract."),
        ],
    ];
    fn setup() -> ::postage_core::__private::ServiceSetup {
        ::postage_core::__private::ServiceSetup::new()
            .bind(
                <Orders as ::postage_core::__private::DeclareExchange>::ROUTE,
                ::postage_core::__private::Queue::new("order-desk"),
                "orders.desk",
            )
    }
    fn dispatch<'postage>(
        &'postage self,
        index: usize,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    > {
        const __POSTAGE_CONTRACT: usize = OrderDesk.methods().len();
        if index < __POSTAGE_CONTRACT {
            const __POSTAGE_PLACE_0: usize = ::postage_core::__private::place_of(
                &OrderDesk,
                "restock",
            );
            const __POSTAGE_PLACE_1: usize = ::postage_core::__private::place_of(
                &OrderDesk,
                "close",
            );
            match index {
                __POSTAGE_PLACE_0 => Self::__postage_handle_restock(self, request),
                __POSTAGE_PLACE_1 => Self::__postage_handle_close(self, request),
                _ => <Self as OrderDesk>::__postage_dispatch(self, index, request),
            }
        } else {
            match index - __POSTAGE_CONTRACT {
                0 => {
                    ::postage_core::__private::Box::pin(async move {
                        let (aisle,) = match request.parameters::<(u32,)>(&["aisle"]) {
                            ::core::result::Result::Ok(parameters) => parameters,
                            ::core::result::Result::Err(fault) => {
                                return request.refuse(fault).await;
                            }
                        };
                        let answer = ::postage_core::__private::send_future(
                                Self::recount(self, aisle),
                            )
                            .await;
                        let answer = ::postage_core::__private::Request::value(answer);
                        request.reply_with(answer).await
                    })
                }
                _ => ::postage_core::__private::Box::pin(request.unhandled()),
            }
        }
    }
}
