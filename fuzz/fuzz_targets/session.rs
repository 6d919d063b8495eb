#![no_main]

// Lives where the stable compiler replays its corpus: `cargo test -p weir-flow --test differential`.
#[path = "../../crates/flow/tests/differential/session/mod.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|data: &[u8]| session::session(data));
