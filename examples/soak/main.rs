//! Publishes, calls and serves at given rates, and counts whether the promises hold: run it against
//! your own cluster, and fail that over meanwhile.
//!
//! It ends with one JSON line on standard output; everything else is on standard error.
//!
//! | figure | what it counts |
//! |---|---|
//! | `seconds` | how long messages were sent and calls made |
//! | `sends_confirmed` | messages that the broker has confirmed |
//! | `sends_failed` | sends that ended with an error: the sender knows, so nothing is promised of them |
//! | `handled` | messages that a service has handled, each counted once |
//! | `lost` | messages that were confirmed and never handled, though the broker was there. **Promised: 0** |
//! | `left` | the same, where it had to end before that was known: the broker was away, or the services were behind |
//! | `handled_twice` | messages that one service has handled again, which it should have recognised by their ids. **Promised: 0** |
//! | `handled_elsewhere` | messages that another service has handled again. With several services that is allowed: a message whose service lost its connection before it was acknowledged goes to the next one, which cannot know |
//! | `calls_answered` | calls that ended with an answer, the right one or not |
//! | `calls_timed_out` | calls that nobody answered by their deadline |
//! | `calls_failed` | calls that ended with any other fault |
//! | `wrong_answers` | answers that were not the one to the question. **Promised: 0** |
//! | `executed_twice` | requests that one service has executed again. A retried call keeps its id, so it should have been answered from memory. **Promised: 0** |
//! | `executed_elsewhere` | requests that another service has executed again, which is allowed as above |
//! | `overdue` | sends and calls that went on after their time. **Promised: 0** |
//! | `reconnects` | connections that were made again: of the client and of each service |
//! | `longest_silence_seconds` | the longest time in which no message was handled and no call answered |
//!
//! The exit code is 1 when a promise broke, 0 when none did, 2 when it could not start.
//!
//! Each service has a connection of its own and its own memory of the ids that it has handled, so
//! it stands for a process. Messages are persistent and their queue is durable: what is confirmed
//! survives a broker that is killed.
//!
//! Its own memory does not grow with time. What is known of a message or a call takes 24 bytes, for
//! the latest 131,072 of each ([`book`]): one that comes again later than that is not counted. At
//! most 10,000 sends and 10,000 calls are under way ([`load`]); while there are as many, none
//! begins. A service remembers the messages of a minute, 200,000 at most ([`service`]).

mod book;
mod contract;
mod ending;
mod ledger;
mod load;
mod options;
mod program;
mod reconnects;
mod report;
mod service;

use std::io::{self, Write};
use std::process::ExitCode;

use options::Options;

/// The exit code when a promise broke.
const BROKEN: u8 = 1;
/// The exit code when it could not start.
const UNUSABLE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_command_line() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print_line(options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("soak: {error}; `--help` shows what there is");
            return ExitCode::from(UNUSABLE);
        }
    };
    let report = match program::run(&options).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::from(UNUSABLE);
        }
    };
    print_line(&report.to_json());
    if report.is_broken() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS }
}

/// One line on standard output. Where nobody reads it, the exit code still tells.
fn print_line(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}
