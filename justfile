# The usual commands. `.ci/run` is the gate; the rest is for the time before.

# List the commands.
default:
    @just --list

# All that has to pass before a change goes in.
ci:
    .ci/run

# Format, and the lints.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# The tests; or those of one file: `just test --test mutex`.
test *args:
    cargo test {{ args }}

# The memory ordering of the sync types.
loom:
    .ci/loom

# The long mode of the tests that kill processes: 2,000 kills each.
kills:
    SHM_KILLS=2000 cargo test --test queue --test spsc_queue --test ring --test byte_queue --test byte_ring --test latest --test upgrade_queues killed

# The documentation, in the browser.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --open

# Write the compiler's messages of tests/ui anew. Read what changed.
ui:
    TRYBUILD=overwrite cargo test --test compile

# One bench: access, bulk, lifecycle or sync.
bench name:
    cargo bench --bench {{ name }}

# Draw the README's picture.
picture:
    docs/segment.py > docs/segment.svg

# Other builds, compilers and machines, and what a release takes; or some of them: `just everywhere lto nextest`.
everywhere *names:
    .ci/everywhere {{ names }}
