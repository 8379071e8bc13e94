//! Lists the applications on the broker: who they are, where, in which groups, what they did.
//! With `--watch` it then goes on to say who comes and goes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use examples::program::{self, Failure};
use lexopt::prelude::*;
use postage_core::{Broker, Change, Description, Fingerprint};

const HELP: &str = "\
Lists the applications on the broker at POSTAGE_URL.

  --watch  then says who comes and goes, until it is told to end
  --help   shows this";

/// How long applications may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);

const COLUMNS: [&str; 7] = ["NAME", "ADDRESS", "GROUPS", "VERSION", "UP", "HANDLED", "FAILED"];

fn row(described: &Description) -> [String; 7] {
    let who = &described.fingerprint;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    [
        who.name.clone(),
        address(who),
        described.groups.join(" "),
        described.version.clone().unwrap_or_default(),
        up(now.saturating_sub(described.up_since)),
        (described.calls() + described.messages()).to_string(),
        described.failures().to_string(),
    ]
}

fn address(who: &Fingerprint) -> String {
    format!("{}@{}", who.pid, who.host)
}

/// A time in the two units that say the most of it.
fn up(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

fn print_table(rows: &[[String; 7]]) {
    let widths: [usize; 7] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or_default()
    });
    let print = |cells: [&str; 7]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    print(COLUMNS);
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}

/// Says who comes and goes, for as long as the broker is there.
async fn watch(broker: &Broker) {
    let mut watch = broker.applications().watch();
    while let Some(change) = watch.next().await {
        let (what, who) = match change {
            Change::Found(who) => ("there   ", who),
            Change::Started(who) => ("started ", who),
            Change::Stopped(who) => ("stopped ", who),
            Change::Vanished(who) => ("vanished", who),
            _ => continue,
        };
        println!("{what}  {}  {}", who.name, address(&who));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut watches = false;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("watch") => watches = true,
            Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let broker = program::connect().await?;
    let list = broker.applications().list(ANSWERED_WITHIN).await?;
    print_table(&list.iter().map(row).collect::<Vec<_>>());
    if watches {
        println!();
        let ended = async {
            watch(&broker).await;
            postage_core::Stopped::Quit
        };
        program::told_to_end(ended).await?;
    }
    Ok(broker.close().await?)
}
