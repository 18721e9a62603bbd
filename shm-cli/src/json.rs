//! Live values for programs.

use std::cell::RefCell;

use serde::ser::{SerializeMap, SerializeSeq as _};
use serde::{Serialize, Serializer};
use shm_runtime::inspect::{Attached, Builtin, Holder, Process, Type, View};

use crate::process::Programs;

/// A view, in which the types of `shm_runtime` are what they mean.
pub(crate) struct Live<'a> {
    view: View<'a>,
    context: Context<'a>,
}

/// What is the same for all parts.
struct Context<'a> {
    attached: &'a Attached,
    programs: RefCell<Programs>,
}

/// A part of it.
struct Part<'a, 'v> {
    view: View<'v>,
    context: &'a Context<'a>,
}

/// The process that holds a lock, or writes.
#[derive(Serialize)]
struct Shown {
    pid: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    program: Option<String>,
    /// `None` if it cannot be told.
    alive: Option<bool>,
}

impl<'a> Live<'a> {
    pub(crate) fn new(attached: &'a Attached, view: View<'a>) -> Self {
        Self { view, context: Context { attached, programs: RefCell::default() } }
    }
}

impl Serialize for Live<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part { view: self.view, context: &self.context }.serialize(serializer)
    }
}

/// Whether it has none of `shm_runtime`'s own types in it.
pub(crate) fn is_plain(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => is_plain(array.of()),
        Type::Struct(of) => !of.is_builtin() && of.fields().all(|field| is_plain(field.ty)),
        _ => true,
    }
}

impl Serialize for Part<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (view, context) = (self.view, self.context);
        match view.ty() {
            Type::Array(array) if !is_plain(array.of()) => {
                let elements = view.elements();
                let mut out = serializer.serialize_seq(Some(elements.len()))?;
                for view in elements {
                    out.serialize_element(&Part { view, context })?;
                }
                out.end()
            }
            Type::Struct(of) if of.counted().is_some() => view.serialize(serializer),
            Type::Struct(of) => match context.attached.builtin(view).filter(|_| of.is_builtin()) {
                Some(builtin) => self.builtin(&builtin, serializer),
                None => {
                    let mut out = serializer.serialize_map(None)?;
                    for (name, view) in view.fields() {
                        out.serialize_entry(name, &Part { view, context })?;
                    }
                    out.end()
                }
            },
            _ => view.serialize(serializer),
        }
    }
}

impl Part<'_, '_> {
    fn builtin<S: Serializer>(&self, builtin: &Builtin<'_>, serializer: S) -> Result<S::Ok, S::Error> {
        let context = self.context;
        let mut out = serializer.serialize_map(None)?;
        match builtin {
            Builtin::Mutex(mutex) => {
                let holder = mutex.holder().map(|holder| context.holder(holder));
                out.serialize_entry("holder", &holder)?;
                out.serialize_entry("abandoned", &mutex.is_abandoned())?;
                out.serialize_entry("value", &Part { view: mutex.value(), context })?;
            }
            Builtin::SeqLock(lock) | Builtin::Latest(lock) => {
                out.serialize_entry("writer", &lock.writer().map(|writer| context.writer(writer)))?;
                out.serialize_entry("version", &lock.version())?;
                match lock.read() {
                    Ok(copy) => out.serialize_entry("value", &Part { view: copy.view(), context })?,
                    Err(_) => out.serialize_entry("value", &())?,
                }
            }
            Builtin::Ring { written, writer, slots, .. } => {
                out.serialize_entry("writer", &writer.map(|writer| context.writer(writer)))?;
                out.serialize_entry("written", written)?;
                self.slots(*slots, "slots", &mut out)?;
            }
            Builtin::ByteRing { written, writer, bytes, .. } => {
                out.serialize_entry("writer", &writer.map(|writer| context.writer(writer)))?;
                out.serialize_entry("written", written)?;
                self.slots(*bytes, "bytes", &mut out)?;
            }
            Builtin::SpscQueue { sent, received, sender, receiver, slots: values, .. }
            | Builtin::ByteQueue { sent, received, sender, receiver, bytes: values, .. } => {
                out.serialize_entry("sender", &sender.map(|sender| context.writer(sender)))?;
                out.serialize_entry("receiver", &receiver.map(|receiver| context.writer(receiver)))?;
                out.serialize_entry("sent", sent)?;
                out.serialize_entry("received", received)?;
                let name = if matches!(builtin, Builtin::SpscQueue { .. }) { "slots" } else { "bytes" };
                self.slots(*values, name, &mut out)?;
            }
            Builtin::Queue { lock, accepted, given, slots, .. } => {
                out.serialize_entry("holder", &lock.holder().map(|holder| context.holder(holder)))?;
                out.serialize_entry("accepted", accepted)?;
                out.serialize_entry("given", given)?;
                self.slots(*slots, "slots", &mut out)?;
            }
            Builtin::Event { count, .. } => out.serialize_entry("count", count)?,
            _ => {}
        }
        out.end()
    }

    /// What is in a ring or queue, if it is not a head.
    fn slots<M: SerializeMap>(
        &self,
        slots: Option<View<'_>>,
        name: &'static str,
        out: &mut M,
    ) -> Result<(), M::Error> {
        slots.map_or(Ok(()), |view| out.serialize_entry(name, &Part { view, context: self.context }))
    }
}

impl Context<'_> {
    fn holder(&self, holder: Holder) -> Shown {
        let Holder { tid, pid, alive, .. } = holder;
        let program = pid.and_then(|pid| self.program(i32::try_from(pid).ok()?));
        Shown { pid: pid.map(Into::into), thread: Some(tid), program, alive }
    }

    fn writer(&self, writer: Process) -> Shown {
        let (pid, alive) = (writer.pid, writer.alive());
        let program = if alive == Some(true) { self.program(pid) } else { None };
        Shown { pid: Some(pid.into()), thread: None, program, alive }
    }

    fn program(&self, pid: i32) -> Option<String> {
        self.programs.borrow_mut().name(pid).map(str::to_owned)
    }
}
