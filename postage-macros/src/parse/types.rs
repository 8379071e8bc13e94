//! What a type looks like. A macro sees names only: an alias hides what it stands for.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::visit_mut::VisitMut;
use syn::{GenericArgument, Ident, Lifetime, PathArguments, PathSegment, Signature, Type};
use syn::{TypeParamBound, TypeReference};

/// The type without the invisible or written parentheses around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The types between the angle brackets of a path's last name.
fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// A type by the name of its last segment, with its type arguments.
pub(crate) fn named<'t>(ty: &'t Type, name: &str) -> Option<Vec<&'t Type>> {
    let segment = last_segment(ty)?;
    (segment.ident == name).then(|| type_arguments(segment))
}

/// The `T` of an `Option<T>`.
pub(crate) fn option(ty: &Type) -> Option<&Type> {
    match named(ty, "Option")?.as_slice() {
        [inner] => Some(inner),
        _ => None,
    }
}

/// The `T` of an `impl Future<Output = T>`.
pub(crate) fn future_output(ty: &Type) -> Option<&Type> {
    let Type::ImplTrait(bounds) = bare(ty) else { return None };
    let future = bounds.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().filter(|segment| segment.ident == "Future")
        }
        _ => None,
    })?;
    let PathArguments::AngleBracketed(arguments) = &future.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
        _ => None,
    })
}

/// A shared or mutable reference.
pub(crate) fn reference(ty: &Type) -> Option<&TypeReference> {
    match bare(ty) {
        Type::Reference(reference) => Some(reference),
        _ => None,
    }
}

/// Whether a reference is lent for ever.
pub(crate) fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// Whether a path's last name is given `'static`.
pub(crate) fn takes_static(ty: &Type) -> bool {
    let arguments = last_segment(ty).map(|segment| &segment.arguments);
    let Some(PathArguments::AngleBracketed(arguments)) = arguments else { return false };
    arguments.args.iter().any(|argument| {
        matches!(argument, GenericArgument::Lifetime(lifetime) if lifetime.ident == "static")
    })
}

/// Whether this is `str`.
pub(crate) fn is_str(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.is_ident("str"))
}

/// Whether this is `str` or `[T]` itself.
pub(crate) fn is_unsized(ty: &Type) -> bool {
    is_str(ty) || matches!(bare(ty), Type::Slice(_))
}

/// Whether this is a number, a truth value or a character.
pub(crate) fn is_primitive(ty: &Type) -> bool {
    const PRIMITIVES: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16",
        "u32", "u64", "u128", "usize",
    ];
    match bare(ty) {
        Type::Path(path) => PRIMITIVES.iter().any(|name| path.path.is_ident(name)),
        _ => false,
    }
}

/// Whether this is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The type with every lifetime but `'static` replaced by one that the compiler finds.
pub(crate) fn erased(ty: &Type) -> Type {
    struct Eraser;
    impl VisitMut for Eraser {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }
    }
    let mut ty = ty.clone();
    Eraser.visit_type_mut(&mut ty);
    ty
}

/// The tokens with this type for `Self`, also within macro calls.
pub(crate) fn with_self(tokens: TokenStream, ty: &Ident) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            Ident::new(&ty.to_string(), ident.span()).into()
        }
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), with_self(group.stream(), ty));
            replaced.set_span(group.span());
            replaced.into()
        }
        other => other,
    });
    replaced.collect()
}

/// The lifetimes with a name that parameters and answer mention.
pub(crate) fn lifetimes(signature: &Signature) -> Vec<&Ident> {
    struct Lifetimes<'t>(Vec<&'t Ident>);
    impl<'t> Visit<'t> for Lifetimes<'t> {
        fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
            if lifetime.ident != "static" && lifetime.ident != "_" {
                self.0.push(&lifetime.ident);
            }
        }
    }
    let mut lifetimes = Lifetimes(Vec::new());
    for input in &signature.inputs {
        lifetimes.visit_fn_arg(input);
    }
    lifetimes.visit_return_type(&signature.output);
    lifetimes.0
}

/// What a type mentions anywhere inside.
#[derive(Default)]
pub(crate) struct Mentions {
    pub(crate) reference: bool,
    pub(crate) lifetime: bool,
    pub(crate) self_type: bool,
    pub(crate) trait_object: bool,
    pub(crate) impl_trait: bool,
}

/// Looks through a type.
pub(crate) fn mentions(ty: &Type) -> Mentions {
    let mut mentions = Mentions::default();
    mentions.visit_type(ty);
    mentions
}

impl<'t> Visit<'t> for Mentions {
    fn visit_type_reference(&mut self, reference: &'t TypeReference) {
        self.reference = true;
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        self.lifetime |= lifetime.ident != "static";
    }

    fn visit_path_segment(&mut self, segment: &'t PathSegment) {
        self.self_type |= segment.ident == "Self";
        visit::visit_path_segment(self, segment);
    }

    fn visit_type_trait_object(&mut self, object: &'t syn::TypeTraitObject) {
        self.trait_object = true;
        visit::visit_type_trait_object(self, object);
    }

    fn visit_type_impl_trait(&mut self, bounds: &'t syn::TypeImplTrait) {
        self.impl_trait = true;
        visit::visit_type_impl_trait(self, bounds);
    }
}
