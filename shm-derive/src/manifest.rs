//! What the caller's Cargo.toml calls the runtime.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The package of the runtime.
const PACKAGE: &str = "shm-runtime";

/// The name that the manifest gives the runtime, if it renames it: `shared`, of `shared = { package = "shm-runtime", .. }`.
///
/// A library that reads all of TOML would take longer to build than everything else here. So it is found by its looks, and where
/// that fails, there is the setting `crate`.
pub(crate) fn renamed() -> Option<&'static str> {
    // One process of the compiler compiles one package.
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let folder = std::env::var_os("CARGO_MANIFEST_DIR")?;
        // The package's own manifest, and those above it, of which one may be its workspace's.
        let mut manifests = Path::new(&folder).ancestors().map(|folder| folder.join("Cargo.toml"));
        let own = fs::read_to_string(manifests.next()?).ok()?;
        find(&own, || {
            manifests
                .find_map(|path| fs::read_to_string(path).ok().filter(|text| text.contains("[workspace")))
        })
    };
    NAME.get_or_init(read).as_deref()
}

/// A line or table of a manifest that names a dependency.
struct Dependency {
    name: String,
    /// In `[workspace.dependencies]`.
    of_workspace: bool,
    is_runtime: bool,
    /// `workspace = true`
    inherited: bool,
}

fn find(manifest: &str, workspace: impl FnOnce() -> Option<String>) -> Option<String> {
    let all = dependencies(manifest);
    let (shared, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|dependency| dependency.of_workspace);
    if own.iter().any(|dependency| dependency.name == PACKAGE) {
        return None;
    }
    let name = match own.iter().find(|dependency| dependency.is_runtime) {
        Some(renamed) => &renamed.name,
        None => {
            let mut inherited = own.iter().filter(|dependency| dependency.inherited).peekable();
            inherited.peek()?;
            let shared = if shared.is_empty() { dependencies(&workspace()?) } else { shared };
            let renames = |name: &str| {
                shared.iter().any(|other| other.of_workspace && other.is_runtime && other.name == name)
            };
            &inherited.find(|dependency| renames(&dependency.name))?.name
        }
    };
    // As the compiler has it.
    Some(name.replace('-', "_"))
}

fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table = "";
    let manifest = joined(manifest);
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next().unwrap_or(header).trim();
        }
        let of_workspace = table.starts_with("workspace");
        // `[dependencies]`, with a line for each; or `[dependencies.name]`, with lines of one.
        let (name, value) = match (table.split_once("dependencies"), line.split_once('=')) {
            (Some((_, "")), Some((key, _))) => (key.split_once('.').map_or(key, |(name, _)| name), line),
            (Some((_, name)), _) => (name.trim_start_matches('.'), line),
            _ => continue,
        };
        let name = name.trim().trim_matches(['"', '\'']);
        let (is_runtime, inherited) = (is_runtime(value), value.replace(' ', "").contains("workspace=true"));
        match found.last_mut().filter(|last| last.name == name && last.of_workspace == of_workspace) {
            Some(last) => {
                last.is_runtime |= is_runtime;
                last.inherited |= inherited;
            }
            None if name.is_empty() => {}
            None => found.push(Dependency { name: name.to_owned(), of_workspace, is_runtime, inherited }),
        }
    }
    found
}

/// The manifest with each value in braces on one line.
fn joined(manifest: &str) -> String {
    let mut joined = String::with_capacity(manifest.len());
    let mut open = 0_usize;
    for line in manifest.lines() {
        joined.push_str(line);
        open = (open + line.matches('{').count()).saturating_sub(line.matches('}').count());
        joined.push(if open == 0 { '\n' } else { ' ' });
    }
    joined
}

/// Whether the line says `package = "shm-runtime"`.
fn is_runtime(line: &str) -> bool {
    let value = line.split_once("package").and_then(|(_, rest)| rest.trim_start().strip_prefix('='));
    let text = value.and_then(|value| value.trim_start().strip_prefix(['"', '\'']));
    text.and_then(|text| text.strip_prefix(PACKAGE)).is_some_and(|rest| rest.starts_with(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_runtime_that_the_manifest_renames_is_found() {
        for manifest in [
            "[dependencies]\nserde = \"1\"\nshared-mem = { package = \"shm-runtime\", path = \"..\" }\n",
            "[target.'cfg(unix)'.dependencies]\nshared-mem = { version = \"1\", package=\"shm-runtime\" }\n",
            "[dependencies.shared-mem]\nversion = \"1\"\npackage = 'shm-runtime'\n",
            "[ dependencies ] # all\n'shared-mem' = {\n  version = \"1\",\n  package = \"shm-runtime\",\n}\nserde = \"1\"\n",
            "[dependencies.'shared-mem'] # renamed\npackage = 'shm-runtime'\n",
            "[dependencies]\nshared-mem.workspace = true\n[workspace.dependencies]\nshared-mem = { package = \"shm-runtime\" }\n",
        ] {
            assert_eq!(find(manifest, || None).as_deref(), Some("shared_mem"), "{manifest}");
        }
    }

    #[test]
    fn a_runtime_that_the_workspace_renames_is_found() {
        let workspace =
            || Some("[workspace.dependencies]\nshared = { package = \"shm-runtime\" }\n".to_owned());
        let inherits = "[dependencies]\nshared = { workspace = true }\n";
        assert_eq!(find(inherits, workspace).as_deref(), Some("shared"));
        assert_eq!(find("[dependencies]\nshared = \"1\"\n", workspace), None);
    }

    #[test]
    fn a_runtime_under_its_own_name_is_not_renamed() {
        for manifest in [
            "[dependencies]\nshm-runtime = { path = \"..\" }\n",
            "[dependencies]\nshm-runtime.workspace = true\n[dev-dependencies]\nold = { package = \"shm-runtime\" }\n",
            "[dependencies.shm-runtime]\npath = \"..\"\n",
            "[dependencies]\nother = { package = \"shm-runtime-core\" }\n# shared = { package = \"shm-runtime\" }\n",
            "[workspace.dependencies]\nshared = { package = \"shm-runtime\" }\n",
            "[package]\nname = \"shm-runtime\"\n",
        ] {
            assert_eq!(find(manifest, || None), None, "{manifest}");
        }
    }
}
