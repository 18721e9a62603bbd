//! Which threads and processes the locks in a segment name.

use shm_runtime::inspect::{Attached, Builtin, Holder, Process, Type, View};

/// What is found in a segment. It is what stands in its memory: any process that may write to it can have written it.
#[derive(Default)]
pub(crate) struct Roles {
    /// The paths of the mutexes that are held, and which thread holds each.
    pub(crate) locks: Vec<(String, Holder)>,
    /// The paths of the sequence locks and rings that have a writer, and of the ends of queues, and which process that is.
    pub(crate) writers: Vec<(String, Process)>,
    /// Whether there is more than was looked through.
    pub(crate) is_partial: bool,
}

/// As many places as are looked through, whatever a schema says that there is.
const MOST: usize = 1 << 17;

impl Roles {
    /// Those of a segment whose schema can be read; none otherwise.
    pub(crate) fn of(attached: &Attached) -> Self {
        let mut roles = Self::default();
        if let Ok(root) = attached.root() {
            let mut left = MOST;
            roles.look(attached, root, &mut String::new(), &mut left);
            roles.is_partial = left == 0;
        }
        roles
    }

    fn look(&mut self, attached: &Attached, view: View<'_>, path: &mut String, left: &mut usize) {
        *left = left.saturating_sub(1);
        if *left == 0 || !can_hold(view.ty()) {
            return;
        }
        match attached.builtin(view) {
            Some(Builtin::Mutex(mutex)) => {
                self.locks.extend(mutex.holder().map(|holder| (path.clone(), holder)));
            }
            Some(Builtin::SeqLock(seqlock) | Builtin::Latest(seqlock)) => {
                self.writers.extend(seqlock.writer().map(|writer| (path.clone(), writer)));
            }
            Some(Builtin::Ring { writer, .. } | Builtin::ByteRing { writer, .. }) => {
                self.writers.extend(writer.map(|writer| (path.clone(), writer)));
            }
            Some(
                Builtin::SpscQueue { sender, receiver, .. } | Builtin::ByteQueue { sender, receiver, .. },
            ) => {
                for (end, process) in [("sender", sender), ("receiver", receiver)] {
                    self.writers.extend(process.map(|process| (format!("{path}.{end}"), process)));
                }
            }
            Some(Builtin::Queue { lock, .. }) => {
                self.locks.extend(lock.holder().map(|holder| (path.clone(), holder)));
            }
            Some(_) => {}
            None => {
                let length = path.len();
                for (name, field) in view.fields() {
                    path.push_str(if length == 0 { "" } else { "." });
                    path.push_str(name);
                    self.look(attached, field, path, left);
                    path.truncate(length);
                }
                for (index, element) in view.elements().enumerate().take(*left) {
                    path.push_str(&format!("[{index}]"));
                    self.look(attached, element, path, left);
                    path.truncate(length);
                }
            }
        }
    }
}

/// Whether there can be one of the crate's own types in a value of this type.
fn can_hold(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => can_hold(array.of()),
        Type::Struct(of) => of.is_builtin() || of.fields().any(|field| can_hold(field.ty)),
        _ => false,
    }
}
