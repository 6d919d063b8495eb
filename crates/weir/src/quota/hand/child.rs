//! A program that is run to its end: no shell, a limit of time, and what it says read back up to a limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long an operator's program may take.
pub(super) const PROGRAM_WITHIN: Duration = Duration::from_secs(30);
/// How long nft may take.
pub(super) const NFT_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it ended.
const EVERY: Duration = Duration::from_millis(10);
/// So much is read of what it prints, bytes: a set of a million elements.
const OUTPUT_MAX: u64 = 128 << 20;
/// And so much of its complaints.
const ERROR_MAX: u64 = 2000;

/// Runs a program with its arguments as they are; what it printed.
///
/// # Errors
/// It cannot be started, ends with anything but 0, or takes too long (it is killed then): a sentence, with what it
/// complained of. Its outputs are files, so that one who prints much waits for nobody.
pub(super) fn run(program: &[String], input: &[u8], within: Duration) -> Result<Vec<u8>, String> {
    let (name, arguments) = program.split_first().ok_or("there is no program to run")?;
    let file = || tempfile::tempfile().map_err(|error| format!("cannot make a temporary file: {error}"));
    let (mut stdin, mut stdout, mut stderr) = (file()?, file()?, file()?);
    let prepared = stdin.write_all(input).and_then(|()| stdin.seek(SeekFrom::Start(0)));
    prepared.map_err(|error| format!("cannot write a temporary file: {error}"))?;
    let pipe = |file: &File| file.try_clone().map(Stdio::from).map_err(|error| error.to_string());
    let mut command = Command::new(name);
    command.env_remove("NOTIFY_SOCKET").env_remove("LISTEN_FDS").env_remove("WATCHDOG_USEC");
    command.args(arguments).stdin(pipe(&stdin)?).stdout(pipe(&stdout)?).stderr(pipe(&stderr)?);
    let mut child = command.spawn().map_err(|error| format!("cannot run {name}: {error}"))?;
    let status = wait(&mut child, within).map_err(|why| format!("{name} {why}"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&read(&mut stderr, ERROR_MAX)).into_owned();
        let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
        let colon = if said.is_empty() { "" } else { ": " };
        return Err(format!("{name} ended with {status}{colon}{}", said.join("; ")));
    }
    Ok(read(&mut stdout, OUTPUT_MAX))
}

fn wait(child: &mut Child, within: Duration) -> Result<ExitStatus, String> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() < within => thread::sleep(EVERY),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("did not end within {} s, and was killed", within.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

fn read(file: &mut File, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read back is nothing said.
    if file.seek(SeekFrom::Start(0)).is_ok() {
        let _ = file.take(most).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn arguments_arrive_as_they_are() {
        let words = program(&["/bin/echo", "a b", "$HOME", ";", "'"]);
        assert_eq!(run(&words, b"", PROGRAM_WITHIN).unwrap(), b"a b $HOME ; '\n");
        assert_eq!(run(&program(&["/bin/cat"]), b"in and out", PROGRAM_WITHIN).unwrap(), b"in and out");
    }

    #[test]
    fn a_failure_is_said_with_the_complaint() {
        let said = run(&program(&["/bin/ls", "/no/such/place"]), b"", PROGRAM_WITHIN).unwrap_err();
        assert!(
            said.starts_with("/bin/ls ended with exit status: 2: ") && said.contains("/no/such/place"),
            "{said}"
        );
        let said = run(&program(&["/no/such/program"]), b"", PROGRAM_WITHIN).unwrap_err();
        assert!(said.starts_with("cannot run /no/such/program: "), "{said}");
        let said = run(&program(&["/bin/sleep", "1000"]), b"", Duration::from_millis(50)).unwrap_err();
        assert_eq!(said, "/bin/sleep did not end within 0 s, and was killed");
    }
}
