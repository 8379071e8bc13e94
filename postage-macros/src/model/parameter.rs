//! A parameter: how it is decoded, and how it is passed to the method.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, Ident, Type};

use super::runtime::Runtime;
use crate::errors::Errors;
use crate::parse::types;
use crate::parse::values::tokens_text;

/// A parameter that travels.
#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    /// Its name on the wire.
    pub(crate) name: String,
    pub(crate) ty: Type,
    slot: Slot,
    pub(crate) default: Option<DefaultValue>,
}

/// What stands in for a parameter that the peer left out.
#[derive(Clone)]
pub(crate) enum DefaultValue {
    OfType,
    Expression(Box<Expr>),
}

/// The owned value that the parameter is lent from, or moved out of.
#[derive(Clone)]
enum Slot {
    Text,
    Slice(Type),
    Lent(Type),
    Moved(Type),
    MaybeText,
    MaybeSlice(Type),
    MaybeLent(Type),
}

impl Parameter {
    pub(crate) fn new(
        ident: Ident,
        ty: Type,
        default: Option<DefaultValue>,
        errors: &Errors,
    ) -> Option<Self> {
        let before = errors.count();
        let slot = Slot::of(&ty);
        slot.check(&ty, errors);
        if default.is_some() && types::option(&ty).is_some() {
            errors.at(
                &ty,
                "`Option` already takes what the caller left out, as `None`: drop `#[default]` \
                 or the `Option`",
            );
        }
        let name = wire_name(&ident);
        if name.is_empty() {
            errors.at(&ident, "this parameter has no name to travel under");
        }
        (errors.count() == before).then_some(Self { name, ident, ty, slot, default })
    }

    /// A field of a struct, which its own `Deserialize` decodes.
    pub(crate) fn field(ident: Ident, name: String, ty: Type) -> Self {
        Self { name, ident, slot: Slot::Moved(ty.clone()), ty, default: None }
    }

    /// How people write the type.
    pub(crate) fn type_text(&self) -> String {
        tokens_text(&self.ty)
    }

    /// The place of its type.
    pub(crate) fn span(&self) -> Span {
        Span::mixed_site().located_at(self.ty.span())
    }

    /// The type to decode into.
    pub(crate) fn slot(&self, p: &Runtime) -> TokenStream {
        let slot = self.filled(p);
        match self.default {
            Some(_) => quote_spanned!(self.span()=> ::core::option::Option<#slot>),
            None => slot,
        }
    }

    /// The type of the decoded value, its default in place.
    pub(crate) fn filled(&self, p: &Runtime) -> TokenStream {
        self.slot.ty(p, self.span())
    }

    /// The statement that puts the default in place.
    pub(crate) fn fill(&self, p: &Runtime) -> Option<TokenStream> {
        let ident = &self.ident;
        let value = match self.default.as_ref()? {
            DefaultValue::OfType => quote!(#ident.unwrap_or_default()),
            DefaultValue::Expression(value) => match self.slot {
                Slot::Text => quote!(#ident.unwrap_or_else(|| #p::Text::from(#value))),
                _ => quote!(#ident.unwrap_or_else(|| #value)),
            },
        };
        Some(quote!(let #ident = #value;))
    }

    /// The expression that passes the decoded value to the method.
    pub(crate) fn pass(&self) -> TokenStream {
        let ident = &self.ident;
        match &self.slot {
            Slot::Text | Slot::Slice(_) | Slot::Lent(_) => quote!(&#ident),
            Slot::Moved(_) => quote!(#ident),
            Slot::MaybeText | Slot::MaybeSlice(_) => quote!(#ident.as_deref()),
            Slot::MaybeLent(_) => quote!(#ident.as_ref()),
        }
    }

    /// The expression by which a client lends its argument to be serialized, reported
    /// at this place where it cannot.
    pub(crate) fn lend(&self, span: Span) -> TokenStream {
        let mut ident = self.ident.clone();
        ident.set_span(ident.span().located_at(span));
        quote_spanned!(span=> &#ident)
    }

    /// Whether its type may not be able to travel.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.slot.inner().is_some_and(|inner| !types::is_primitive(inner))
    }

    /// A check, at the type, that a service can decode it.
    pub(crate) fn decodes(&self, p: &Runtime) -> Option<TokenStream> {
        self.check(p, "decodes")
    }

    /// A check, at the type, that a client can send it.
    pub(crate) fn encodes(&self, p: &Runtime) -> Option<TokenStream> {
        self.check(p, "encodes")
    }

    fn check(&self, p: &Runtime, name: &str) -> Option<TokenStream> {
        let inner = self.slot.inner().filter(|_| self.is_doubtful())?;
        let (p, check) = (p.located_at(self.span()), Ident::new(name, self.span()));
        Some(quote_spanned!(self.span()=> #p::#check::<#inner>();))
    }
}

/// The name that travels: without `r#`, and without the underscore that says "not used".
pub(crate) fn wire_name(ident: &Ident) -> String {
    ident.unraw().to_string().trim_start_matches('_').to_owned()
}

impl Slot {
    fn of(ty: &Type) -> Self {
        if let Some(reference) = types::reference(ty) {
            return match types::bare(&reference.elem) {
                elem if types::is_str(elem) => Self::Text,
                Type::Slice(slice) => Self::Slice(types::erased(&slice.elem)),
                elem => Self::Lent(types::erased(elem)),
            };
        }
        match types::option(ty).and_then(types::reference).map(|inner| types::bare(&inner.elem)) {
            Some(elem) if types::is_str(elem) => Self::MaybeText,
            Some(Type::Slice(slice)) => Self::MaybeSlice(types::erased(&slice.elem)),
            Some(elem) => Self::MaybeLent(types::erased(elem)),
            None => Self::Moved(types::erased(ty)),
        }
    }

    fn inner(&self) -> Option<&Type> {
        match self {
            Self::Text | Self::MaybeText => None,
            Self::Slice(ty) | Self::Lent(ty) | Self::Moved(ty) => Some(ty),
            Self::MaybeSlice(ty) | Self::MaybeLent(ty) => Some(ty),
        }
    }

    fn check(&self, written: &Type, errors: &Errors) {
        let outer = types::reference(written);
        let outer = outer.or_else(|| types::option(written).and_then(types::reference));
        if outer.is_some_and(|reference| reference.mutability.is_some()) {
            errors.at(written, "a parameter comes from a message: take `&T` or `T`, not `&mut T`");
            return;
        }
        if outer.is_some_and(types::is_static) {
            let message = format!(
                "a parameter is lent for as long as the handler runs, not for `'static`: {}",
                self.without_static()
            );
            errors.at(written, message);
            return;
        }
        let Some(inner) = self.inner() else { return };
        let mentions = types::mentions(inner);
        if mentions.impl_trait || mentions.trait_object {
            errors.at(
                written,
                "a parameter has one type that can be decoded: no `impl Trait` and no `dyn Trait`",
            );
        } else if types::is_unsized(written) {
            errors.at(written, "a parameter has a size: lend it, `&str` or `&[T]`, or own it");
        } else if mentions.reference {
            errors.at(
                written,
                "only the outermost type of a parameter may be lent: `&str`, `&[T]`, `&T`, or an \
                 `Option` of one; inside it, own the value: `&[String]`, `Vec<String>`",
            );
        }
    }

    /// What to write for a type that is lent for ever.
    fn without_static(&self) -> String {
        let text = tokens_text;
        match self {
            Self::Text => "write `&str`, or `String` to keep it".to_owned(),
            Self::MaybeText => "write `Option<&str>`, or `Option<String>` to keep it".to_owned(),
            Self::Slice(ty) => format!("write `&[{0}]`, or `Vec<{0}>` to keep it", text(ty)),
            Self::MaybeSlice(ty) => {
                format!("write `Option<&[{0}]>`, or `Option<Vec<{0}>>` to keep it", text(ty))
            }
            Self::Lent(ty) | Self::Moved(ty) => {
                format!("write `&{0}`, or `{0}` to keep it", text(ty))
            }
            Self::MaybeLent(ty) => {
                format!("write `Option<&{0}>`, or `Option<{0}>` to keep it", text(ty))
            }
        }
    }

    fn ty(&self, p: &Runtime, span: Span) -> TokenStream {
        match self {
            Self::Text => quote_spanned!(span=> #p::Text<'_>),
            Self::Slice(ty) => quote_spanned!(span=> #p::Vec<#ty>),
            Self::Lent(ty) | Self::Moved(ty) => quote!(#ty),
            Self::MaybeText => quote_spanned!(span=> ::core::option::Option<#p::Text<'_>>),
            Self::MaybeSlice(ty) => quote_spanned!(span=> ::core::option::Option<#p::Vec<#ty>>),
            Self::MaybeLent(ty) => quote_spanned!(span=> ::core::option::Option<#ty>),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::{Type, parse_quote};

    use super::{DefaultValue, Parameter, Runtime, wire_name};
    use crate::errors::Errors;

    fn parameter(ty: Type, default: Option<DefaultValue>) -> Result<Parameter, String> {
        let errors = Errors::default();
        let parameter = Parameter::new(parse_quote!(item), ty, default, &errors);
        parameter.ok_or_else(|| errors.messages().join("; "))
    }

    #[test]
    fn a_lent_parameter_is_decoded_into_what_owns_it() {
        let p = Runtime::default();
        for (ty, slot, pass) in [
            (parse_quote!(&str), quote!(::postage_core::__private::Text<'_>), quote!(&item)),
            (parse_quote!(&'a str), quote!(::postage_core::__private::Text<'_>), quote!(&item)),
            (
                parse_quote!(Option<&str>),
                quote!(::core::option::Option<::postage_core::__private::Text<'_>>),
                quote!(item.as_deref()),
            ),
            (parse_quote!(&[Line]), quote!(::postage_core::__private::Vec<Line>), quote!(&item)),
            (
                parse_quote!(Option<&[u8]>),
                quote!(::core::option::Option<::postage_core::__private::Vec<u8>>),
                quote!(item.as_deref()),
            ),
            (parse_quote!(&Line), quote!(Line), quote!(&item)),
            (
                parse_quote!(Option<&Line>),
                quote!(::core::option::Option<Line>),
                quote!(item.as_ref()),
            ),
            (parse_quote!(u32), quote!(u32), quote!(item)),
            (parse_quote!(Cow<'a, str>), quote!(Cow<'_, str>), quote!(item)),
            (parse_quote!(Option<u32>), quote!(Option<u32>), quote!(item)),
        ] {
            let parameter = parameter(ty, None).unwrap();
            assert_eq!(parameter.slot(&p).to_string(), slot.to_string());
            assert_eq!(parameter.pass().to_string(), pass.to_string());
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for (ty, part) in [
            (parse_quote!(&mut Line), "not `&mut T`"),
            (parse_quote!(Vec<&str>), "own the value"),
            (parse_quote!(&&str), "own the value"),
            (parse_quote!(&dyn Debug), "no `dyn Trait`"),
            (parse_quote!(impl Debug), "no `impl Trait`"),
            (parse_quote!(&'static str), "write `&str`, or `String`"),
            (parse_quote!(Option<&'static [u8]>), "`Option<&[u8]>`, or `Option<Vec<u8>>`"),
            (parse_quote!(&'static Line), "write `&Line`, or `Line`"),
        ] {
            let error = parameter(ty, None).err().unwrap_or_default();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn an_option_needs_no_default() {
        let error = parameter(parse_quote!(Option<u32>), Some(DefaultValue::OfType)).err();
        assert!(error.unwrap_or_default().contains("drop `#[default]`"));
    }

    #[test]
    fn names_travel_without_rust_s_marks() {
        assert_eq!(wire_name(&parse_quote!(r#type)), "type");
        assert_eq!(wire_name(&parse_quote!(_note)), "note");
    }
}
