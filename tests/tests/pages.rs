//! The pages for readers: what they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use shm_tests::{have, skip};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Every page that was written for readers, and not by a benchmark only.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "examples", "shm-derive", "shm-runtime/core", "shm-runtime/src/guide"];
    let mut pages = Vec::new();
    for folder in folders {
        for file in fs::read_dir(root().join(folder)).expect("a folder of pages") {
            let path = file.expect("a file").path();
            // A page that is in two folders is read where it is, not through a link.
            if path.extension().is_some_and(|ext| ext == "md") && !path.is_symlink() {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// What stands between `](` and `)`, outside of code.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|prose| prose.split("](").skip(1))
        .filter_map(|rest| Some(rest.split_once(')')?.0))
        .collect()
}

#[test]
fn every_link_from_page_to_page_leads_to_a_file() {
    let mut broken = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        for link in links(&text).into_iter().filter(|link| !link.contains(':')) {
            let file = link.split('#').next().unwrap_or_default();
            if !page.parent().expect("in a folder").join(file).exists() {
                broken.insert(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_test_that_the_page_on_soundness_names_exists() {
    let text = read(&root().join("shm-runtime/src/guide/soundness.md"));
    let paragraphs =
        text.split("\n\n").filter(|text| text.starts_with("Test: ") || text.starts_with("Tests: "));
    let mut kinds = 0;
    for paragraph in paragraphs {
        kinds += 1;
        for name in paragraph.split('`').skip(1).step_by(2) {
            let file = match name.strip_suffix('/') {
                Some(folder) => root().join(folder),
                None => root().join(format!("tests/tests/{name}.rs")),
            };
            assert!(file.exists(), "{name} is named, and {} is not there", file.display());
        }
    }
    assert_eq!(kinds, 7, "each kind of attack has its tests");
}

#[test]
fn the_readme_is_a_first_page_and_not_a_manual() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= 200, "{lines} lines");
}

#[test]
fn the_picture_is_what_its_source_draws() {
    if !have("python3") {
        return;
    }
    let drawn = Command::new("python3").arg(root().join("docs/segment.py")).output().expect("python3 runs");
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let there = read(&root().join("docs/segment.svg"));
    assert!(drawn.stdout == there.as_bytes(), "draw it again: docs/segment.py > docs/segment.svg");
}

#[test]
fn each_package_has_its_licences_and_a_readme() {
    for package in ["shm-derive", "shm-runtime", "shm-runtime-core"] {
        let mut list = Command::new(env!("CARGO"));
        list.args(["package", "--list", "--allow-dirty", "--offline", "--package", package]);
        let list = list.current_dir(root()).output().expect("cargo runs");
        if !list.status.success() {
            return skip(&format!("cargo lists no package here: {}", String::from_utf8_lossy(&list.stderr)));
        }
        let files = String::from_utf8(list.stdout).expect("names of files");
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(files.lines().any(|line| line == file), "{package} has no {file}:\n{files}");
        }
    }
}
