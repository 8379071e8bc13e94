use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, Lit, Path, Token};

use crate::parse::args::{Args, Value};

/// The hidden module through which generated code reaches `postage_core`.
#[derive(Clone)]
pub(crate) struct Runtime(TokenStream);

impl Runtime {
    /// From `crate = "…"`, or the crate under its own name.
    pub(crate) fn from_args(args: &mut Args<'_>) -> Self {
        let Some(argument) = args.take("crate") else { return Self::default() };
        let path = match &argument.value {
            Value::Literal(Lit::Str(text)) => args.errors.keep(text.parse::<Path>()),
            _ => argument.path(args.errors, "the name of the crate, like `\"postage\"`, or a path"),
        };
        path.map(Self::at).unwrap_or_default()
    }

    /// A plain name is a crate's; a longer path is taken as written.
    fn at(mut path: Path) -> Self {
        let keyword = |name: &Ident| name == "crate" || name == "self" || name == "super";
        if path.get_ident().is_some_and(|name| !keyword(name)) {
            path.leading_colon = Some(Token![::](Span::call_site()));
        }
        Self(quote!(#path::__private))
    }
}

impl Runtime {
    /// The same path, reported at this place when a bound does not hold.
    pub(crate) fn located_at(&self, span: Span) -> Self {
        let moved = self.0.clone().into_iter().map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        });
        Self(moved.collect())
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self(quote!(::postage_core::__private))
    }
}

impl ToTokens for Runtime {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::{ToTokens as _, quote};

    use super::Runtime;
    use crate::errors::Errors;
    use crate::parse::args::Args;

    fn runtime(tokens: TokenStream) -> String {
        let errors = Errors::default();
        let span = proc_macro2::Span::call_site();
        let mut args = Args::parse("#[exchange]", tokens, span, &errors);
        let runtime = Runtime::from_args(&mut args);
        assert_eq!(errors.messages(), Vec::<String>::new());
        runtime.to_token_stream().to_string().replace(' ', "")
    }

    #[test]
    fn the_crate_is_found_under_any_name() {
        assert_eq!(runtime(quote!()), "::postage_core::__private");
        assert_eq!(runtime(quote!(crate = "postage")), "::postage::__private");
        assert_eq!(runtime(quote!(crate = postage)), "::postage::__private");
        assert_eq!(runtime(quote!(crate = my::postage)), "my::postage::__private");
        assert_eq!(runtime(quote!(crate = "crate")), "crate::__private");
        assert_eq!(runtime(quote!(crate = crate::rpc)), "crate::rpc::__private");
    }
}
