//! A program that takes letters as sendmail does: the message on its standard input, the recipient behind `--`.
//!
//! Postfix, Exim, OpenSMTPD, msmtp and nullmailer all have one. How it ends says what became of the letter, by the codes
//! of `sysexits.h`.

use super::carrier::Verdict;
use lettre::Address;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take. It queues, it does not deliver.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often is looked whether it has ended.
const EVERY: Duration = Duration::from_millis(20);
/// What is read of what it says, bytes.
const SAID_MAX: u64 = 4096;

/// Codes of `sysexits.h` after which another try is of no use: usage, data, no user, no host, no permission.
const REFUSED: [i32; 5] = [64, 65, 67, 68, 77];

/// The program.
pub(super) struct Program<'a> {
    path: &'a Path,
}

impl<'a> Program<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// Hands over one letter.
    pub(super) fn carry(&self, from: &Address, to: &Address, message: &[u8]) -> Verdict {
        match self.start(from, to, &local_lines(message)) {
            Ok((child, said)) => self.watch(child, said),
            Err(error) => Verdict::Closed(format!("{} cannot be run: {error}", self.path.display())),
        }
    }

    /// Starts it, with the message to read and a file for what it says. Both are files and no pipes, so that nobody waits
    /// for a program that does not read, or that leaves another behind.
    fn start(&self, from: &Address, to: &Address, message: &[u8]) -> io::Result<(Child, File)> {
        let (mut input, said) = (tempfile::tempfile()?, tempfile::tempfile()?);
        input.write_all(message)?;
        input.rewind()?;
        let child = Command::new(self.path)
            .args(["-i", "-f", from.as_ref(), "--", to.as_ref()])
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(said.try_clone()?)
            .spawn()?;
        Ok((child, said))
    }

    fn watch(&self, mut child: Child, said: File) -> Verdict {
        let name = self.path.display();
        let code = match wait(&mut child) {
            Ok(Some(code)) => code,
            Ok(None) => {
                let seconds = PATIENCE.as_secs();
                return Verdict::Later(format!("{name} was ended: it took longer than {seconds} s"));
            }
            Err(error) => return Verdict::Later(format!("{name}: {error}")),
        };
        let said = words(said);
        let with = |how: String| if said.is_empty() { how } else { format!("{how}: {said}") };
        match code {
            Some(0) => Verdict::Taken(with(format!("{name} took it"))),
            Some(code) if REFUSED.contains(&code) => {
                Verdict::Refused(with(format!("{name} ended with {code}")))
            }
            Some(code) => Verdict::Later(with(format!("{name} ended with {code}"))),
            None => Verdict::Later(with(format!("{name} was ended by a signal"))),
        }
    }
}

/// What it said, on one line; what cannot be read is not missed.
fn words(mut said: File) -> String {
    let mut bytes = Vec::new();
    let read = said.rewind().and_then(|()| said.take(SAID_MAX).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(if read.is_ok() { &bytes } else { &[] }).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits until it ends: its exit code, if it has one; `None` if it took too long and was ended.
fn wait(child: &mut Child) -> io::Result<Option<Option<i32>>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        if begun.elapsed() >= PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(EVERY);
    }
}

/// A message with the line ends that programs of this system read.
fn local_lines(message: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(message.len());
    let mut octets = message.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet != b'\r' || octets.peek() != Some(&b'\n') {
            lines.push(octet);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// What becomes of a letter that a script is given.
    fn carry(script: &str) -> (Verdict, String) {
        let folder = tempfile::tempdir().unwrap();
        let (path, took) = (folder.path().join("sendmail"), folder.path().join("took"));
        fs::write(&path, format!("#!/bin/sh\ntook='{}'\n{script}\n", took.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let verdict = Program::new(&path).carry(
            &"weir@example.org".parse().unwrap(),
            &"a@example.com".parse().unwrap(),
            b"Subject: x\r\n\r\none\r\n.\r\ntwo\rthree\r\n",
        );
        let name = path.display().to_string();
        let verdict = match verdict {
            Verdict::Taken(words) => Verdict::Taken(words.replace(&name, "sendmail")),
            Verdict::Later(words) => Verdict::Later(words.replace(&name, "sendmail")),
            Verdict::Refused(words) => Verdict::Refused(words.replace(&name, "sendmail")),
            Verdict::Closed(words) => Verdict::Closed(words.replace(&name, "sendmail")),
        };
        (verdict, fs::read_to_string(took).unwrap_or_default())
    }

    #[test]
    fn how_it_ends_says_what_became_of_the_letter() {
        let (verdict, took) = carry("echo \"$@\" > \"$took\"; cat >> \"$took\"");
        assert_eq!(verdict, Verdict::Taken("sendmail took it".to_owned()));
        assert_eq!(took, "-i -f weir@example.org -- a@example.com\nSubject: x\n\none\n.\ntwo\rthree\n");
        let said = |words: &str| words.to_owned();
        let verdict = |script| carry(script).0;
        assert_eq!(
            verdict("cat > /dev/null; echo no such user >&2; exit 67"),
            Verdict::Refused(said("sendmail ended with 67: no such user"))
        );
        assert_eq!(verdict("cat > /dev/null; exit 75"), Verdict::Later(said("sendmail ended with 75")));
        assert_eq!(verdict("kill -9 $$"), Verdict::Later(said("sendmail was ended by a signal")));
        // One that does not read is no reason to wait for ever.
        assert_eq!(verdict("exec 0<&-; exit 78"), Verdict::Later(said("sendmail ended with 78")));
        let nobody = Program::new(Path::new("/nonexistent/sendmail"));
        let verdict =
            nobody.carry(&"a@example.org".parse().unwrap(), &"b@example.org".parse().unwrap(), b"x");
        assert!(
            matches!(verdict, Verdict::Closed(why) if why.contains("/nonexistent/sendmail cannot be run"))
        );
    }
}
