//! Measures all cases, and shows the figures: `cargo xtask bench`.

use std::process::{Command, ExitCode};

use postage_benches::baseline::ByHand;
use postage_benches::options::{Alone, HELP, Options};
use postage_benches::ours::Ours;
use postage_benches::pair::Pair;
use postage_benches::sample::Bench;
use postage_benches::side::Side;
use postage_benches::{BROKER_VERSION, Error, allocations, picture, table};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let Some(options) = Options::from_command_line()? else {
        println!("{HELP}");
        return Ok(());
    };
    let broker = std::env::var(BROKER_VERSION).unwrap_or_else(|_| "of unknown version".to_owned());
    let url = std::env::var(testbed::AMQP_URL)
        .map_err(|_| format!("{} is not set: run `cargo xtask bench`", testbed::AMQP_URL))?;
    match options.side {
        Some(Alone::Ours) => return alone::<Ours>(&url, &options).await,
        Some(Alone::ByHand) => return alone::<ByHand>(&url, &options).await,
        None => {}
    }
    let pair = Pair::connect(&url).await?;
    let mut all = Vec::new();
    for case in options.cases() {
        let compared = pair.compare(case, options.amount, options.rounds).await?;
        let [least, most] = [compared.ratio.ops_per_s.min, compared.ratio.ops_per_s.max];
        eprintln!(
            "bench: {case}: {:.0}/s, by hand {:.0}/s, {least:.2} to {most:.2} times",
            compared.ours.ops_per_s, compared.baseline.ops_per_s
        );
        all.push(compared);
    }
    allocations::fill_in(&mut all, &count(&options)?);

    println!("RabbitMQ {broker}, {} rounds, medians\n", options.rounds);
    println!("{}", table::table(&all));
    if let Some(file) = &options.out {
        std::fs::write(file, serde_json::to_vec_pretty(&all)?)?;
    }
    if let Some(file) = &options.svg {
        picture::draw(file, &all, &broker)?;
    }
    Ok(())
}

/// One side does the cases, and what it did is shown.
async fn alone<S: Side>(url: &str, options: &Options) -> Result<(), Error> {
    let side = Bench::<S>::connect(url).await?;
    for case in options.cases() {
        let sample = side.measure(case, options.amount).await?;
        println!("{}: {case}: {sample:#?}", S::NAME);
    }
    Ok(())
}

/// What the program beside this one counts: counting takes time that is not to be measured here.
fn count(options: &Options) -> Result<Vec<allocations::Counted>, Error> {
    let program = std::env::current_exe()?.with_file_name("allocations");
    let only = options.only.iter().flat_map(|text| ["--only", text]);
    let output = Command::new(&program).args(only).output();
    let output = output.map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("allocations were not counted: {errors}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
