/// Sweeps an aisle.
#[derive(Deserialize)]
pub struct SweepAisle {
    depth: u32,
    r#type: Option<String>,
}
#[allow(deprecated, unused, clippy::all, clippy::pedantic)]
impl ::postage_core::__private::DeclareHandler for SweepAisle {
    const METHOD: ::postage_core::__private::Method = ::postage_core::__private::Method::rpc(
            "command",
            "sweep_aisle",
            "SweepAisle",
            &[
                ::postage_core::__private::Parameter::new("depth", "u32"),
                ::postage_core::__private::Parameter::new("type", "Option<String>"),
            ],
            "",
        )
        .doc("Sweeps an aisle.");
}
