use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::method::{self, Schemas};
use super::{local, quiet};
use crate::model::struct_handler::StructHandler;
use crate::parse::attributes;

/// The struct, and its entry for a dispatch table.
pub(crate) fn render(handler: &StructHandler) -> TokenStream {
    let StructHandler { runtime: p, item, method } = handler;
    let ident = &item.ident;
    // Generic parameters have been reported; the fields could not be decoded.
    if !item.generics.params.is_empty() {
        return quote!(#item);
    }
    let conditions = attributes::conditions(&item.attrs);
    // The impl has the struct's conditions already.
    let entry = method::unconditional(p, method, Schemas::Struct(ident));
    let quiet = quiet();
    let request = local("request");
    // Where a field that cannot be decoded is reported: at the struct's name.
    let span = Span::mixed_site().located_at(ident.span());
    let located = p.located_at(span);
    let read = quote_spanned!(span=> #located::read_handler::<#ident>(#request));
    quote! {
        #item
        #(#conditions)*
        #quiet
        impl #p::DeclareHandler for #ident {
            const METHOD: #p::Method = #entry;

            fn read(
                #request: &#p::Request<'_>,
            ) -> ::core::result::Result<Self, #p::BadParameters> {
                #read
            }
        }
    }
}
