/// Where orders travel.
pub struct Orders;
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl ::postage_core::__private::DeclareExchange for Orders {
    const ROUTE: ::postage_core::__private::Exchange = {
        const ALTERNATE: ::core::option::Option<&'static str> = ::core::option::Option::Some({
            const EXCHANGE: &::postage_core::__private::Exchange = &<Unrouted as ::postage_core::__private::DeclareExchange>::ROUTE;
            ::postage_core::__private::exchange_name(EXCHANGE)
        });
        const ARGUMENTS: &[(
            ::postage_core::__private::Cow<'static, str>,
            ::postage_core::__private::FieldValue,
        )] = &[
            (
                ::postage_core::__private::Cow::Borrowed("x-delayed-type"),
                ::postage_core::__private::FieldValue::Text(
                    ::postage_core::__private::Cow::Borrowed("topic"),
                ),
            ),
            (
                ::postage_core::__private::Cow::Borrowed("n"),
                ::postage_core::__private::FieldValue::Int(3),
            ),
            (
                ::postage_core::__private::Cow::Borrowed("b"),
                ::postage_core::__private::FieldValue::Bool(true),
            ),
        ];
        ::postage_core::__private::exchange(
            "orders",
            ::postage_core::__private::ExchangeKind::Plugin(
                ::postage_core::__private::Cow::Borrowed("x-delayed-message"),
            ),
            ::postage_core::__private::ExchangeFlags {
                passive: false,
                durable: false,
                auto_delete: false,
                internal: false,
            },
            ALTERNATE,
            ARGUMENTS,
        )
    };
}
