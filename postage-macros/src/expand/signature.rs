//! The signature of a contract's method: a text that travels with each call, by which a service finds
//! out whether the caller has the same contract. The runtime's `contract/shape.rs` says how it is
//! written.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Expr, GenericArgument, Lit, PathArguments, PathSegment, Type};

use crate::model::method::Method;
use crate::model::runtime::Runtime;
use crate::model::signature::Answer;
use crate::parse::types;

/// `.with_signature(..)`, with the text and the schemas of the types that are the user's own.
pub(crate) fn render(p: &Runtime, method: &Method) -> TokenStream {
    let Text { text, own } = Text::of(method);
    let own = own.iter().map(|(end, ty)| {
        let (end, ty) = (Literal::usize_unsuffixed(*end), types::erased(ty));
        quote!((#end, #p::schema!(#ty)))
    });
    quote! {
        .with_signature(|| {
            static __POSTAGE_SIGNATURE: #p::Signature = #p::Signature::new(#text, &[#(#own),*]);
            &__POSTAGE_SIGNATURE
        })
    }
}

/// A signature as it grows.
#[derive(Default)]
struct Text<'m> {
    text: String,
    /// The types of the user's own, and where they end.
    own: Vec<(usize, &'m Type)>,
}

impl<'m> Text<'m> {
    fn of(method: &'m Method) -> Self {
        let mut text = Self::default();
        if method.settings.bare {
            text.text.push('*');
        }
        text.separated(method.parameters(), |text, parameter| {
            text.text.push_str(&parameter.name);
            text.text.push(':');
            text.ty(&parameter.ty);
            if parameter.default.is_some() {
                text.text.push('=');
            }
        });
        let value = match &method.answer {
            Answer::Value(ty) => Some(&**ty),
            Answer::Result(documented) => Some(&documented.ok),
            Answer::Early(_) | Answer::Settled | Answer::Concluded => None,
        };
        if let Some(value) = value {
            text.text.push_str("->");
            text.ty(value);
        }
        text
    }

    fn separated<T>(&mut self, all: impl IntoIterator<Item = T>, each: impl Fn(&mut Self, T)) {
        for (place, one) in all.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            each(self, one);
        }
    }

    fn enclosed(&mut self, open: char, close: char, inner: impl FnOnce(&mut Self)) {
        self.text.push(open);
        inner(self);
        self.text.push(close);
    }

    fn ty(&mut self, ty: &'m Type) {
        match types::bare(ty) {
            Type::Reference(reference) => self.ty(&reference.elem),
            Type::Slice(slice) => self.enclosed('[', ']', |text| text.ty(&slice.elem)),
            Type::Array(array) => self.enclosed('[', ']', |text| {
                text.ty(&array.elem);
                text.text.push(';');
                text.text.push_str(&constant(&array.len));
            }),
            Type::Tuple(tuple) => {
                self.enclosed('(', ')', |text| text.separated(&tuple.elems, Self::ty));
            }
            Type::Path(path) => match path.path.segments.last() {
                Some(segment) => self.named(ty, segment),
                None => self.text.push('_'),
            },
            // What has no name, like what a macro makes, is the same as any other of the kind.
            _ => self.text.push('_'),
        }
    }

    /// A type by its name, which is all that a macro sees.
    fn named(&mut self, ty: &'m Type, segment: &'m PathSegment) {
        let name = segment.ident.unraw().to_string();
        let arguments = arguments(segment);
        match (name.as_str(), arguments.as_slice()) {
            ("String", []) => self.text.push_str("str"),
            ("Box" | "Arc" | "Rc" | "Cow", [Argument::Type(inner)]) => self.ty(inner),
            ("Option", [Argument::Type(inner)]) => {
                self.ty(inner);
                self.text.push('?');
            }
            ("Vec" | "VecDeque" | "HashSet" | "BTreeSet", [Argument::Type(inner), ..]) => {
                self.enclosed('[', ']', |text| text.ty(inner));
            }
            ("HashMap" | "BTreeMap", [Argument::Type(key), Argument::Type(value), ..]) => {
                self.enclosed('{', '}', |text| {
                    text.ty(key);
                    text.text.push(':');
                    text.ty(value);
                });
            }
            _ => {
                self.text.push_str(&name);
                let before = self.own.len();
                if !arguments.is_empty() {
                    self.enclosed('<', '>', |text| text.separated(arguments, Self::argument));
                }
                // The schema of the whole says what is in it.
                self.own.truncate(before);
                if !types::is_primitive(ty) && !types::is_str(ty) {
                    self.own.push((self.text.len(), ty));
                }
            }
        }
    }

    fn argument(&mut self, argument: Argument<'m>) {
        match argument {
            Argument::Type(ty) => self.ty(ty),
            Argument::Constant(constant) => self.text.push_str(&constant),
        }
    }
}

/// What is between the angle brackets of a type, but for lifetimes.
enum Argument<'m> {
    Type(&'m Type),
    Constant(String),
}

fn arguments(segment: &PathSegment) -> Vec<Argument<'_>> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let arguments = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(Argument::Type(ty)),
        GenericArgument::Const(value) => Some(Argument::Constant(constant(value))),
        _ => None,
    });
    arguments.collect()
}

/// A length, where it is written as a number or a name.
fn constant(value: &Expr) -> String {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_digits().to_owned(),
            Lit::Bool(value) => value.value.to_string(),
            _ => "_".to_owned(),
        },
        Expr::Path(path) => {
            let last = path.path.segments.last();
            last.map_or_else(|| "_".to_owned(), |segment| segment.ident.unraw().to_string())
        }
        _ => "_".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens as _;
    use syn::parse_quote;

    use super::{Text, Type};

    fn text(ty: &Type) -> (String, Vec<String>) {
        let mut text = Text::default();
        text.ty(ty);
        let own = text.own.iter().map(|(end, ty)| {
            assert!(*end <= text.text.len());
            ty.to_token_stream().to_string()
        });
        let own = own.collect();
        (text.text, own)
    }

    #[test]
    fn how_something_is_owned_or_reached_does_not_count() {
        let same: [(&str, &[Type]); 6] = [
            (
                "str",
                &[
                    parse_quote!(&str),
                    parse_quote!(&'a str),
                    parse_quote!(String),
                    parse_quote!(std::string::String),
                    parse_quote!(Cow<'_, str>),
                    parse_quote!(&Box<str>),
                    parse_quote!((String)),
                ],
            ),
            (
                "[u8]?",
                &[
                    parse_quote!(Option<&[u8]>),
                    parse_quote!(core::option::Option<Vec<u8>>),
                    parse_quote!(Option<Cow<'a, [u8]>>),
                    parse_quote!(Option<BTreeSet<u8>>),
                ],
            ),
            (
                "Line",
                &[
                    parse_quote!(Line),
                    parse_quote!(&Line),
                    parse_quote!(crate::stock::Line),
                    parse_quote!(r#Line),
                    parse_quote!(Arc<Line>),
                    parse_quote!(Line<'a>),
                ],
            ),
            (
                "{str:[u64]}",
                &[
                    parse_quote!(HashMap<String, Vec<u64>>),
                    parse_quote!(BTreeMap<Box<str>, &[u64]>),
                ],
            ),
            ("[f32;4]", &[parse_quote!([f32; 4]), parse_quote!([f32; 4usize])]),
            ("()", &[parse_quote!(())]),
        ];
        for (expected, types) in same {
            for ty in types {
                assert_eq!(text(ty).0, expected, "{}", ty.to_token_stream());
            }
        }
    }

    #[test]
    fn only_a_type_of_the_users_own_has_a_schema_and_in_it_no_other() {
        let cases: [(Type, &str, &[&str]); 7] = [
            (parse_quote!(u64), "u64", &[]),
            (parse_quote!(&str), "str", &[]),
            (parse_quote!((u8, Line, Vec<Row>)), "(u8,Line,[Row])", &["Line", "Row"]),
            (parse_quote!(Page<Line, 3>), "Page<Line,3>", &["Page < Line , 3 >"]),
            (parse_quote!(Grid<{ N + 1 }>), "Grid<_>", &["Grid < { N + 1 } >"]),
            (parse_quote!([Line; LENGTH]), "[Line;LENGTH]", &["Line"]),
            (parse_quote!(made!()), "_", &[]),
        ];
        for (ty, expected, own) in cases {
            let (text, found) = text(&ty);
            assert_eq!(text, expected);
            assert_eq!(found, own, "{expected}");
        }
    }
}
