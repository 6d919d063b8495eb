//! The project's own chores, run as `cargo xtask CHORE`:
//!
//! - `ci`: everything a change must pass, in one command; what CI runs
//! - `tidy`: the map, the arrows and the habits, checked against the source
//! - `codegen [--check]`: writes the generated sources, or says which are out of date
//!
//! No dependencies: the chores build in a second, before anything else does.
#![forbid(unsafe_code)]

mod ci;
mod codegen;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask ci | tidy | codegen [--check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["ci"] => ci::run(&repository()),
        ["tidy"] => tidy::run(&repository()),
        ["codegen"] => codegen::run(false),
        ["codegen", "--check"] => codegen::run(true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The root folder of the repository: the parent of this crate's.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
