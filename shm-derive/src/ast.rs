//! The model of the annotated type. Every node keeps the `syn` original, for errors and for the output.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{DeriveInput, Expr, ExprLit, Fields, Ident, Lit, Path, Type};

use crate::attr;
use crate::ctxt::Ctxt;
use crate::repr::Repr;

/// Which derive it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `SharedSegment`.
    Segment,
    /// `Shareable`.
    Part,
}

pub(crate) struct Container<'a> {
    pub(crate) original: &'a DeriveInput,
    pub(crate) role: Role,
    pub(crate) settings: attr::Container,
    pub(crate) repr: Repr<'a>,
    pub(crate) data: Data<'a>,
    /// The path of the runtime crate.
    pub(crate) runtime: Path,
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
        Self { original, role, settings, repr, data, runtime }
    }

    /// The fields of a struct; none for anything else.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        match &self.data {
            Data::Struct(fields) => fields,
            Data::Enum(_) | Data::Other => &[],
        }
    }

    /// The type's name as its readers know it: `type_name`, or the identifier without `r#`.
    pub(crate) fn name(&self) -> String {
        match self.settings.type_name.as_ref().map(|set| &set.value) {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(name), .. })) => name.value(),
            _ => self.original.ident.unraw().to_string(),
        }
    }
}

impl<'a> Field<'a> {
    /// `None` for a field without a name, which a struct with named fields does not have.
    fn new(original: &'a syn::Field, ctxt: &Ctxt) -> Option<Self> {
        let settings = attr::Field::parse(&original.attrs, ctxt);
        Some(Self { original, ident: original.ident.as_ref()?, ty: &original.ty, settings })
    }

    /// The field's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}
