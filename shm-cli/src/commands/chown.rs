//! `shm chown`: the owner of one object.

use std::process::ExitCode;

use shm_runtime::Permissions;

use crate::failure::Outcome;
use crate::kinds::Kinds;
use crate::target::Target;
use crate::terminal::Terminal;
use crate::user::{gid_of, uid_of};

/// Change the owner of an object, and its group. The creator stays able to do so.
#[derive(clap::Args)]
pub(crate) struct Chown {
    /// A user, a user and a group, or a group only: names or numbers.
    #[arg(value_name = "USER[:GROUP]")]
    owner: String,
    name: Target,
    #[command(flatten)]
    kinds: Kinds,
}

impl Chown {
    pub(crate) fn run(self, _terminal: &mut Terminal) -> Outcome {
        let (user, group) = match self.owner.split_once(':') {
            Some((user, group)) => (user, group),
            None => (&*self.owner, ""),
        };
        let given = |text: &str| !text.is_empty();
        let uid = Some(user).filter(|user| given(user) || group.is_empty()).map(uid_of).transpose()?;
        let gid = Some(group).filter(|group| given(group)).map(gid_of).transpose()?;
        let object = self.name.find(self.kinds)?;
        let had = object.record().permissions();
        let (uid, gid) = (uid.unwrap_or(had.uid), gid.unwrap_or(had.gid));
        object.set_permissions(Permissions { uid, gid, ..had })?;
        Ok(ExitCode::SUCCESS)
    }
}
