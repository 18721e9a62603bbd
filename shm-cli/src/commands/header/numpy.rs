//! A Python module with NumPy dtypes.

use shm_runtime::inspect::Scalar;

use super::model::{Body, Copies, Declaration, Kind, Model, Ty};
use super::names::{Language, comment, literal};
use super::python::SUPPORT;
use super::{About, Text};

pub(super) fn module(model: &mut Model, about: &About, out: &mut Text) {
    let Some(root) = model.root() else { return };
    let root = root.ident.clone();
    about.head(out, "#", "#", "");
    out.line(SUPPORT);
    out.line("");
    out.line("import numpy as _numpy");
    for declaration in &model.declarations {
        let Declaration { ident, name, size, .. } = declaration;
        out.line("");
        match &declaration.body {
            Body::Struct(fields) => {
                out.renamed("# ", "struct", name, ident, "");
                let fields = fields.iter().filter(|field| field.size != 0);
                let fields = fields.map(|field| {
                    let said = field.remark(Language::Python, "  # ", "");
                    (field.ident.as_str(), dtype(model, &field.ty), field.offset, said)
                });
                declare(ident, *size, fields, out);
            }
            Body::Enum { repr, variants } => {
                out.line(format_args!("# enum {}:", comment(name)));
                for variant in variants {
                    out.line(format_args!("#   {} = {}", comment(&variant.name), variant.value));
                }
                out.line(format_args!("{ident} = _numpy.dtype({})", scalar(*repr)));
            }
            Body::Copies(copies) => {
                let Copies { kind, value, len, slots_offset, .. } = copies;
                out.line(format_args!("# {}: written by Rust only.", kind.name()));
                let slots = format!("({}, ({len},))", dtype(model, value));
                let fields =
                    [(kind.number(), "\"u8\"".to_owned(), 0), ("slots", slots, *slots_offset)].into_iter();
                let fields = fields.map(|(name, ty, offset)| (name, ty, offset, String::new()));
                declare(ident, *size, fields, out);
            }
        }
    }
    let (key_name, schema, attach) = (
        model.scope.claim(&format!("{root}_key")),
        model.scope.claim(&format!("{root}_schema")),
        model.scope.claim(&format!("{root}_attach")),
    );
    out.line("");
    match about.key_value() {
        Some(_) => about.key(out, |comment, key| format!("# {comment}\n{key_name} = {key:#010x}")),
        None => out.line(format_args!("{key_name} = None")),
    }
    out.line(format_args!("{schema} = ("));
    about.schema_lines(out, |line, _| format!("    b{}", literal(line)));
    out.line(")");
    let sealed = if about.0.segment.is_some() { "True" } else { "False" };
    out.line(format_args!(
        r#"

def {attach}(key={key_name}, *, shmid=None, read_only=True, trust=()):
    """Attaches the segment, if it has this layout (ValueError if not), for as long as the process lives: an array of no
    dimension, of which `array["field"]` is a field. It has to be of this user or of root, or of a uid in `trust`."""
    address, size = _attach(key, shmid, read_only, trust, {root}.itemsize, {schema}, {sealed})
    array = _numpy.ndarray((), {root}, (_ctypes.c_uint8 * size).from_address(address))
    array.flags.writeable = not read_only
    return array"#
    ));
    if model.has(Kind::SeqLock) {
        let read = model.scope.claim(&format!("{root}_read"));
        out.line(format_args!(
            r#"

def {read}(lock):
    """The last value that was written whole to a SeqLock, `array["field"]`: a copy."""
    for _ in range(10000):
        before = int(lock["sequence"])
        # Sees what was stored before this number.
        _fence()
        value = lock["slots"][before & 1].copy()
        # If any of that was of a later value, sees the number that was stored before it.
        _fence()
        if int(lock["sequence"]) == before:
            return value
    raise BlockingIOError("the writer was faster every time: try again later")"#
        ));
    }
    if model.has(Kind::Ring) {
        let read = model.scope.claim(&format!("{root}_read_ring"));
        out.line(format_args!(
            r#"

def {read}(ring, number):
    """A copy of the value of a Ring, `array["field"]`, with this number, counted from 0; None if it was not written yet,
    IndexError if it was overwritten. So many as `ring["count"]` have been written."""
    slots = ring["slots"]
    there = int(ring["count"]) - number
    if there <= 0:
        return None
    # Sees what was stored before this count.
    _fence()
    if there < len(slots):
        value = slots[number % len(slots)].copy()
        # If any of that was of a later value, sees the count that was stored before it.
        _fence()
        if int(ring["count"]) - number < len(slots):
            return value
    raise IndexError(f"value {{number}} was overwritten")"#
        ));
    }
}

/// A dtype of fields at given offsets.
fn declare<'a>(
    ident: &str,
    size: usize,
    fields: impl Iterator<Item = (&'a str, String, usize, String)>,
    out: &mut Text,
) {
    let (mut names, mut formats, mut offsets) = (String::new(), String::new(), String::new());
    for (name, ty, offset, said) in fields {
        names.push_str(&format!("        \"{name}\",{said}\n"));
        formats.push_str(&format!("        {ty},\n"));
        offsets.push_str(&format!("{offset}, "));
    }
    out.line(format_args!(
        "{ident} = _numpy.dtype({{\n    \"names\": [\n{names}    ],\n    \"formats\": [\n{formats}    ],\n    \"offsets\": [{}],\n    \
         \"itemsize\": {size},\n}})",
        offsets.trim_end_matches(", ")
    ));
}

fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "\"u1\"",
        Scalar::U16 => "\"u2\"",
        Scalar::U32 | Scalar::Char => "\"u4\"",
        Scalar::U64 => "\"u8\"",
        Scalar::Usize => "_numpy.uintp",
        Scalar::I8 => "\"i1\"",
        Scalar::I16 => "\"i2\"",
        Scalar::I32 => "\"i4\"",
        Scalar::I64 => "\"i8\"",
        Scalar::Isize => "_numpy.intp",
        Scalar::F32 => "\"f4\"",
        Scalar::F64 => "\"f8\"",
        Scalar::Bool => "\"?\"",
    }
}

fn dtype(model: &Model, ty: &Ty) -> String {
    match ty {
        Ty::Scalar(of) | Ty::Atomic(of) => scalar(*of).to_owned(),
        Ty::Array(len, of) => format!("({}, ({len},))", dtype(model, of)),
        Ty::Declared(index) => model.declarations[*index].ident.clone(),
        Ty::Opaque { size, .. } => format!("\"V{size}\""),
        // A slice is in no layout of Python's.
        Ty::Nothing(_) | Ty::Slice(_) => String::new(),
    }
}
