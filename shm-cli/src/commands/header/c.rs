//! A header for C11, as GCC and Clang compile it.

use shm_runtime::inspect::Scalar;

use super::model::{Body, Copies, Declaration, Field, Member, Model, Padding, Ty, Variant};
use super::names::{Language, comment, literal};
use super::reader::{Dialect, TAIL_LEN};
use super::{About, FOOTER, Text};

const DIALECT: Dialect = Dialect {
    language: Language::C,
    inline: "static inline",
    structure: "struct ",
    u64: "uint64_t",
    size: "size_t",
    comment: ("/* ", " */"),
    declare,
};

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
            Body::Copies(copied) => copies(model, declaration, copied, out),
        }
        DIALECT.load(model, declaration, out);
        DIALECT.messages(declaration, out);
    }
    about.key(out, |comment, key| {
        let name = model.scope.claim(&format!("{root}_KEY"));
        format!("\n/* {comment} */\n#define {name} ((int){key:#010x}u)")
    });
    out.line("");
    let check = model.scope.claim(&format!("{root}_is_sealed"));
    let slice = model.slice();
    let element = slice.as_ref().map(|(_, element)| *element);
    is_sealed(&check, size, element, about, out);
    about.lengths(DIALECT, &root, size, model, out);
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
    for Field { ident: member, offset, size, ty, .. } in fields {
        if let Ty::Nothing(_) = ty {
            continue;
        }
        out.line(format_args!(
            "_Static_assert(offsetof(struct {ident}, {member}) == {offset}, \"offset of {ident}.{member}\");"
        ));
        // A flexible array has none.
        if *size != 0 {
            out.line(format_args!(
                "_Static_assert(sizeof(((struct {ident} *)0)->{member}) == {size}, \"size of {ident}.{member}\");"
            ));
        }
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
        Ty::Slice(of) => declare(model, of, &format!("{name}[]")),
        Ty::Declared(index) => {
            let declaration = &model.declarations[*index];
            let keyword = if matches!(declaration.body, Body::Enum { .. }) { "" } else { "struct " };
            format!("{keyword}{} {name}", declaration.ident)
        }
        Ty::Opaque { size, align, .. } => format!("_Alignas({align}) unsigned char {name}[{size}]"),
        Ty::Nothing(_) => String::new(),
    }
}

fn copies(model: &Model, declaration: &Declaration, copies: &Copies, out: &mut Text) {
    let Declaration { ident, size, align, .. } = declaration;
    let Copies { kind, value, len, slots_offset, rest, read, .. } = copies;
    out.line(format_args!("/* {}: written by Rust only, and read by {read}. */", kind.name()));
    out.line(format_args!("struct {ident} {{"));
    out.line(format_args!("    _Alignas({align}) _Atomic uint64_t {};", kind.number()));
    if *slots_offset > 8 {
        out.line(format_args!("    unsigned char {}[{}];", kind.between(), slots_offset - 8));
    }
    out.line(format_args!("    {};", declare(model, value, &format!("slots[{len}]"))));
    if *rest > 0 {
        out.line(format_args!("    unsigned char rest[{rest}];"));
    }
    out.line("};");
    out.line(format_args!("_Static_assert(sizeof(struct {ident}) == {size}, \"size of {ident}\");"));
    out.line(format_args!("_Static_assert(_Alignof(struct {ident}) == {align}, \"alignment of {ident}\");"));
    out.line(format_args!(
        "_Static_assert(offsetof(struct {ident}, slots) == {slots_offset}, \"offset of {ident}.slots\");"
    ));
    DIALECT.read(model, declaration, copies, out);
}

/// The check that a C program cannot make at compile time: that the segment is of this layout.
fn is_sealed(name: &str, struct_size: usize, element: Option<usize>, about: &About, out: &mut Text) {
    out.line("/* Whether a segment, mapped at `segment`, is sealed as one of this layout, and in use. Its size is the `shm_segsz` of");
    out.line(" * shmctl(2) with IPC_STAT. */");
    out.line(format_args!("static inline bool {name}(const void *segment, size_t size) {{"));
    out.line("    static const char schema[] =");
    about.schema_lines(out, |line, last| format!("        {}{}", literal(line), if last { ";" } else { "" }));
    out.line("    const size_t length = sizeof schema - 1;");
    out.line(format_args!("    if (size % 8 != 0 || size < {FOOTER})"));
    out.line("        return false;");
    out.line(format_args!("    const unsigned char *at = segment, *footer = at + size - {FOOTER};"));
    out.line(
        "    const uint32_t *state = (const void *)footer, *version = state + 1, *schema_length = state + 6;",
    );
    out.line("    const uint64_t *struct_size = (const void *)(footer + 16), *magic = (const void *)(footer + 104);");
    out.line("    const uint64_t bytes = __atomic_load_n(struct_size, __ATOMIC_RELAXED);");
    match element {
        None => out.line(format_args!("    if (bytes != {struct_size})")),
        // With the slice, and what a compiler puts after it.
        Some(element) => {
            out.line(format_args!(
                "    const uint64_t len = __atomic_load_n((const uint64_t *)(const void *)(footer + {TAIL_LEN}), __ATOMIC_RELAXED);"
            ));
            out.line(format_args!(
                "    if (bytes < {struct_size} || bytes > size || len > (bytes - {struct_size}) / {element})"
            ));
        }
    }
    out.line("        return false;");
    out.line(
        "    const size_t text = (bytes + 7) / 8 * 8, room = size - {FOOTER};"
            .replace("{FOOTER}", &FOOTER.to_string()),
    );
    out.line("    if (room < length || room - length < text)");
    out.line("        return false;");
    out.line("    uint64_t seal;");
    out.line("    __builtin_memcpy(&seal, \"SysVseal\", 8);");
    out.line("    /* Ready, or ready while another process looks whether it is stale. */");
    out.line("    uint32_t now = __atomic_load_n(state, __ATOMIC_ACQUIRE);");
    out.line("    if (now != 2 && (now & 15) != 5 && (now & 15) != 7)");
    out.line("        return false;");
    out.line("    if (__atomic_load_n(magic, __ATOMIC_RELAXED) != seal || __atomic_load_n(version, __ATOMIC_RELAXED) != 3 ||");
    out.line("        __atomic_load_n(schema_length, __ATOMIC_RELAXED) != length)");
    out.line("        return false;");
    out.line("    for (size_t i = 0; i < length; i++)");
    out.line("        if (__atomic_load_n(at + text + i, __ATOMIC_RELAXED) != (unsigned char)schema[i])");
    out.line("            return false;");
    out.line("    return true;");
    out.line("}");
}
