//! How fast Postage is beside the same work written by hand on lapin, in one program against one
//! broker, both sides in turn. `cargo xtask bench` runs it.

pub mod allocations;
pub mod baseline;
pub mod book;
pub mod case;
pub mod contract;
pub mod limit;
pub mod load;
pub mod memory;
pub mod options;
pub mod ours;
pub mod pair;
pub mod picture;
pub mod sample;
pub mod side;
pub mod table;
pub mod text;
pub mod usage;

/// Anything that ends a benchmark.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The environment variable that says the broker's version.
pub const BROKER_VERSION: &str = "POSTAGE_BENCH_BROKER_VERSION";
