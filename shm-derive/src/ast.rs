//! The model of the annotated type. Every node keeps the `syn` original, for errors and for the output.

use std::collections::HashSet;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{DeriveInput, Fields, Ident, Path, Type};

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
    /// A tuple struct, a struct without fields, or a union.
    Other,
}

pub(crate) struct Field<'a> {
    pub(crate) original: &'a syn::Field,
    pub(crate) ident: &'a Ident,
    /// The same, where the derive writes it.
    pub(crate) generated: Ident,
    pub(crate) ty: &'a Type,
    pub(crate) settings: attr::Field,
}

impl<'a> Container<'a> {
    pub(crate) fn new(original: &'a DeriveInput, role: Role, ctxt: &Ctxt) -> Self {
        let settings = attr::Container::parse(&original.attrs, role, ctxt);
        let data = match &original.data {
            syn::Data::Struct(data) => match &data.fields {
                Fields::Named(fields) if !fields.named.is_empty() => {
                    Data::Struct(fields.named.iter().filter_map(|field| Field::new(field, ctxt)).collect())
                }
                _ => Data::Other,
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
    /// `None` for a field without a name, which a struct with named fields does not have.
    fn new(original: &'a syn::Field, ctxt: &Ctxt) -> Option<Self> {
        let settings = attr::Field::parse(&original.attrs, ctxt);
        let ident = original.ident.as_ref()?;
        Some(Self { original, ident, generated: generated(ident), ty: &original.ty, settings })
    }

    /// The field's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}
