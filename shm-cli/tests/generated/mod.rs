//! What `shm header` wrote, given to those whose languages it is in.

use std::path::{Path, PathBuf};
use std::process::Command;

use shm_tests::have;

/// Compiles all C and C++ in the directory, and runs all Python.
#[track_caller]
pub(crate) fn compile_all(dir: &Path) {
    let files = |end: &str| -> Vec<PathBuf> {
        let all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|extension| extension == end)).collect()
    };
    let python = "
import runpy, sys
for path in sys.argv[1:]:
    try:
        runpy.run_path(path)
    except ModuleNotFoundError as error:
        assert error.name == 'numpy', error
    except BaseException as error:
        raise SystemExit(f'{path}: {error!r}\\n' + open(path).read())
";
    for (program, arguments, extension) in [
        ("gcc", &["-fsyntax-only", "-std=gnu17", "-D_GNU_SOURCE"][..], "c"),
        ("g++", &["-fsyntax-only", "-std=gnu++20"][..], "cpp"),
        ("python3", &["-B", "-c", python][..], "py"),
    ] {
        let files = files(extension);
        if have(program) && !files.is_empty() {
            let output = Command::new(program).args(arguments).args(files).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
