//! Names on the wire as serde's attributes on a struct say. What serde itself does not understand
//! is serde's to report.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token};

/// What `#[serde(..)]` says of a struct or of a field of it.
#[derive(Default)]
pub(crate) struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    /// The field does not come under a name of its own: left out, or spread over several.
    pub(crate) nameless: bool,
}

impl Serde {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            // What was read before a mistake stands.
            let _ = attribute.parse_nested_meta(|meta| serde.read(&meta));
        }
        serde
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("rename") {
            self.rename = text(meta)?.or_else(|| self.rename.take());
        } else if meta.path.is_ident("rename_all") {
            self.rename_all = text(meta)?.or_else(|| self.rename_all.take());
        } else {
            let nameless = ["skip", "skip_deserializing", "flatten"];
            self.nameless |= nameless.iter().any(|name| meta.path.is_ident(name));
            pass_over(meta)?;
        }
        Ok(())
    }

    /// The name that a field of this struct is read under.
    pub(crate) fn field(&self, field: &Self, ident: String) -> String {
        if let Some(name) = &field.rename {
            return name.clone();
        }
        match &self.rename_all {
            Some(style) => restyled(&ident, style),
            None => ident,
        }
    }
}

/// The text of `name = ".."`, or of `name(deserialize = "..")`.
fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<String>> {
    if meta.input.peek(Token![=]) {
        return Ok(Some(meta.value()?.parse::<LitStr>()?.value()));
    }
    let mut text = None;
    meta.parse_nested_meta(|inner| {
        let value = inner.value()?.parse::<LitStr>()?.value();
        if inner.path.is_ident("deserialize") {
            text = Some(value);
        }
        Ok(())
    })?;
    Ok(text)
}

/// Reads past the value or the list of an argument that names nothing.
fn pass_over(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let list;
        syn::parenthesized!(list in meta.input);
        list.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

/// A field's name in one of serde's styles.
fn restyled(name: &str, style: &str) -> String {
    match style {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        "PascalCase" => name.split('_').map(capitalized).collect(),
        "camelCase" => {
            let pascal = restyled(name, "PascalCase");
            let (first, rest) = pascal.split_at(pascal.chars().next().map_or(0, char::len_utf8));
            first.to_ascii_lowercase() + rest
        }
        // A field's name is in snake case.
        _ => name.to_owned(),
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::{Serde, restyled};

    fn names(item: &ItemStruct) -> Vec<String> {
        let whole = Serde::of(&item.attrs);
        let name = |field: &syn::Field| {
            let serde = Serde::of(&field.attrs);
            let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            (!serde.nameless).then(|| whole.field(&serde, ident))
        };
        item.fields.iter().filter_map(name).collect()
    }

    #[test]
    fn a_field_has_the_name_that_it_is_read_under() {
        let item = parse_quote! {
            #[derive(Deserialize)]
            #[serde(default, rename_all = "camelCase")]
            struct Sweep {
                shop_floor: u32,
                #[serde(bound(deserialize = "T: X"), rename = "aisle", default = "one")]
                number: u32,
                #[serde(rename(serialize = "out", deserialize = "in"))]
                r#in: u32,
                #[serde(rename(serialize = "out"))]
                half_way: u32,
                #[serde(skip)]
                seen: bool,
                #[serde(flatten)]
                rest: Rest,
            }
        };
        assert_eq!(names(&item), ["shopFloor", "aisle", "in", "halfWay"]);
    }

    #[test]
    fn the_styles_are_serdes() {
        for (style, name) in [
            ("lowercase", "shop_floor"),
            ("snake_case", "shop_floor"),
            ("UPPERCASE", "SHOP_FLOOR"),
            ("PascalCase", "ShopFloor"),
            ("camelCase", "shopFloor"),
            ("SCREAMING_SNAKE_CASE", "SHOP_FLOOR"),
            ("kebab-case", "shop-floor"),
            ("SCREAMING-KEBAB-CASE", "SHOP-FLOOR"),
        ] {
            assert_eq!(restyled("shop_floor", style), name, "{style}");
        }
    }
}
