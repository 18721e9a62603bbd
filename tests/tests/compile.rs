//! What compiles and what does not, and the words in which the compiler says so.
//!
//! A wrong `.stderr` is written anew by `TRYBUILD=overwrite cargo test --test compile`: then read what changed.

/// One mistake a file (but in `many.rs`, which has them all reported at once), and the message that its author reads.
#[test]
fn every_mistake_is_explained_where_it_was_made() {
    trybuild::TestCases::new().compile_fail("ui/fail/**/*.rs");
}

/// Each file compiles without a warning, and runs.
#[test]
fn whatever_can_be_shared_compiles_without_a_warning() {
    trybuild::TestCases::new().pass("ui/pass/**/*.rs");
}

/// What only the types that are used show: `cargo check` does not see it, `cargo build` does.
#[test]
fn what_cannot_begin_at_a_page_is_not_built() {
    let cases = trybuild::TestCases::new();
    // With one that has to run, all are built and not only checked.
    cases.pass("ui/build/a_page.rs");
    cases.compile_fail("ui/build/over_a_page_*.rs");
}
