//! A Python module with ctypes structures.

use shm_runtime::inspect::Scalar;

use super::model::{Body, Copies, Declaration, Field, Kind, Member, Model, Padding, Ty};
use super::names::{Language, comment, literal};
use super::{About, Text};

/// Attaching and checking, which is the same for every layout. Its names begin with `_`, as no others do.
pub(super) const SUPPORT: &str = include_str!("support.py");

pub(super) fn module(model: &mut Model, about: &About, out: &mut Text) {
    let Some(root) = model.root() else { return };
    let root = root.ident.clone();
    about.head(out, "#", "#", "");
    out.line("#");
    out.line("# Every field is at its place by itself: ctypes reads and writes a number by one copy of its size. For what is atomic");
    out.line("# that is a load and a store; there is no fetch_add.");
    out.line(SUPPORT);
    for (kind, read) in [(Kind::SeqLock, READ_LATEST), (Kind::Ring, READ_NUMBERED)] {
        if model.has(kind) {
            out.line(read);
        }
    }
    for declaration in &model.declarations {
        out.line("\n");
        let Declaration { ident, name, size, .. } = declaration;
        match &declaration.body {
            Body::Struct(fields) => {
                out.renamed("# ", "struct", name, ident, "");
                structure(model, declaration, fields, out);
                if *ident == root {
                    out.line("");
                    root_functions(about, out);
                }
                out.line("");
                out.line("");
                for field in fields.iter().filter(|field| field.size != 0) {
                    let (name, offset, size) = (&field.ident, field.offset, field.size);
                    out.line(format_args!(
                        "assert ({ident}.{name}.offset, {ident}.{name}.size) == ({offset}, {size})"
                    ));
                }
            }
            Body::Enum { variants, .. } => {
                out.renamed("# ", "enum", name, ident, "");
                out.line(format_args!("class {ident}:"));
                out.line("    \"\"\"One of these, unless another process wrote something else.\"\"\"");
                out.line("");
                for variant in variants {
                    let said = match variant.name == variant.ident {
                        true => String::new(),
                        false => format!("  # {}", comment(&variant.name)),
                    };
                    out.line(format_args!("    {} = {}{said}", variant.ident, variant.value));
                }
                continue;
            }
            Body::Copies(copied) => copies(model, declaration, copied, out),
        }
        out.line(format_args!("assert _ctypes.sizeof({ident}) == {size}"));
    }
}

/// What reads a `SeqLock` of ctypes.
const READ_LATEST: &str = r#"
def _read_latest(lock):
    slots = type(lock).slots
    of = lock.slots._type_
    address, size = _ctypes.addressof(lock), _ctypes.sizeof(of)
    for _ in range(10000):
        before = lock.sequence
        # Sees what was stored before this number.
        _fence()
        value = of.from_buffer_copy(_ctypes.string_at(address + slots.offset + (before & 1) * size, size))
        # If any of that was of a later value, sees the number that was stored before it.
        _fence()
        if lock.sequence == before:
            return value.value if isinstance(value, _ctypes._SimpleCData) else value
    raise BlockingIOError("the writer was faster every time: try again later")
"#;

/// What reads a `Ring` of ctypes.
const READ_NUMBERED: &str = r#"
def _read_numbered(ring, number):
    slots = type(ring).slots
    of, capacity = ring.slots._type_, ring.slots._length_
    address, size = _ctypes.addressof(ring), _ctypes.sizeof(of)
    there = ring.count - number
    if there <= 0:
        return None
    # Sees what was stored before this count.
    _fence()
    if there < capacity:
        value = of.from_buffer_copy(_ctypes.string_at(address + slots.offset + number % capacity * size, size))
        # If any of that was of a later value, sees the count that was stored before it.
        _fence()
        if ring.count - number < capacity:
            return value.value if isinstance(value, _ctypes._SimpleCData) else value
    raise IndexError(f"value {number} was overwritten")
"#;

fn root_functions(about: &About, out: &mut Text) {
    match about.key_value() {
        Some(_) => about.key(out, |comment, key| format!("    # {comment}\n    KEY = {key:#010x}")),
        None => out.line("    KEY = None"),
    }
    out.line("    SCHEMA = (");
    about.schema_lines(out, |line, _| format!("        b{}", literal(line)));
    out.line("    )");
    let sealed = if about.0.segment.is_some() { "True" } else { "False" };
    out.line(format_args!(
        r#"
    @classmethod
    def open(cls, key=KEY, *, shmid=None, read_only=False, trust=()):
        """Attaches the segment, if it has this layout; ValueError if not. It stays attached until `detach`, or the end.

        It has to be of this user or of root, or of a uid in `trust`. To write to one that was opened with `read_only` ends the process (SIGSEGV), as in C."""
        address, _ = _attach(key, shmid, read_only, trust, _ctypes.sizeof(cls), cls.SCHEMA, {sealed})
        return cls.from_address(address)

    def detach(self):
        """Detaches it. Neither this nor what came from it may be used after that."""
        if _libc.shmdt(_ctypes.addressof(self)) == -1:
            error = _ctypes.get_errno()
            raise OSError(error, f"shmdt: {{_os.strerror(error)}}")"#
    ));
}

fn structure(model: &Model, declaration: &Declaration, fields: &[Field], out: &mut Text) {
    let extent = (declaration.size, declaration.align);
    out.line(format_args!("class {}(_ctypes.Structure):", declaration.ident));
    // Packed, with all padding declared: aligned as the schema says, whatever ctypes would.
    out.line("    _pack_ = 1");
    out.line("    _layout_ = \"ms\"");
    out.line("    _fields_ = [");
    for member in model.members(extent, fields, Padding::All, Language::Python).0 {
        match member {
            Member::Field(Field { name, ty: Ty::Nothing(ty), .. }) => {
                out.line(format_args!("        # {}: {}, without bytes", comment(name), comment(ty)));
            }
            Member::Field(field) => {
                let said = field.remark(Language::Python, "  # ", "");
                out.line(format_args!("        (\"{}\", {}),{said}", field.ident, ctype(model, &field.ty)));
            }
            Member::Padding { ident, size, .. } => {
                out.line(format_args!("        (\"{ident}\", _ctypes.c_uint8 * {size}),"));
            }
        }
    }
    out.line("    ]");
}

fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "_ctypes.c_uint8",
        Scalar::U16 => "_ctypes.c_uint16",
        Scalar::U32 | Scalar::Char => "_ctypes.c_uint32",
        Scalar::U64 => "_ctypes.c_uint64",
        Scalar::Usize => "_ctypes.c_size_t",
        Scalar::I8 => "_ctypes.c_int8",
        Scalar::I16 => "_ctypes.c_int16",
        Scalar::I32 => "_ctypes.c_int32",
        Scalar::I64 => "_ctypes.c_int64",
        Scalar::Isize => "_ctypes.c_ssize_t",
        Scalar::F32 => "_ctypes.c_float",
        Scalar::F64 => "_ctypes.c_double",
        Scalar::Bool => "_ctypes.c_bool",
    }
}

fn ctype(model: &Model, ty: &Ty) -> String {
    match ty {
        Ty::Scalar(of) | Ty::Atomic(of) => scalar(*of).to_owned(),
        // An array of arrays is made from the inside out.
        Ty::Array(len, of) => match **of {
            Ty::Array(..) => format!("({}) * {len}", ctype(model, of)),
            _ => format!("{} * {len}", ctype(model, of)),
        },
        Ty::Declared(index) => {
            let declaration = &model.declarations[*index];
            match declaration.body {
                Body::Enum { repr, .. } => scalar(repr).to_owned(),
                _ => declaration.ident.clone(),
            }
        }
        Ty::Opaque { size, .. } => format!("(_ctypes.c_uint8 * {size})"),
        // A slice is in no layout of Python's.
        Ty::Nothing(_) | Ty::Slice(_) => String::new(),
    }
}

fn copies(model: &Model, declaration: &Declaration, copies: &Copies, out: &mut Text) {
    let Copies { kind, value, value_size, len, slots_offset, rest, .. } = copies;
    out.line(format_args!("# {}: written by Rust only, and read by `read`.", kind.name()));
    out.line(format_args!("class {}(_ctypes.Structure):", declaration.ident));
    out.line("    _pack_ = 1");
    out.line("    _layout_ = \"ms\"");
    out.line("    _fields_ = [");
    out.line(format_args!("        (\"{}\", _ctypes.c_uint64),", kind.number()));
    if *slots_offset > 8 {
        out.line(format_args!("        (\"{}\", _ctypes.c_uint8 * {}),", kind.between(), slots_offset - 8));
    }
    out.line(format_args!("        (\"slots\", ({}) * {len}),", ctype(model, value)));
    if *rest > 0 {
        out.line(format_args!("        (\"rest\", _ctypes.c_uint8 * {rest}),"));
    }
    out.line("    ]");
    out.line("");
    match kind {
        Kind::SeqLock => {
            out.line("    def read(self):");
            out.line("        \"\"\"The last value that was written whole: a copy.\"\"\"");
            out.line("        return _read_latest(self)");
        }
        Kind::Ring => {
            out.line("    def read(self, number):");
            out.line("        \"\"\"A copy of the value with this number, counted from 0; None if it was not written yet, IndexError if it was");
            out.line("        overwritten. So many as `count` have been written.\"\"\"");
            out.line("        return _read_numbered(self, number)");
        }
    }
    out.line("");
    out.line("");
    let ident = &declaration.ident;
    out.line(format_args!(
        "assert ({ident}.slots.offset, {ident}.slots.size) == ({slots_offset}, {})",
        len * value_size
    ));
}
