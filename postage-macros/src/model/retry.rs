//! How often a service tries a message again.

use proc_macro2::{Span, TokenStream};

use crate::errors::Errors;
use crate::parse::args::Args;

/// `retry(attempts = 5, pause = "1s", longest = "1m")`. The pauses are in milliseconds.
pub(crate) struct Retry {
    pub(crate) attempts: u64,
    pub(crate) pause: Option<u64>,
    pub(crate) longest: Option<u64>,
}

impl Retry {
    pub(crate) fn from_args(args: &mut Args<'_>) -> Option<Self> {
        let errors = args.errors;
        let argument = args.take("retry")?;
        let span = argument.name.span();
        let example = "a list in parentheses, like `retry(attempts = 5, pause = \"1s\")`";
        let (tokens, _) = argument.list(errors, example)?;
        Self::described(tokens, span, errors)
    }

    fn described(tokens: TokenStream, span: Span, errors: &Errors) -> Option<Self> {
        let mut args = Args::parse("`retry(…)`", tokens, span, errors);
        if !args.has("attempts") && !args.misspelt("attempts") {
            errors.at_span(span, "`retry` needs the number of attempts: `retry(attempts = 5)`");
        }
        let attempts = args.number("attempts", 1..=u32::MAX.into(), "attempts in all");
        let (pause, longest) = (args.duration("pause"), args.duration("longest"));
        args.finish();
        if let (Some(pause), Some(longest)) = (pause, longest)
            && longest < pause
        {
            errors.at_span(span, "`longest` is shorter than `pause`, the first pause");
        }
        Some(Self { attempts: attempts?, pause, longest })
    }
}
