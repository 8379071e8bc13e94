impl<S: Store> Desk<S>
where
    S: Clone,
{
    /// Counts an aisle again.
    pub async fn recount(&self, aisle: u32, note: Option<&str>) -> Recount {
        self.count(aisle).await
    }
    #[cfg(feature = "status")]
    fn online(&self, message: &Message<'_>) {}
    async fn shifted(&self, cx: &Context, items: &[Line]) -> Result<(), Late> {
        Ok(())
    }
    async fn audit(&self, answer: Reply<'_, u64>, year: u32) {}
    fn helper(&self) {}
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = {
    const __POSTAGE_EXCHANGE: &::postage_core::__private::Exchange = &<Events as ::postage_core::__private::DeclareExchange>::ROUTE;
    ::postage_core::__private::check_keyless(__POSTAGE_EXCHANGE)
};
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
const _: () = {
    const __POSTAGE_TABLE: &[&[::postage_core::__private::Method]] = &[
        &[
            ::postage_core::__private::Method::rpc(
                    "command",
                    "recount",
                    "recount",
                    &[
                        ::postage_core::__private::Parameter::new("aisle", "u32"),
                        ::postage_core::__private::Parameter::new("note", "Option<&str>"),
                    ],
                    "Recount",
                )
                .doc("Counts an aisle again."),
            #[cfg(feature = "status")]
            ::postage_core::__private::Method::message(
                "status",
                "online",
                "online",
                &[],
            ),
            ::postage_core::__private::Method::message(
                "command",
                "shifted",
                "shifted",
                &[::postage_core::__private::Parameter::new("items", "&[Line]")],
            ),
            ::postage_core::__private::Method::message(
                "command",
                "moved",
                "shifted",
                &[::postage_core::__private::Parameter::new("items", "&[Line]")],
            ),
            ::postage_core::__private::Method::rpc(
                "command",
                "audit",
                "audit",
                &[::postage_core::__private::Parameter::new("year", "u32")],
                "u64",
            ),
        ],
        &[
            <Sweep as ::postage_core::__private::DeclareHandler>::METHOD,
            <other::Count as ::postage_core::__private::DeclareHandler>::METHOD,
        ],
    ];
    ::postage_core::__private::check_handlers::<
        { ::postage_core::__private::handler_slots(__POSTAGE_TABLE) },
    >(__POSTAGE_TABLE)
};
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl<S: Store> ::postage_core::__private::MessageProcessor for Desk<S>
where
    S: Clone,
    Self: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    const NAME: &'static str = "Desk";
    #[allow(elided_lifetimes_in_paths)]
    const TABLE: &'static [&'static [::postage_core::__private::Method]] = &[
        &[
            ::postage_core::__private::Method::rpc(
                    "command",
                    "recount",
                    "recount",
                    &[
                        ::postage_core::__private::Parameter::new("aisle", "u32")
                            .with_schema(::postage_core::__private::schema!(u32)),
                        ::postage_core::__private::Parameter::new("note", "Option<&str>")
                            .with_schema(
                                ::postage_core::__private::schema!(Option < & str >),
                            ),
                    ],
                    "Recount",
                )
                .with_returns_schema(::postage_core::__private::schema!(Recount))
                .doc("Counts an aisle again."),
            #[cfg(feature = "status")]
            ::postage_core::__private::Method::message(
                "status",
                "online",
                "online",
                &[],
            ),
            ::postage_core::__private::Method::message(
                "command",
                "shifted",
                "shifted",
                &[
                    ::postage_core::__private::Parameter::new("items", "&[Line]")
                        .with_schema(::postage_core::__private::schema!(& [Line])),
                ],
            ),
            ::postage_core::__private::Method::message(
                "command",
                "moved",
                "shifted",
                &[
                    ::postage_core::__private::Parameter::new("items", "&[Line]")
                        .with_schema(::postage_core::__private::schema!(& [Line])),
                ],
            ),
            ::postage_core::__private::Method::rpc(
                    "command",
                    "audit",
                    "audit",
                    &[
                        ::postage_core::__private::Parameter::new("year", "u32")
                            .with_schema(::postage_core::__private::schema!(u32)),
                    ],
                    "u64",
                )
                .with_returns_schema(::postage_core::__private::schema!(u64)),
        ],
        &[
            <Sweep as ::postage_core::__private::DeclareHandler>::METHOD
                .with_struct_answer(
                    ::postage_core::__private::schema!(value of Sweep, Self),
                    ::postage_core::__private::schema!(error of Sweep, Self),
                ),
            <other::Count as ::postage_core::__private::DeclareHandler>::METHOD
                .with_struct_answer(
                    ::postage_core::__private::schema!(value of other::Count, Self),
                    ::postage_core::__private::schema!(error of other::Count, Self),
                ),
        ],
    ];
    fn setup() -> ::postage_core::__private::ServiceSetup {
        ::postage_core::__private::ServiceSetup::new()
            .bind(
                <Orders as ::postage_core::__private::DeclareExchange>::ROUTE,
                ::postage_core::__private::Queue::new("order-desk")
                    .durable(false)
                    .kind(::postage_core::__private::QueueKind::Classic)
                    .message_ttl(::core::time::Duration::from_millis(30000))
                    .max_length(1000)
                    .overflow(::postage_core::__private::Overflow::DropHead)
                    .dead_letter("dead-orders")
                    .argument(
                        "x-max-priority",
                        ::postage_core::__private::FieldValue::Int(10),
                    ),
                "orders.#",
            )
            .bind(
                <Audit as ::postage_core::__private::DeclareExchange>::ROUTE,
                ::postage_core::__private::Queue::new("order-desk")
                    .durable(false)
                    .kind(::postage_core::__private::QueueKind::Classic)
                    .message_ttl(::core::time::Duration::from_millis(30000))
                    .max_length(1000)
                    .overflow(::postage_core::__private::Overflow::DropHead)
                    .dead_letter("dead-orders")
                    .argument(
                        "x-max-priority",
                        ::postage_core::__private::FieldValue::Int(10),
                    ),
                "all",
            )
            .bind_with(
                ::postage_core::__private::Queue::new("order-events"),
                ::postage_core::__private::Binding::new(
                        <Events as ::postage_core::__private::DeclareExchange>::ROUTE,
                        "order-events",
                        "",
                    )
                    .headers(
                        ::postage_core::__private::MatchHeaders::AnyWithX,
                        [
                            (
                                "region",
                                ::postage_core::__private::FieldValue::Text(
                                    ::postage_core::__private::Cow::Borrowed("eu"),
                                ),
                            ),
                            ("x-size", ::postage_core::__private::FieldValue::Int(3)),
                        ],
                    ),
            )
            .queue(::postage_core::__private::Queue::new("order-desk-direct"))
            .prefetch(1)
            .concurrency(8)
            .retry(
                ::postage_core::__private::Retry::new(5)
                    .first_pause(::core::time::Duration::from_millis(1000))
                    .longest_pause(::core::time::Duration::from_millis(60000)),
            )
            .dedup(false)
            .quit(false)
            .traces(false)
    }
    fn dispatch<'postage>(
        &'postage self,
        index: usize,
        request: ::postage_core::__private::Request<'postage>,
    ) -> ::postage_core::__private::BoxFuture<
        'postage,
        ::postage_core::__private::Outcome,
    > {
        const __POSTAGE_INDEXES: [usize; 7] = ::postage_core::__private::indexes([
            true,
            ::core::cfg!(all(feature = "status")),
            true,
            true,
            true,
            true,
            true,
        ]);
        const __POSTAGE_INDEX_0: usize = __POSTAGE_INDEXES[0];
        #[cfg(feature = "status")]
        const __POSTAGE_INDEX_1: usize = __POSTAGE_INDEXES[1];
        const __POSTAGE_INDEX_2: usize = __POSTAGE_INDEXES[2];
        const __POSTAGE_INDEX_3: usize = __POSTAGE_INDEXES[3];
        const __POSTAGE_INDEX_4: usize = __POSTAGE_INDEXES[4];
        const __POSTAGE_INDEX_5: usize = __POSTAGE_INDEXES[5];
        const __POSTAGE_INDEX_6: usize = __POSTAGE_INDEXES[6];
        match index {
            __POSTAGE_INDEX_0 => {
                ::postage_core::__private::Box::pin(async move {
                    let (aisle, note) = match request
                        .parameters::<
                            (
                                u32,
                                ::core::option::Option<::postage_core::__private::Text<'_>>,
                            ),
                        >(&["aisle", "note"])
                    {
                        ::core::result::Result::Ok(parameters) => parameters,
                        ::core::result::Result::Err(fault) => {
                            return request.refuse(fault).await;
                        }
                    };
                    let _ = || {
                        use ::postage_core::__private::ProbeFallback as _;
                        ::postage_core::__private::must_not_be_result(
                            ::postage_core::__private::ResultProbe::<Recount>::new()
                                .kind(),
                        )
                    };
                    let answer = ::postage_core::__private::send_future(
                            Self::recount(self, aisle, note.as_deref()),
                        )
                        .await;
                    let answer = ::postage_core::__private::Request::value(answer);
                    request.reply_with(answer).await
                })
            }
            #[cfg(feature = "status")]
            __POSTAGE_INDEX_1 => {
                ::postage_core::__private::Box::pin(async move {
                    let answer = Self::online(self, request.message());
                    request.settle(answer)
                })
            }
            __POSTAGE_INDEX_2 => {
                ::postage_core::__private::Box::pin(async move {
                    let filtered = match request.filter(&[only_mine, Self::trim]) {
                        ::core::result::Result::Ok(filtered) => filtered,
                        ::core::result::Result::Err(refused) => {
                            return request.refuse_filtered(refused).await;
                        }
                    };
                    let request = request.with_content(&filtered);
                    let (items,) = match request
                        .parameters::<
                            (::postage_core::__private::Vec<Line>,),
                        >(&["items"])
                    {
                        ::core::result::Result::Ok(parameters) => parameters,
                        ::core::result::Result::Err(fault) => {
                            return request.refuse(fault).await;
                        }
                    };
                    let answer = ::postage_core::__private::send_future(
                            Self::shifted(self, request.context(), &items),
                        )
                        .await;
                    request.settle(answer)
                })
            }
            __POSTAGE_INDEX_3 => {
                ::postage_core::__private::Box::pin(async move {
                    let (items,) = match request
                        .parameters::<
                            (::postage_core::__private::Vec<Line>,),
                        >(&["items"])
                    {
                        ::core::result::Result::Ok(parameters) => parameters,
                        ::core::result::Result::Err(fault) => {
                            return request.refuse(fault).await;
                        }
                    };
                    let answer = ::postage_core::__private::send_future(
                            Self::shifted(self, request.context(), &items),
                        )
                        .await;
                    request.settle(answer)
                })
            }
            __POSTAGE_INDEX_4 => {
                ::postage_core::__private::Box::pin(async move {
                    let (year,) = match request.parameters::<(u32,)>(&["year"]) {
                        ::core::result::Result::Ok(parameters) => parameters,
                        ::core::result::Result::Err(fault) => {
                            return request.refuse(fault).await;
                        }
                    };
                    let () = ::postage_core::__private::send_future(
                            Self::audit(
                                self,
                                request.reply(::postage_core::__private::causes!()),
                                year,
                            ),
                        )
                        .await;
                    request.after_reply().await
                })
            }
            __POSTAGE_INDEX_5 => {
                use ::postage_core::__private::{
                    CausesProbe as __PostageCauses, NoCauses as _,
                    run_handler as __postage_run,
                };
                __postage_run::<
                    Sweep,
                    Self,
                >(self, request, |error| { __PostageCauses::of(error).causes() })
            }
            __POSTAGE_INDEX_6 => {
                use ::postage_core::__private::{
                    CausesProbe as __PostageCauses, NoCauses as _,
                    run_handler as __postage_run,
                };
                __postage_run::<
                    other::Count,
                    Self,
                >(self, request, |error| { __PostageCauses::of(error).causes() })
            }
            _ => ::postage_core::__private::Box::pin(request.unhandled()),
        }
    }
}
