//! Notes the commit that is built, so that a failure names what was run and not what lies there by then.

use std::process::Command;

fn main() {
    let describe = ["describe", "--always", "--dirty", "--abbrev=12"];
    println!("cargo::rustc-env=SIM_COMMIT={}", git(&describe).unwrap_or_else(|| "unknown".to_owned()));
    // Grows with every commit and every checkout.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    for folder in ["../wire/src", "../flow/src", "../account/src", "../store/src", "../query/src", "src"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
