//! A header for C11, as GCC and Clang compile it.

use shm_runtime::inspect::Scalar;

use super::model::{Body, Declaration, Field, Member, Model, Padding, SeqLock, Ty, Variant};
use super::names::{Language, comment, literal};
use super::{About, FOOTER, Text};

pub(super) fn header(model: &mut Model, about: &About, out: &mut Text) {
    let Some(root) = model.root() else { return };
    let (root, size) = (root.ident.clone(), root.size);
    about.head(out, "/*", " *", " */");
    out.line("#pragma once");
    out.line("#ifdef __cplusplus");
    out.line("#error \"this header is for C: `shm header --cpp` writes the one for C++\"");
    out.line("#endif");
    out.line("#include <stdatomic.h>");
    out.line("#include <stdbool.h>");
    out.line("#include <stddef.h>");
    out.line("#include <stdint.h>");
    out.line("");
    let pointer = Scalar::Usize.size();
    out.line(format_args!(
        "_Static_assert(sizeof(uintptr_t) == {pointer}, \"for programs of {} bits\");",
        8 * pointer
    ));
    for declaration in &model.declarations {
        out.line("");
        match &declaration.body {
            Body::Struct(fields) => {
                structure(model, declaration, fields, out);
                asserts(declaration, fields, out);
            }
            Body::Enum { repr, variants } => {
                out.line(format_args!(
                    "/* enum {}: one of these, unless another process wrote something else. */",
                    comment(&declaration.name)
                ));
                out.line(format_args!("typedef {} {};", scalar(*repr), declaration.ident));
                // Enumerators are of type int.
                let (small, large): (Vec<_>, Vec<_>) =
                    variants.iter().partition(|variant| i32::try_from(variant.value).is_ok());
                let constant = |variant: &Variant| (number(*repr, variant.value), variant.ident.clone());
                if !small.is_empty() {
                    out.line("enum {");
                    for (value, ident) in small.into_iter().map(constant) {
                        out.line(format_args!("    {ident} = {value},"));
                    }
                    out.line("};");
                }
                for (value, ident) in large.into_iter().map(constant) {
                    out.line(format_args!("#define {ident} (({}){value})", declaration.ident));
                }
            }
            Body::SeqLock(lock) => seqlock(model, declaration, lock, out),
        }
        if let (Some(load), Body::Struct(fields)) = (&declaration.load, &declaration.body) {
            let ident = &declaration.ident;
            out.line("");
            out.line(format_args!(
                "static inline void {load}(const struct {ident} *from, struct {ident} *to) {{"
            ));
            for field in fields {
                let (from, to) = (format!("from->{}", field.ident), format!("to->{}", field.ident));
                copy(model, &field.ty, &from, &to, 1, out);
            }
            out.line("}");
        }
    }
    about.key(out, |comment, key| {
        let name = model.scope.claim(&format!("{root}_KEY"));
        format!("\n/* {comment} */\n#define {name} ((int){key:#010x}u)")
    });
    out.line("");
    let check = model.scope.claim(&format!("{root}_is_sealed"));
    is_sealed(&check, size, about, out);
}

fn structure(model: &Model, declaration: &Declaration, fields: &[Field], out: &mut Text) {
    let (extent, ident) = ((declaration.size, declaration.align), &declaration.ident);
    out.renamed("/* ", "struct", &declaration.name, ident, " */");
    out.line(format_args!("struct {ident} {{"));
    let (members, aligned) = model.members(extent, fields, Padding::Unnatural, Language::C);
    let mut align = if aligned { format!("_Alignas({}) ", declaration.align) } else { String::new() };
    for member in members {
        match member {
            Member::Field(Field { name, ty: Ty::Nothing(ty), .. }) => {
                out.line(format_args!("    /* {}: {}, without bytes */", comment(name), comment(ty)));
            }
            Member::Field(field) => {
                let declared = declare(model, &field.ty, &field.ident);
                let said = field.remark(Language::C, " /* ", " */");
                out.line(format_args!("    {align}{declared};{said}"));
                align.clear();
            }
            Member::Padding { ident, size, .. } => {
                out.line(format_args!("    {align}unsigned char {ident}[{size}];"));
                align.clear();
            }
        }
    }
    out.line("};");
}

fn asserts(declaration: &Declaration, fields: &[Field], out: &mut Text) {
    let Declaration { ident, size, align, .. } = declaration;
    out.line(format_args!("_Static_assert(sizeof(struct {ident}) == {size}, \"size of {ident}\");"));
    out.line(format_args!("_Static_assert(_Alignof(struct {ident}) == {align}, \"alignment of {ident}\");"));
    for Field { ident: member, offset, size, .. } in fields.iter().filter(|field| field.size != 0) {
        out.line(format_args!(
            "_Static_assert(offsetof(struct {ident}, {member}) == {offset}, \"offset of {ident}.{member}\");"
        ));
        out.line(format_args!(
            "_Static_assert(sizeof(((struct {ident} *)0)->{member}) == {size}, \"size of {ident}.{member}\");"
        ));
    }
}

pub(super) fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "uint8_t",
        Scalar::U16 => "uint16_t",
        Scalar::U32 => "uint32_t",
        Scalar::U64 => "uint64_t",
        Scalar::Usize => "uintptr_t",
        Scalar::I8 => "int8_t",
        Scalar::I16 => "int16_t",
        Scalar::I32 => "int32_t",
        Scalar::I64 => "int64_t",
        Scalar::Isize => "intptr_t",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
        // Another process may have written another byte than 0 and 1, which C's bool must not be.
        Scalar::Bool => "uint8_t",
        Scalar::Char => "uint32_t",
    }
}

/// A constant of this type.
pub(super) fn number(repr: Scalar, value: i128) -> String {
    match repr {
        _ if value == i128::from(i64::MIN) => "INT64_MIN".to_owned(),
        Scalar::U64 | Scalar::Usize => format!("UINT64_C({value})"),
        Scalar::I64 | Scalar::Isize => format!("INT64_C({value})"),
        _ => value.to_string(),
    }
}

/// A declaration of `name`, which may have a `*` and parentheses.
fn declare(model: &Model, ty: &Ty, name: &str) -> String {
    match ty {
        Ty::Scalar(of) => format!("{} {name}", scalar(*of)),
        Ty::Atomic(of) => format!("_Atomic {} {name}", scalar(*of)),
        Ty::Array(len, of) => declare(model, of, &format!("{name}[{len}]")),
        Ty::Declared(index) => {
            let declaration = &model.declarations[*index];
            let keyword = if matches!(declaration.body, Body::Enum { .. }) { "" } else { "struct " };
            format!("{keyword}{} {name}", declaration.ident)
        }
        Ty::Opaque { size, align, .. } => format!("_Alignas({align}) unsigned char {name}[{size}]"),
        Ty::Nothing(_) => String::new(),
    }
}

fn seqlock(model: &Model, declaration: &Declaration, lock: &SeqLock, out: &mut Text) {
    let Declaration { ident, size, align, .. } = declaration;
    let SeqLock { value, slots_offset, rest, read, .. } = lock;
    out.line(format_args!("/* SeqLock: written by Rust only, and read by {read}. */"));
    out.line(format_args!("struct {ident} {{"));
    out.line(format_args!("    _Alignas({align}) _Atomic uint64_t sequence;"));
    if *slots_offset > 8 {
        out.line(format_args!("    unsigned char padding[{}];", slots_offset - 8));
    }
    out.line(format_args!("    {};", declare(model, value, "slots[2]")));
    if *rest > 0 {
        out.line(format_args!("    unsigned char writer[{rest}];"));
    }
    out.line("};");
    out.line(format_args!("_Static_assert(sizeof(struct {ident}) == {size}, \"size of {ident}\");"));
    out.line(format_args!("_Static_assert(_Alignof(struct {ident}) == {align}, \"alignment of {ident}\");"));
    out.line(format_args!(
        "_Static_assert(offsetof(struct {ident}, slots) == {slots_offset}, \"offset of {ident}.slots\");"
    ));
    out.line("");
    out.line("/* Gives the last value that was written whole. False if the writer was faster every time; then try again later. */");
    let to = declare(model, value, if matches!(value, Ty::Array(..)) { "(*value)" } else { "*value" });
    out.line(format_args!("static inline bool {read}(const struct {ident} *lock, {to}) {{"));
    out.line("    for (int attempt = 0; attempt < 10000; attempt++) {");
    out.line("        uint64_t before = atomic_load_explicit(&lock->sequence, memory_order_relaxed);");
    out.line("        /* Sees what was stored before this number. */");
    out.line("        atomic_thread_fence(memory_order_acquire);");
    copy(model, value, "lock->slots[before & 1]", "(*value)", 2, out);
    out.line("        /* If any of that was of a later value, sees the number that was stored before it. */");
    out.line("        atomic_thread_fence(memory_order_acquire);");
    out.line("        if (atomic_load_explicit(&lock->sequence, memory_order_relaxed) == before)");
    out.line("            return true;");
    out.line("    }");
    out.line("    return false;");
    out.line("}");
}

/// Statements that copy a value scalar by scalar, each as one atomic step.
fn copy(model: &Model, ty: &Ty, from: &str, to: &str, depth: usize, out: &mut Text) {
    let indent = "    ".repeat(depth);
    match ty {
        Ty::Scalar(_) => {
            out.line(format_args!("{indent}__atomic_load(&{from}, {}, __ATOMIC_RELAXED);", address(to)));
        }
        Ty::Array(len, of) => {
            let i = format!("i{depth}");
            out.line(format_args!("{indent}for (size_t {i} = 0; {i} < {len}; {i}++) {{"));
            copy(model, of, &format!("{from}[{i}]"), &format!("{to}[{i}]"), depth + 1, out);
            out.line(format_args!("{indent}}}"));
        }
        Ty::Declared(index) => {
            let declaration = &model.declarations[*index];
            match &declaration.load {
                Some(load) => out.line(format_args!("{indent}{load}(&{from}, {});", address(to))),
                // An enum, which is a scalar.
                None => copy(model, &Ty::Scalar(Scalar::U8), from, to, depth, out),
            }
        }
        // Not in what can be copied.
        Ty::Atomic(_) | Ty::Opaque { .. } | Ty::Nothing(_) => {}
    }
}

fn address(place: &str) -> String {
    match place {
        "(*value)" => "value".to_owned(),
        _ => format!("&{place}"),
    }
}

/// The check that a C program cannot make at compile time: that the segment is of this layout.
fn is_sealed(name: &str, struct_size: usize, about: &About, out: &mut Text) {
    out.line("/* Whether a segment, mapped at `segment`, is sealed as one of this layout, and in use. Its size is the `shm_segsz` of");
    out.line(" * shmctl(2) with IPC_STAT. */");
    out.line(format_args!("static inline bool {name}(const void *segment, size_t size) {{"));
    out.line("    static const char schema[] =");
    about.schema_lines(out, |line, last| format!("        {}{}", literal(line), if last { ";" } else { "" }));
    out.line(format_args!(
        "    const size_t text = {}, length = sizeof schema - 1;",
        struct_size.next_multiple_of(8)
    ));
    out.line(format_args!("    if (size % 8 != 0 || size < {FOOTER} || size - {FOOTER} < text + length)"));
    out.line("        return false;");
    out.line(format_args!("    const unsigned char *at = segment, *footer = at + size - {FOOTER};"));
    out.line(
        "    const uint32_t *state = (const void *)footer, *version = state + 1, *schema_length = state + 6;",
    );
    out.line("    const uint64_t *struct_size = (const void *)(footer + 16), *magic = (const void *)(footer + 96);");
    out.line("    uint64_t seal;");
    out.line("    __builtin_memcpy(&seal, \"SysVseal\", 8);");
    out.line("    /* Ready, or ready while another process looks whether it is stale. */");
    out.line("    uint32_t now = __atomic_load_n(state, __ATOMIC_ACQUIRE);");
    out.line("    if (now != 2 && (now & 15) != 5 && (now & 15) != 7)");
    out.line("        return false;");
    out.line("    if (__atomic_load_n(magic, __ATOMIC_RELAXED) != seal || __atomic_load_n(version, __ATOMIC_RELAXED) != 2 ||");
    out.line(format_args!("        __atomic_load_n(struct_size, __ATOMIC_RELAXED) != {struct_size} ||"));
    out.line("        __atomic_load_n(schema_length, __ATOMIC_RELAXED) != length)");
    out.line("        return false;");
    out.line("    for (size_t i = 0; i < length; i++)");
    out.line("        if (__atomic_load_n(at + text + i, __ATOMIC_RELAXED) != (unsigned char)schema[i])");
    out.line("            return false;");
    out.line("    return true;");
    out.line("}");
}
