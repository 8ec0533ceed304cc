use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::attribute::{Measure, Rule};
use crate::shape::{Member, Shape};

/// Errors are told where the span is; names mean what they mean in what is written here, also where a macro of the plugin's own
/// wrote the struct.
fn here(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// The implementations that make a record of a struct.
pub fn write(shape: &Shape<'_>) -> TokenStream {
    let field = write_field(shape);
    let record = write_record(shape);
    quote! {
        #field
        #record
    }
}

fn header(shape: &Shape<'_>, of: &TokenStream) -> TokenStream {
    let (ident, lifetime) = (shape.ident, &shape.lifetime);
    let (_, arguments, _) = shape.generics.split_for_impl();
    quote!(#[automatically_derived] impl<#lifetime> ::sluicegate_sdk::#of<#lifetime> for #ident #arguments)
}

fn write_field(shape: &Shape<'_>) -> TokenStream {
    let (header, lifetime) = (header(shape, &quote!(Field)), &shape.lifetime);
    // Whatever is wrong with a field's type is told where that stands: all that speaks of it has its span.
    let slot = |(index, member): (usize, &Member<'_>)| {
        format_ident!("slot_{index}", span = here(member.kind.span()))
    };
    let slots: Vec<_> = shape.members.iter().enumerate().map(slot).collect();
    let fills = shape
        .members
        .iter()
        .zip(&slots)
        .enumerate()
        .map(|(index, (member, slot))| fill(index, member, slot, shape.whole.strict));
    let names = shape.members.iter().map(|member| &member.name);
    let finishes = shape.members.iter().zip(&slots).map(|(member, slot)| finish(member, slot));
    let idents = shape.members.iter().map(|member| member.ident);
    let kinds = shape.members.iter().map(|member| member.kind);
    let properties = shape.members.iter().map(property);
    let description = &shape.description;
    quote! {
        #header {
            fn read(
                reader: &mut ::sluicegate_sdk::json::Reader<#lifetime>,
                at: &::sluicegate_sdk::At<'_>,
            ) -> ::core::result::Result<Self, ::sluicegate_sdk::json::Stop> {
                reader.object(at, "model_type")?;
                // Whether the fields of a record within another are strict is its own to say.
                let strict_outside = reader.set_strict(false);
                #(let mut #slots: ::sluicegate_sdk::Slot<#kinds> = ::sluicegate_sdk::Slot::Unseen;)*
                let mut progress = ::sluicegate_sdk::json::Progress::new();
                while let ::core::option::Option::Some(index) = reader.named(&[#(#names),*], &mut progress)? {
                    match index {
                        #(#fills)*
                        _ => {}
                    }
                }
                reader.set_strict(strict_outside);
                #(#finishes)*
                match (#(#slots,)*) {
                    (#(::core::option::Option::Some(#slots),)*) => ::core::result::Result::Ok(Self { #(#idents: #slots),* }),
                    _ => ::core::result::Result::Err(::sluicegate_sdk::json::Stop::Faulty),
                }
            }

            fn schema() -> ::sluicegate_sdk::Schema {
                ::sluicegate_sdk::rule::of_object(#description, ::std::vec![#(#properties),*])
            }
        }
    }
}

fn fill(index: usize, member: &Member<'_>, slot: &syn::Ident, all_strict: bool) -> TokenStream {
    let name = &member.name;
    let checks = member.options.rules.iter().map(check);
    let fill = quote_spanned! {here(member.kind.span())=>
        #slot.fill(reader, at, #name, |value| {
            #(#checks)*
            let _ = value;
            ::core::result::Result::Ok(())
        })
    };
    if !(all_strict || member.options.strict) {
        return quote!(#index => #fill?,);
    }
    quote! {
        #index => {
            reader.set_strict(true);
            let filled = #fill;
            reader.set_strict(false);
            filled?;
        }
    }
}

fn check(rule: &Rule) -> TokenStream {
    match rule {
        Rule::Limit(name, limit) => {
            quote_spanned!(here(name.span())=> ::sluicegate_sdk::rule::#name(value, (#limit) as _)?;)
        }
        Rule::Length(name, limit) => {
            quote_spanned!(here(name.span())=> ::sluicegate_sdk::rule::#name(value, #limit)?;)
        }
        Rule::OneOf(name, choices) => {
            quote_spanned!(here(name.span())=> ::sluicegate_sdk::rule::#name(value, &[#(#choices),*])?;)
        }
        Rule::Pattern(name, pattern) => quote_spanned! {here(name.span())=> {
            static PATTERN: ::sluicegate_sdk::rule::Pattern = ::sluicegate_sdk::rule::Pattern::new(#pattern);
            ::sluicegate_sdk::rule::pattern(value, &PATTERN)?;
        }},
        Rule::Format(name, known) => {
            quote_spanned!(here(name.span())=> ::sluicegate_sdk::rule::#name(value, &::sluicegate_sdk::rule::#known)?;)
        }
        Rule::Check(name, function) => {
            quote_spanned!(here(name.span())=> ::sluicegate_sdk::rule::#name(value, #function)?;)
        }
    }
}

fn finish(member: &Member<'_>, slot: &syn::Ident) -> TokenStream {
    let (name, kind) = (&member.name, member.kind);
    let absent = if member.options.default {
        quote!(|| ::core::option::Option::Some(::core::default::Default::default()))
    } else {
        quote_spanned!(here(member.kind.span())=> <#kind as ::sluicegate_sdk::Field<'_>>::absent)
    };
    quote_spanned!(here(member.kind.span())=> let #slot = #slot.finish(reader, at, #name, #absent);)
}

fn property(member: &Member<'_>) -> TokenStream {
    let (name, kind) = (&member.name, member.kind);
    let schema = quote_spanned!(here(kind.span())=> <#kind as ::sluicegate_sdk::Field<'_>>::schema());
    let rules = member.options.rules.iter().map(keyword);
    let description = match member.description.as_str() {
        "" => quote!(),
        text => quote!(.with_text("description", #text)),
    };
    let required = if member.options.default {
        quote!(false)
    } else {
        quote_spanned!(here(kind.span())=> <#kind as ::sluicegate_sdk::Field<'_>>::absent().is_none())
    };
    quote!((#name, #required, #schema #description #(#rules)*))
}

fn keyword(rule: &Rule) -> TokenStream {
    match rule {
        Rule::Limit(name, limit) => {
            let keyword = match name.to_string().as_str() {
                "above" => "exclusiveMinimum",
                "min" => "minimum",
                "below" => "exclusiveMaximum",
                _ => "maximum",
            };
            quote!(.with(#keyword, ::std::string::ToString::to_string(&(#limit))))
        }
        Rule::Length(name, limit) => {
            let end = if name == "min_len" { quote!(Min) } else { quote!(Max) };
            quote!(.with_length(::sluicegate_sdk::rule::Limit::#end, #limit))
        }
        Rule::OneOf(_, choices) => quote!(.with_choice(&[#(#choices),*])),
        Rule::Pattern(_, pattern) => quote!(.with_text("pattern", #pattern)),
        Rule::Format(_, known) => quote!(.with_text("format", ::sluicegate_sdk::rule::#known.name)),
        // JSON Schema has no word for it.
        Rule::Check(..) => quote!(),
    }
}

fn count(Measure { meter, attributes }: &Measure) -> TokenStream {
    quote_spanned!(here(meter.span())=> out.measure(&#meter, 1.0, [#(&self.#attributes),*]);)
}

fn measure(member: &Member<'_>, Measure { meter, attributes }: &Measure) -> TokenStream {
    let ident = member.ident;
    quote_spanned! {here(meter.span())=>
        if let ::core::option::Option::Some(quantity) = ::sluicegate_sdk::Quantity::quantity(&self.#ident) {
            out.measure(&#meter, quantity, [#(&self.#attributes),*]);
        }
    }
}

fn write_record(shape: &Shape<'_>) -> TokenStream {
    let (header, lifetime) = (header(shape, &quote!(Record)), &shape.lifetime);
    let id = shape.members.iter().find(|member| member.options.id.is_some());
    let key = shape.members.iter().find(|member| member.options.key.is_some());
    // A field may be there only to be checked: it counts as used.
    let idents = shape.members.iter().map(|member| member.ident);
    let id_field = id.map_or("", |member| member.name.as_str());
    let say = |member: &Member<'_>, what: syn::Ident| {
        let (ident, span) = (member.ident, here(member.kind.span()));
        quote_spanned!(span=> out.#what(&self.#ident);)
    };
    let id = id.map(|member| say(member, format_ident!("id")));
    let key = key.map(|member| say(member, format_ident!("key")));
    let counts = shape.whole.counts.iter().map(count);
    let measures = shape
        .members
        .iter()
        .flat_map(|member| member.options.measures.iter().map(|one| measure(member, one)));
    quote! {
        #header {
            const ID_FIELD: &'static str = #id_field;

            #[inline]
            fn read(
                body: ::sluicegate_sdk::Body<#lifetime>,
            ) -> ::core::result::Result<Self, ::sluicegate_sdk::Violations> {
                body.json()
            }

            fn identify(&self, out: &mut ::sluicegate_sdk::Out<'_>) {
                #id
                #key
                #(#counts)*
                #(#measures)*
                let _ = (out, #(&self.#idents),*);
            }

            fn schema() -> ::std::string::String {
                <Self as ::sluicegate_sdk::Field<'_>>::schema().to_json()
            }
        }
    }
}
