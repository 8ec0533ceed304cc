use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{DataEnum, DeriveInput, Error, Fields, Ident, Lifetime, Result};

use crate::attribute::{Options, documentation};

/// The implementation that makes an enum without fields one of a few texts: its variants' names in
/// `snake_case`, or what `#[field(rename = "…")]` says.
pub fn write(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(parameter, "a choice takes no parameters"));
    }
    if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("record")) {
        return Err(Error::new_spanned(attribute, "a choice takes nothing of a record's"));
    }
    let mut variants = Vec::new();
    for variant in &data.variants {
        let Fields::Unit = variant.fields else {
            return Err(Error::new_spanned(&variant.fields, "a choice's variants have no fields"));
        };
        let options = Options::parse(&variant.attrs)?;
        if !options.is_only_named() {
            return Err(Error::new_spanned(&variant.ident, "a choice's variants take nothing but rename"));
        }
        let name = options.rename.map_or_else(|| snake_case(&variant.ident), |name| name.value());
        variants.push((&variant.ident, name));
    }
    let (idents, names): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
    let (ident, lifetime) = (&input.ident, Lifetime::new("'record", Span::call_site()));
    let description = match documentation(&input.attrs).as_str() {
        "" => quote!(),
        text => quote!(.with_text("description", #text)),
    };
    Ok(quote! {
        #[automatically_derived]
        impl #ident {
            /// As it stands in records.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    #(Self::#idents => #names),*
                }
            }
        }

        #[automatically_derived]
        impl<#lifetime> ::sluicegate_sdk::Field<#lifetime> for #ident {
            fn read(
                reader: &mut ::sluicegate_sdk::json::Reader<#lifetime>,
                at: &::sluicegate_sdk::At<'_>,
            ) -> ::core::result::Result<Self, ::sluicegate_sdk::json::Stop> {
                match reader.input()? {
                    #(::sluicegate_sdk::lax::Input::Text(text) if text == #names => ::core::result::Result::Ok(Self::#idents),)*
                    _ => ::core::result::Result::Err(::sluicegate_sdk::rule::no_choice(reader, at, &[#(#names),*])),
                }
            }

            fn schema() -> ::sluicegate_sdk::Schema {
                ::sluicegate_sdk::Schema::of_type("string").with_choice(&[#(#names),*]) #description
            }
        }

        #[automatically_derived]
        impl ::sluicegate_sdk::Attribute for #ident {
            fn attribute(&self) -> ::sluicegate_sdk::AttributeRef<'_> {
                ::sluicegate_sdk::AttributeRef::Text(self.as_str())
            }
        }
    })
}

fn snake_case(ident: &Ident) -> String {
    let mut name = String::new();
    for (index, c) in ident.to_string().char_indices() {
        if index > 0 && c.is_uppercase() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}
