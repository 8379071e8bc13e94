//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::case::{self, Case};
use crate::load::Amount;

/// The text of `--help`.
pub const HELP: &str = "\
Measures Postage beside the same work written by hand on lapin.

  --out FILE       the figures as JSON
  --svg FILE       throughput and latency against calls in flight, as a picture
  --rounds N       how often both sides run each case (5)
  --seconds N      about how long a side runs in a round, like 0.5 (1)
  --operations N   how often a side does its work in a round, instead of a time
  --only TEXT      only cases whose names contain this, like `call 64` or `publish-consume`
  --side SIDE      only `ours` or `by-hand` works, to be watched by a profiler
  --help           shows this

What is measured without a broker has a first option of its own, as the room's README says: --micro,
--memory, --endurance, --compile.";

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where the figures go.
    pub out: Option<PathBuf>,
    /// Where the picture goes.
    pub svg: Option<PathBuf>,
    /// How many rounds.
    pub rounds: u32,
    /// How much a side does in a round.
    pub amount: Amount,
    /// What a case's name must contain.
    pub only: Vec<String>,
    /// The side that works alone.
    pub side: Option<Alone>,
}

/// A side that works alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// Postage.
    Ours,
    /// What is written by hand.
    ByHand,
}

impl Default for Options {
    fn default() -> Self {
        let amount = Amount::Time(Duration::from_secs(1));
        Self { out: None, svg: None, rounds: 5, amount, only: Vec::new(), side: None }
    }
}

impl Options {
    /// The options of the command line; none when it asks for help.
    ///
    /// # Errors
    /// When it asks for what there is not.
    pub fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("out") => options.out = Some(arguments.value()?.into()),
                Long("svg") => options.svg = Some(arguments.value()?.into()),
                Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Long("seconds") => {
                    let seconds = arguments.value()?.parse_with(|text| {
                        Duration::try_from_secs_f64(text.parse().unwrap_or(f64::NAN))
                    })?;
                    options.amount = Amount::Time(seconds);
                }
                Long("operations") => {
                    options.amount = Amount::Operations(arguments.value()?.parse()?);
                }
                Long("only") => options.only.push(arguments.value()?.string()?),
                Long("side") => {
                    options.side = Some(match &*arguments.value()?.string()? {
                        "ours" => Alone::Ours,
                        "by-hand" => Alone::ByHand,
                        other => return Err(format!("there is no side `{other}`").into()),
                    });
                }
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if options.rounds == 0 || options.amount == Amount::Operations(0) {
            return Err("`--rounds` and `--operations` are at least 1".into());
        }
        Ok(Some(options))
    }

    /// The cases that are asked for.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        let mut cases = case::all();
        let wanted = |case: &Case| self.only.iter().any(|text| case.to_string().contains(text));
        cases.retain(|case| self.only.is_empty() || wanted(case));
        cases
    }
}

/// The number that the command line of a program with this one option gives, or the usual one; nothing
/// where it asks for help.
///
/// # Errors
/// When it is anything else.
pub fn number(option: &str, usual: u64) -> Result<Option<u64>, lexopt::Error> {
    let mut arguments = lexopt::Parser::from_env();
    let mut number = usual;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long(given) if given == option => number = arguments.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn each_option_is_read_and_has_a_default() {
        assert_eq!(parse("").unwrap(), Some(Options::default()));
        let line = "--out a --svg b --rounds 3 --seconds 0.5 --only call --only fan-out \
                    --side by-hand";
        let wanted = Options {
            out: Some("a".into()),
            svg: Some("b".into()),
            rounds: 3,
            amount: Amount::Time(Duration::from_millis(500)),
            only: vec!["call".to_owned(), "fan-out".to_owned()],
            side: Some(Alone::ByHand),
        };
        assert_eq!(parse(line).unwrap(), Some(wanted.clone()));
        assert_eq!(wanted.cases().len(), 17);
        assert_eq!(parse("--rounds 3 --help").unwrap(), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--rounds 0", "--seconds soon", "--seconds -1", "--operations 0", "--side b"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
