//! A header for C++20: plain structs, and `std::atomic_ref` for what is atomic.

use shm_runtime::inspect::Scalar;

use super::c::{number, scalar};
use super::model::{Body, Declaration, Field, Member, Model, Padding, SeqLock, Ty};
use super::names::{Language, Scope, comment};
use super::{About, Text};

pub(super) fn header(model: &mut Model, about: &About, out: &mut Text) {
    let Some(root) = model.root() else { return };
    let root = root.ident.clone();
    about.head(out, "//", "//", "");
    out.line("#pragma once");
    for included in ["atomic", "cstddef", "cstdint", "type_traits"] {
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
            Body::SeqLock(lock) => seqlock(model, declaration, lock, out),
        }
        out.line(format_args!(
            "static_assert(sizeof(::{ident}) == {size} && alignof(::{ident}) == {align});"
        ));
        match (&declaration.body, &declaration.load) {
            (Body::Struct(fields), Some(load)) => {
                out.line("");
                out.line(format_args!("inline void {load}(const ::{ident} &from, ::{ident} &to) {{"));
                out.line(LOAD);
                for field in fields {
                    let (from, to) = (format!("from.{}", field.ident), format!("to.{}", field.ident));
                    copy(model, &field.ty, &from, &to, 1, out);
                }
                out.line("    (void)load;");
                out.line("}");
            }
            (Body::SeqLock(lock), _) => {
                out.line("");
                read(model, declaration, lock, out);
            }
            _ => {}
        }
    }
    about.key(out, |comment, key| {
        let name = model.scope.claim(&format!("{root}_key"));
        // The conversion keeps the bits, as C++20 says.
        format!("\n// {comment}\ninline constexpr int {name} = static_cast<int>({key:#010x}u);")
    });
}

/// Copies one scalar, as one atomic step.
const LOAD: &str = "    const auto load = [](const auto &from, auto &to) {
        using T = std::remove_reference_t<decltype(to)>;
        to = std::atomic_ref<T>(const_cast<T &>(from)).load(std::memory_order_relaxed);
    };";

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
        Ty::Nothing(_) => String::new(),
    }
}

fn seqlock(model: &Model, declaration: &Declaration, lock: &SeqLock, out: &mut Text) {
    let Declaration { ident, align, .. } = declaration;
    let SeqLock { value, slots_offset, rest, read, .. } = lock;
    out.line(format_args!("// SeqLock: written by Rust only, and read by {read}."));
    out.line(format_args!("struct {ident} {{"));
    out.line(format_args!("    alignas({align}) std::uint64_t sequence;"));
    if *slots_offset > 8 {
        out.line(format_args!("    std::byte padding[{}];", slots_offset - 8));
    }
    out.line(format_args!("    {};", declare(model, value, "slots[2]")));
    if *rest > 0 {
        out.line(format_args!("    std::byte writer[{rest}];"));
    }
    out.line("};");
    out.line(format_args!("static_assert(offsetof(::{ident}, slots) == {slots_offset});"));
}

fn read(model: &Model, declaration: &Declaration, lock: &SeqLock, out: &mut Text) {
    let (ident, SeqLock { value, read, .. }) = (&declaration.ident, lock);
    out.line("// Gives the last value that was written whole. False if the writer was faster every time; then try again later.");
    let to = declare(model, value, if matches!(value, Ty::Array(..)) { "(&value)" } else { "&value" });
    out.line(format_args!("[[nodiscard]] inline bool {read}(const ::{ident} &lock, {to}) {{"));
    out.line(LOAD);
    out.line("    for (int attempt = 0; attempt < 10000; attempt++) {");
    out.line("        std::uint64_t before, after;");
    out.line("        load(lock.sequence, before);");
    out.line("        // Sees what was stored before this number.");
    out.line("        std::atomic_thread_fence(std::memory_order_acquire);");
    copy(model, value, "lock.slots[before & 1]", "value", 2, out);
    out.line("        // If any of that was of a later value, sees the number that was stored before it.");
    out.line("        std::atomic_thread_fence(std::memory_order_acquire);");
    out.line("        load(lock.sequence, after);");
    out.line("        if (before == after)");
    out.line("            return true;");
    out.line("    }");
    out.line("    return false;");
    out.line("}");
}

/// Statements that copy a value scalar by scalar.
fn copy(model: &Model, ty: &Ty, from: &str, to: &str, depth: usize, out: &mut Text) {
    let indent = "    ".repeat(depth);
    match ty {
        Ty::Scalar(_) => out.line(format_args!("{indent}load({from}, {to});")),
        Ty::Array(len, of) => {
            let i = format!("i{depth}");
            out.line(format_args!("{indent}for (std::size_t {i} = 0; {i} < {len}; {i}++) {{"));
            copy(model, of, &format!("{from}[{i}]"), &format!("{to}[{i}]"), depth + 1, out);
            out.line(format_args!("{indent}}}"));
        }
        Ty::Declared(index) => {
            let declaration = &model.declarations[*index];
            match &declaration.load {
                Some(load) => out.line(format_args!("{indent}{load}({from}, {to});")),
                // An enum, which is a scalar.
                None => out.line(format_args!("{indent}load({from}, {to});")),
            }
        }
        // Not in what can be copied.
        Ty::Atomic(_) | Ty::Opaque { .. } | Ty::Nothing(_) => {}
    }
}
