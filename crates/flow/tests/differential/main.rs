//! The decoder against a second one: see [`session`]. The fuzz target of this name plays what libFuzzer chooses; here
//! its corpus is replayed, and some thousands of scripts chosen at random are played.
#![expect(clippy::disallowed_methods, reason = "a test reads its corpus")]

mod session;

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

#[test]
fn the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/session");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        session::session(&std::fs::read(&file).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn scripts_pass(script in vec(any::<u8>(), 0..400)) {
        session::session(&[&[1][..], &script].concat());
    }
}
