//! What the command line asks for.

use std::time::Duration;

use lexopt::prelude::*;

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Publishes, calls and serves against POSTAGE_URL, and counts whether the promises hold.
It ends with one JSON line on standard output; its exit code is 1 when a promise broke.

  --seconds N    how long messages are sent and calls made (30)
  --sends N      messages a second (500)
  --calls N      calls a second (500)
  --services N   how many services handle them, 1 to 64 (1)
  --prefix NAME  how the names of its exchange and queues begin (one of its own for each run)
  --quorum       quorum queues instead of classic ones
  --help         shows this";

/// How many services there can be: the ledger has a bit for each.
const MOST_SERVICES: u32 = 64;
/// The highest rate, a second.
const HIGHEST_RATE: u32 = 100_000;
/// The longest prefix, in bytes: names on the wire have 255.
const LONGEST_PREFIX: usize = 200;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) duration: Duration,
    pub(crate) sends: u32,
    pub(crate) calls: u32,
    pub(crate) services: u32,
    pub(crate) prefix: Option<String>,
    pub(crate) quorum: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(30),
            sends: 500,
            calls: 500,
            services: 1,
            prefix: None,
            quorum: false,
        }
    }
}

impl Options {
    /// The options of the command line; none when it asks for help.
    pub(crate) fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("seconds") => options.duration = seconds(&mut arguments)?,
                Long("sends") => options.sends = at_most(&mut arguments, HIGHEST_RATE)?,
                Long("calls") => options.calls = at_most(&mut arguments, HIGHEST_RATE)?,
                Long("services") => options.services = at_most(&mut arguments, MOST_SERVICES)?,
                Long("prefix") => options.prefix = Some(prefix(&mut arguments)?),
                Long("quorum") => options.quorum = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if options.services == 0 {
            return Err("`--services` is at least 1".into());
        }
        if options.sends == 0 && options.calls == 0 {
            return Err("with `--sends 0 --calls 0` there is nothing to do".into());
        }
        Ok(Some(options))
    }
}

fn seconds(arguments: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    let seconds: u32 = arguments.value()?.parse()?;
    if seconds == 0 {
        return Err("`--seconds` is at least 1".into());
    }
    Ok(Duration::from_secs(seconds.into()))
}

fn at_most(arguments: &mut lexopt::Parser, most: u32) -> Result<u32, lexopt::Error> {
    let number = arguments.value()?.parse()?;
    if number > most {
        return Err(format!("{number} is too many: {most} at most").into());
    }
    Ok(number)
}

fn prefix(arguments: &mut lexopt::Parser) -> Result<String, lexopt::Error> {
    let prefix = arguments.value()?.string()?;
    if prefix.is_empty() || prefix.len() > LONGEST_PREFIX {
        return Err(format!("`--prefix` has 1 to {LONGEST_PREFIX} bytes").into());
    }
    Ok(prefix)
}
