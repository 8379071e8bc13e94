//! Counts the allocations of each case, and answers them as JSON. `speed` runs it.

use std::alloc::System;
use std::process::ExitCode;

use alloc_tracker::Allocator;
use postage_benches::options::Options;
use postage_benches::{Error, allocations};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("allocations: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let options = Options::from_command_line()?.unwrap_or_default();
    let counted = allocations::count(&testbed::broker_url(), &options.cases()).await?;
    println!("{}", serde_json::to_string(&counted)?);
    Ok(())
}
