#![no_main]

// Lives where the stable compiler replays its corpus: `cargo test -p weir-flow --test language`.
#[path = "../../crates/flow/tests/language/fuzz.rs"]
mod language;

libfuzzer_sys::fuzz_target!(|data: &[u8]| language::filter(data));
