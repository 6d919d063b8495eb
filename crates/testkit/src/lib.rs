//! What tests ask of the machine they run on, and the one way to say that it is not there.
//!
//! Some tests need root, a program from the distribution or the captures in `../shared`. A newcomer has none
//! of these, so such a test says what it lacks and returns. In CI nothing may be missing: with
//! `WEIR_NO_SKIP=1` the same call fails the test.
//!
//! ```no_run
//! # use weir_testkit::{program, skip};
//! fn softflowd_v5_octets_match() {
//!     let Some(softflowd) = program("softflowd") else {
//!         return skip("softflowd_v5_octets_match", "softflowd is not installed");
//!     };
//!     // … run it …
//! #   let _ = softflowd;
//! }
//! ```
//!
//! [`naive`] is something else that tests ask: what a datagram says, read a second time in another way.
//!
//! This crate is a dev-dependency only; `cargo xtask tidy` sees to that.
#![forbid(unsafe_code)]

pub mod naive;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many tests of this test binary have been skipped so far.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Says on stderr that `test` was skipped and `why`, and counts it; the test returns right after.
///
/// The line begins with `SKIPPED`, which `cargo xtask ci` counts. It is written to the real stderr, past
/// the capture of the test runner, so that it is seen without `--nocapture`.
///
/// # Panics
/// With `WEIR_NO_SKIP=1` in the environment: there a missing thing is a failure.
#[track_caller]
pub fn skip(test: &str, why: &str) {
    assert!(!no_skip(), "{test} cannot run: {why} (WEIR_NO_SKIP=1 makes this a failure)");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // One write, so that lines of tests running side by side do not mix. If stderr is closed nobody reads it.
    let _ = io::stderr().write_all(format!("SKIPPED {test}: {why} [{count} in this binary]\n").as_bytes());
}

/// True when a test that cannot run must fail: `WEIR_NO_SKIP=1`.
#[must_use]
pub fn no_skip() -> bool {
    env::var_os("WEIR_NO_SKIP").is_some_and(|value| value == "1")
}

/// How many random cases a property is tried with: as many as `PROPTEST_CASES` says, otherwise `few`, where each case
/// is dear. A night with `PROPTEST_CASES=2000 cargo test` tries what CI has no time for.
#[must_use]
pub fn cases(few: u32) -> u32 {
    env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// The root folder of the repository this crate was built in.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder `shared` beside the repository (captures, generator), where there is one.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let folder = repository().parent()?.join("shared");
    folder.is_dir().then_some(folder)
}

/// The full path of the program `name`, searched in `PATH` and then where daemons live (`sbin` is not in
/// every user's `PATH`).
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    find_in(env::split_paths(&path).chain(more), name.as_ref())
}

/// True when the tests run as root (effective user 0), which network namespaces need.
#[must_use]
pub fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| effective_user(&status) == Some(0))
}

/// A Python interpreter that can `import duckdb`, named by `WEIR_DUCKDB_PYTHON`; an independent reader of
/// our Parquet files.
#[must_use]
pub fn duckdb_python() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("WEIR_DUCKDB_PYTHON")?);
    path.is_file().then_some(path)
}

/// The first file called `name` in `folders`.
fn find_in(folders: impl Iterator<Item = PathBuf>, name: &OsStr) -> Option<PathBuf> {
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The effective user id in the text of `/proc/self/status`: the second figure of its `Uid:` line.
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn repository_is_where_the_workspace_is() {
        assert!(repository().join("Cargo.toml").is_file());
        assert!(repository().join("crates/testkit/src/lib.rs").is_file());
    }

    #[test]
    fn programs_are_found_by_name_and_absence_is_none() {
        assert!(program("cargo").is_some_and(|path| path.is_absolute()));
        assert_eq!(program("no-such-program-as-this"), None);
    }

    #[test]
    fn effective_user_is_the_second_figure() {
        assert_eq!(effective_user("Name:\tx\nUid:\t1000\t0\t1000\t1000\nGid:\t5\n"), Some(0));
        assert_eq!(effective_user("Uid:\t0\t1000\t0\t0\n"), Some(1000));
        assert_eq!(effective_user("Name:\tx\n"), None);
    }

    /// Runs itself as a child that skips, once as a newcomer and once as CI.
    #[test]
    fn a_skip_is_said_and_in_ci_it_fails() {
        const CHILD: &str = "WEIR_TESTKIT_CHILD";
        if env::var_os(CHILD).is_some() {
            return skip("child", "it is a child");
        }
        let run = |value: &str| {
            Command::new(env::current_exe().unwrap())
                .args(["--exact", "tests::a_skip_is_said_and_in_ci_it_fails"])
                .env(CHILD, "1")
                .env("WEIR_NO_SKIP", value)
                .output()
                .unwrap()
        };
        let newcomer = run("0");
        assert!(newcomer.status.success());
        assert_eq!(
            String::from_utf8_lossy(&newcomer.stderr),
            "SKIPPED child: it is a child [1 in this binary]\n"
        );
        assert!(!run("1").status.success());
    }
}
