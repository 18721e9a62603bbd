//! The model of the annotated type. Every node keeps the `syn` original, for errors and for the output.

use std::collections::HashSet;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{DeriveInput, Ident, Index, Member, Path, Type};

use crate::attr;
use crate::ctxt::Ctxt;
use crate::names::{self, generated};
use crate::repr::Repr;
use crate::role::Role;

pub(crate) struct Container<'a> {
    pub(crate) original: &'a DeriveInput,
    pub(crate) role: Role,
    pub(crate) settings: attr::Container,
    pub(crate) repr: Repr<'a>,
    pub(crate) data: Data<'a>,
    /// The path of the runtime crate.
    pub(crate) runtime: Path,
    /// The names that its parameters and its fields' types mention.
    pub(crate) mentioned: HashSet<String>,
    /// Whether there are macros in the fields' types: what those mention is not known.
    pub(crate) types_contain_macros: bool,
    /// The twin's parameter for the access.
    pub(crate) access: Ident,
}

pub(crate) enum Data<'a> {
    Struct(Vec<Field<'a>>),
    Enum(Vec<&'a syn::Variant>),
    /// A struct without fields, or a union.
    Other,
}

pub(crate) struct Field<'a> {
    pub(crate) original: &'a syn::Field,
    /// Its name, or its number in a tuple struct, where the derive writes it.
    pub(crate) generated: Member,
    pub(crate) ty: &'a Type,
    pub(crate) settings: attr::Field,
}

impl<'a> Container<'a> {
    pub(crate) fn new(original: &'a DeriveInput, role: Role, ctxt: &Ctxt) -> Self {
        let settings = attr::Container::parse(&original.attrs, role, ctxt);
        let data = match &original.data {
            syn::Data::Struct(data) => match &data.fields {
                fields if fields.is_empty() => Data::Other,
                fields => {
                    let fields = fields.iter().enumerate();
                    Data::Struct(fields.map(|(i, field)| Field::new(i, field, ctxt)).collect())
                }
            },
            syn::Data::Enum(data) => {
                let variants = data.variants.iter();
                Data::Enum(variants.inspect(|variant| attr::none_on_variant(variant, ctxt)).collect())
            }
            syn::Data::Union(_) => Data::Other,
        };
        let repr = Repr::parse(&original.attrs, ctxt);
        let runtime = settings.runtime(Span::call_site());
        let types = || fields(&data).iter().map(|field| field.ty);
        let mentioned = names::mentioned(&original.generics, types());
        let types_contain_macros = types().any(names::contains_macro);
        // `A`, where no other type can be meant by it.
        let access = names::free(&mentioned, if types_contain_macros { "__ShmAccess" } else { "A" });
        let access = Ident::new(&access, Span::call_site());
        Self { original, role, settings, repr, data, runtime, mentioned, types_contain_macros, access }
    }

    /// The fields of a struct; none for anything else.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        fields(&self.data)
    }
}

fn fields<'a, 'b>(data: &'b Data<'a>) -> &'b [Field<'a>] {
    match data {
        Data::Struct(fields) => fields,
        Data::Enum(_) | Data::Other => &[],
    }
}

impl<'a> Field<'a> {
    fn new(i: usize, original: &'a syn::Field, ctxt: &Ctxt) -> Self {
        let settings = attr::Field::parse(&original.attrs, ctxt);
        let generated = match &original.ident {
            Some(ident) => Member::Named(generated(ident)),
            None => Member::Unnamed(Index::from(i)),
        };
        Self { original, generated, ty: &original.ty, settings }
    }

    /// The field's name without `r#`, or its number.
    pub(crate) fn name(&self) -> String {
        match &self.generated {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }
}
