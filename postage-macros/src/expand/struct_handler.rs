use proc_macro2::TokenStream;
use quote::quote;

use super::{method, quiet};
use crate::model::struct_handler::StructHandler;
use crate::parse::attributes;

/// The struct, and its entry for a dispatch table.
pub(crate) fn render(handler: &StructHandler) -> TokenStream {
    let StructHandler { runtime: p, item, method } = handler;
    let ident = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let conditions = attributes::conditions(&item.attrs);
    // The impl has the struct's conditions already.
    let entry = method::unconditional(p, method);
    let quiet = quiet();
    quote! {
        #item
        #(#conditions)*
        #quiet
        impl #generics #p::DeclareHandler for #ident #arguments #bounds {
            const METHOD: #p::Method = #entry;
        }
    }
}
