//! A header for C++20: plain structs, and `std::atomic_ref` for what is atomic.

use shm_runtime::inspect::Scalar;

use super::c::{number, scalar};
use super::model::{Body, Copies, Declaration, Field, Member, Model, Padding, Ty};
use super::names::{Language, Scope, comment};
use super::reader::Dialect;
use super::{About, Text};

const DIALECT: Dialect = Dialect {
    language: Language::Cpp,
    inline: "inline",
    structure: "::",
    u64: "std::uint64_t",
    size: "std::size_t",
    comment: ("// ", ""),
    declare,
};

pub(super) fn header(model: &mut Model, about: &About, out: &mut Text) {
    let Some(root) = model.root() else { return };
    let (root, size) = (root.ident.clone(), root.size);
    about.head(out, "//", "//", "");
    out.line("#pragma once");
    for included in ["atomic", "cstddef", "cstdint"] {
        out.line(format_args!("#include <{included}>"));
    }
    out.line("#ifndef __cpp_lib_atomic_ref");
    out.line("#error \"this header needs std::atomic_ref, which is in C++20\"");
    out.line("#endif");
    out.line("");
    out.line(format_args!("static_assert(sizeof(std::uintptr_t) == {});", Scalar::Usize.size()));
    for declaration in &model.declarations {
        let Declaration { ident, name, size, align, .. } = declaration;
        out.line("");
        match &declaration.body {
            Body::Struct(fields) => {
                out.renamed("// ", "struct", name, ident, "");
                structure(model, declaration, fields, out);
                for Field { ident: member, offset, size, .. } in fields.iter().filter(|field| field.size != 0)
                {
                    out.line(format_args!(
                        "static_assert(offsetof(::{ident}, {member}) == {offset} && sizeof(::{ident}::{member}) == {size});"
                    ));
                }
            }
            Body::Enum { repr, variants } => {
                out.line(format_args!(
                    "// enum {}: one of these, unless another process wrote something else.",
                    comment(name)
                ));
                out.line(format_args!("enum class {ident} : {} {{", std_scalar(*repr)));
                for variant in variants {
                    out.line(format_args!("    {} = {},", variant.ident, number(*repr, variant.value)));
                }
                out.line("};");
            }
            Body::Copies(copied) => copies(model, declaration, copied, out),
        }
        out.line(format_args!(
            "static_assert(sizeof(::{ident}) == {size} && alignof(::{ident}) == {align});"
        ));
        DIALECT.load(model, declaration, out);
        DIALECT.messages(declaration, out);
        if let Body::Copies(copies) = &declaration.body {
            DIALECT.read(model, declaration, copies, out);
        }
    }
    about.lengths(DIALECT, &root, size, model, out);
    about.key(out, |comment, key| {
        let name = model.scope.claim(&format!("{root}_key"));
        // The conversion keeps the bits, as C++20 says.
        format!("\n// {comment}\ninline constexpr int {name} = static_cast<int>({key:#010x}u);")
    });
}

fn std_scalar(of: Scalar) -> String {
    match of {
        Scalar::F32 | Scalar::F64 => scalar(of).to_owned(),
        _ => format!("std::{}", scalar(of)),
    }
}

fn structure(model: &Model, declaration: &Declaration, fields: &[Field], out: &mut Text) {
    let (extent, ident) = ((declaration.size, declaration.align), &declaration.ident);
    out.line(format_args!("struct {ident} {{"));
    let (members, aligned) = model.members(extent, fields, Padding::Unnatural, Language::Cpp);
    let mut align = if aligned { format!("alignas({}) ", declaration.align) } else { String::new() };
    // A member function of the struct's name would be a constructor.
    let mut scope = Scope::inner(Language::Cpp);
    scope.claim_all([ident.as_str()].into_iter().chain(fields.iter().map(|field| field.ident.as_str())));
    let mut accessors = Vec::new();
    for member in members {
        match member {
            Member::Field(Field { name, ty: Ty::Nothing(ty), .. }) => {
                out.line(format_args!("    // {}: {}, without bytes", comment(name), comment(ty)));
            }
            Member::Field(Field { ident, offset, ty: Ty::Slice(of), .. }) => {
                accessors.push(slice(model, ident, *offset, of));
            }
            Member::Field(field) => {
                let said = field.remark(Language::Cpp, " // ", "");
                out.line(format_args!("    {align}{};{said}", declare(model, &field.ty, &field.ident)));
                align.clear();
                accessors.extend(accessor(field, &mut scope));
            }
            Member::Padding { ident, size, .. } => {
                out.line(format_args!("    {align}std::byte {ident}[{size}];"));
                align.clear();
            }
        }
    }
    for accessor in accessors {
        out.line(accessor);
    }
    out.line("};");
}

/// The functions of an atomic field: the second is for a segment that is mapped read-only.
fn accessor(field: &Field, scope: &mut Scope) -> Option<String> {
    // Not by its name only, which a parameter may have.
    let (mut ty, mut parameters, mut place) = (&field.ty, Vec::new(), format!("this->{}", field.ident));
    while let Ty::Array(_, of) = ty {
        let i = format!("i{}", parameters.len());
        place.push_str(&format!("[{i}]"));
        parameters.push(format!("std::size_t {i}"));
        ty = of;
    }
    let Ty::Atomic(of) = ty else { return None };
    let of = std_scalar(*of);
    let (reference, load) =
        (scope.claim(&format!("{}_ref", field.ident)), scope.claim(&format!("{}_load", field.ident)));
    let taken = parameters.join(", ");
    let order = "std::memory_order order = std::memory_order_seq_cst".to_owned();
    let with_order = parameters.into_iter().chain([order]).collect::<Vec<_>>().join(", ");
    Some(format!(
        "    auto {reference}({taken}) {{ return std::atomic_ref<{of}>({place}); }}
    {of} {load}({with_order}) const {{
        return std::atomic_ref<{of}>(const_cast<{of} &>({place})).load(order);
    }}"
    ))
}

/// The functions that give the first element of the slice at the end.
fn slice(model: &Model, ident: &str, offset: usize, of: &Ty) -> String {
    // A pointer's type says nothing of alignment, and what is opaque is bytes.
    fn plain(ty: &Ty) -> Ty {
        match ty {
            Ty::Atomic(of) => Ty::Scalar(*of),
            Ty::Opaque { size, .. } => Ty::Array(*size, Box::new(Ty::Scalar(Scalar::U8))),
            Ty::Array(len, of) => Ty::Array(*len, Box::new(plain(of))),
            other => other.clone(),
        }
    }
    let of = plain(of);
    let pointer = |name: &str| match &of {
        Ty::Array(..) => declare(model, &of, &format!("(*{name})")),
        _ => declare(model, &of, &format!("*{name}")),
    };
    // Within the declaration, as what is returned may be a pointer to an array.
    let (function, of_const) = (pointer(&format!("{ident}()")), pointer(&format!("{ident}() const")));
    let ty = pointer("");
    format!(
        "    // Its elements begin at {offset}: so many as the segment has room for.
    {function} {{ return reinterpret_cast<{ty}>(reinterpret_cast<unsigned char *>(this) + {offset}); }}
    const {of_const} {{
        return reinterpret_cast<const {ty}>(reinterpret_cast<const unsigned char *>(this) + {offset});
    }}"
    )
}

/// A declaration of `name`. Types are named from the outside: a member may have the name of one.
fn declare(model: &Model, ty: &Ty, name: &str) -> String {
    match ty {
        // An atomic reference may need more than the type itself; on 64-bit Linux it does not, which is asserted.
        Ty::Atomic(of) => {
            let of = std_scalar(*of);
            format!("alignas(std::atomic_ref<{of}>::required_alignment) {of} {name}")
        }
        Ty::Scalar(of) => format!("{} {name}", std_scalar(*of)),
        Ty::Array(len, of) => declare(model, of, &format!("{name}[{len}]")),
        Ty::Declared(index) => format!("::{} {name}", model.declarations[*index].ident),
        Ty::Opaque { size, align, .. } => format!("alignas({align}) std::byte {name}[{size}]"),
        // A slice has a function, as C++ has no flexible arrays.
        Ty::Nothing(_) | Ty::Slice(_) => String::new(),
    }
}

fn copies(model: &Model, declaration: &Declaration, copies: &Copies, out: &mut Text) {
    let Declaration { ident, align, .. } = declaration;
    let Copies { kind, value, len, slots_offset, rest, read, .. } = copies;
    out.line(format_args!("// {}: written by Rust only, and read by {read}.", kind.name()));
    out.line(format_args!("struct {ident} {{"));
    out.line(format_args!("    alignas({align}) std::uint64_t {};", kind.number()));
    if *slots_offset > 8 {
        out.line(format_args!("    std::byte {}[{}];", kind.between(), slots_offset - 8));
    }
    out.line(format_args!("    {};", declare(model, value, &format!("slots[{len}]"))));
    if *rest > 0 {
        out.line(format_args!("    std::byte rest[{rest}];"));
    }
    out.line("};");
    out.line(format_args!("static_assert(offsetof(::{ident}, slots) == {slots_offset});"));
}
