use proc_macro2::Span;
use quote::ToTokens;
use syn::{
    DataStruct, DeriveInput, Error, Field, Fields, GenericParam, Generics, Ident, Lifetime, Result, Type,
};

use crate::attribute::{Options, Whole, documentation};

/// A struct that is to become a record.
pub struct Shape<'i> {
    pub ident: &'i Ident,
    pub generics: &'i Generics,
    /// The lifetime of what is borrowed from the record's text.
    pub lifetime: Lifetime,
    pub description: String,
    pub members: Vec<Member<'i>>,
    pub whole: Whole,
}

pub struct Member<'i> {
    pub ident: &'i Ident,
    pub kind: &'i Type,
    /// In JSON.
    pub name: String,
    pub description: String,
    pub options: Options,
}

impl<'i> Shape<'i> {
    pub fn parse(input: &'i DeriveInput, data: &'i DataStruct) -> Result<Self> {
        let Fields::Named(fields) = &data.fields else {
            return Err(Error::new_spanned(&input.ident, "a record needs named fields"));
        };
        let shape = Self {
            ident: &input.ident,
            generics: &input.generics,
            lifetime: lifetime(&input.generics)?,
            description: documentation(&input.attrs),
            members: fields.named.iter().map(Member::parse).collect::<Result<_>>()?,
            whole: Whole::parse(&input.attrs)?,
        };
        at_most_one(shape.members.iter().filter_map(|member| member.options.id.as_ref()), "id")?;
        at_most_one(shape.members.iter().filter_map(|member| member.options.key.as_ref()), "key")?;
        Ok(shape)
    }
}

impl<'i> Member<'i> {
    fn parse(field: &'i Field) -> Result<Self> {
        let Some(ident) = &field.ident else {
            return Err(Error::new_spanned(field, "a record needs named fields"));
        };
        let options = Options::parse(&field.attrs)?;
        let name = match &options.rename {
            Some(name) => name.value(),
            None => ident.to_string().trim_start_matches("r#").to_owned(),
        };
        if name.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
            return Err(Error::new_spanned(
                &options.rename,
                "a name has no quotes, backslashes or control characters",
            ));
        }
        Ok(Self { ident, kind: &field.ty, name, description: documentation(&field.attrs), options })
    }
}

fn lifetime(generics: &Generics) -> Result<Lifetime> {
    let mut lifetimes = Vec::new();
    for parameter in &generics.params {
        match parameter {
            GenericParam::Lifetime(parameter) => lifetimes.push(parameter.lifetime.clone()),
            other => return Err(Error::new_spanned(other, "a record takes no type parameters")),
        }
    }
    match lifetimes.as_slice() {
        [] => Ok(Lifetime::new("'record", Span::call_site())),
        [one] => Ok(one.clone()),
        [_, second, ..] => {
            Err(Error::new_spanned(second, "a record borrows from one text: it takes one lifetime"))
        }
    }
}

fn at_most_one<'o>(mut named: impl Iterator<Item = &'o Ident>, what: &str) -> Result<()> {
    named.next();
    match named.next() {
        Some(second) => {
            Err(Error::new_spanned(second.to_token_stream(), format!("another field is the {what} already")))
        }
        None => Ok(()),
    }
}
