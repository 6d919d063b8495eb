//! The fuzz targets, over their committed corpora, with the stable compiler.
//!
//! What the targets do is included from the fuzz workspace, which needs a nightly compiler only for the engine.
//! The seeds named `seed-…` are written by this crate's own emitters ([`seeds`]); whatever else is in a corpus
//! was found by fuzzing and stays, so that it is never found again.

#![expect(clippy::unwrap_used, reason = "a test: what is not as expected ends it")]

#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a crate of its own in the fuzz workspace")]
mod body;
mod seeds;

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

#[test]
fn every_corpus_passes() {
    for (target, run) in body::TARGETS {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            println!("{}", file.display());
            run(&std::fs::read(&file).unwrap());
        }
    }
}

/// Cuts and bit flips of every seed: a fuzzer's first steps, taken on every test run.
#[test]
fn neighbours_of_the_seeds_pass() {
    for (target, run) in body::TARGETS {
        for (_, seed) in seeds::all().iter().filter(|(path, _)| path.starts_with(&format!("{target}/"))) {
            for at in 0..seed.len().min(600) {
                run(&seed[..at]);
                for flip in [1, 0x80, 0xff] {
                    let mut bytes = seed.clone();
                    bytes[at] ^= flip;
                    run(&bytes);
                }
            }
        }
    }
}

/// What an input of the target begins with, so that random octets get past the first check; the two octets of
/// length are those of a whole input.
fn opening(target: &str) -> &'static [u8] {
    match target {
        "v1" => &[0, 1, 0, 1],
        "v5" => &[0, 5, 0, 1],
        "v6" => &[0, 6, 0, 1],
        "v7" => &[0, 7, 0, 1],
        "v8" => &[0, 8, 0, 1],
        "v9" => &[4, 0, 0, 9],
        "ipfix" => &[4, 0, 0, 10, 4, 0],
        "legacy" => &[0, 0, 0, 4, 0, 0, 0, 1],
        "sflow" => &[0, 0, 0, 5, 0, 0, 0, 1],
        "structured" => &[1, 0, 12, 1, 0, 0, 2, 0, 7, 0, 2, 1, 35, 0xff, 0xff, 1, 0, 3, 1, 0],
        "builder" => &[3, 4, 8, 4, 27, 16, 7, 250],
        "value" => &[16],
        "packet" => &[1],
        "nfcapd" => &[9, 0x0c, 0xa5, 2, 0],
        "flowtools" => &[0xcf, 0x10, 2, 3, 0, 0, 0, 16, 0, 2, 0, 2, 0, 5, 0, 0],
        "lzo" => &[21, 1, 2, 3, 4],
        "pcap" => &[9, 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
        other => panic!("no opening for {other}"),
    }
}

proptest! {
    #[test]
    fn random_octets_pass(octets in vec(any::<u8>(), 0..1500), small in vec(0..8_u8, 0..1500)) {
        for (target, run) in body::TARGETS {
            run(&octets);
            run(&[opening(target), &octets].concat());
            run(&[opening(target), &small].concat());
        }
    }
}

#[test]
fn the_emitters_still_write_the_seeds() {
    for (path, expected) in seeds::all() {
        let file = std::fs::read(corpus(&path)).unwrap_or_default();
        assert!(
            file == expected,
            "{path} differs: if that is intended, write them again: WEIR_WRITE_SEEDS=1"
        );
    }
}

/// Writes the seeds again, after a change to what emits them: `WEIR_WRITE_SEEDS=1 cargo test -p weir-wire --test
/// fuzz_corpus`. Otherwise there is nothing to do.
#[test]
fn write_the_seeds() {
    if std::env::var_os("WEIR_WRITE_SEEDS").is_none() {
        return;
    }
    for (path, bytes) in seeds::all() {
        let file = corpus(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}
