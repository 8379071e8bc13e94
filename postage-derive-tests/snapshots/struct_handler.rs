/// Sweeps an aisle.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SweepAisle {
    shop_floor: u32,
    #[serde(rename = "how-deep")]
    depth: u32,
    r#type: Option<String>,
}
#[allow(deprecated, non_snake_case, unused, clippy::all, clippy::pedantic)]
impl ::postage_core::__private::DeclareHandler for SweepAisle {
    const METHOD: ::postage_core::__private::Method = ::postage_core::__private::Method::rpc(
            "command",
            "sweep_aisle",
            "SweepAisle",
            &[
                ::postage_core::__private::Parameter::new("shop-floor", "u32")
                    .with_schema_of_struct(
                        ::postage_core::__private::schema!(SweepAisle),
                    ),
                ::postage_core::__private::Parameter::new("how-deep", "u32")
                    .with_schema_of_struct(
                        ::postage_core::__private::schema!(SweepAisle),
                    ),
                ::postage_core::__private::Parameter::new("type", "Option<String>")
                    .with_schema_of_struct(
                        ::postage_core::__private::schema!(SweepAisle),
                    ),
            ],
            "",
        )
        .doc("Sweeps an aisle.");
    fn read(
        request: &::postage_core::__private::Request<'_>,
    ) -> ::core::result::Result<Self, ::postage_core::__private::BadParameters> {
        ::postage_core::__private::read_handler::<SweepAisle>(request)
    }
}
