//! `weir run`, kept running while a test goes on.

use crate::run::Place;
use serde_json::Value;
use std::fs::{self, File};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that must come: long, because machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A collector. Killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub(crate) to: SocketAddr,
}

impl Daemon {
    /// Starts one on a port of the loopback that is free, and waits until it listens.
    pub(crate) fn start(place: &Place) -> Self {
        Self::start_with(place, "")
    }

    /// The same, with more on its command line.
    pub(crate) fn start_with(place: &Place, more: &str) -> Self {
        let daemon = Self::spawn(place, free_port(), more);
        daemon.until_listening();
        daemon
    }

    /// Starts one that listens where its configuration says, and waits until it has logged `ready`.
    pub(crate) fn start_as_configured(place: &Place, ready: &str) -> Self {
        let log = place.path("run.log");
        let child = place.command("run -c weir.toml").stderr(File::create(&log).unwrap()).spawn().unwrap();
        let daemon = Self { child, log, to: SocketAddr::from(([127, 0, 0, 1], 0)) };
        until(ready, || daemon.log().contains(ready));
        daemon
    }

    /// Starts one in this environment, and waits until it listens.
    pub(crate) fn start_in(place: &Place, environment: &[(&str, String)]) -> Self {
        let (to, log) = (free_port(), place.path("run.log"));
        let mut command = place.command(&format!("run --listen {to}"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let daemon = Self { child, log, to };
        daemon.until_listening();
        daemon
    }

    /// Starts one that is given this socket, as a service manager would, and waits until it listens.
    pub(crate) fn start_on_socket(place: &Place, socket: &UdpSocket) -> Self {
        let log = place.path("run.log");
        let mut command = Self::command_on_socket(place, socket);
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let daemon = Self { child, log, to: socket.local_addr().unwrap() };
        daemon.until_listening();
        daemon
    }

    /// `weir run` with the socket as descriptor 3. The shell puts it there: the standard library passes on no
    /// descriptors but the first three.
    pub(crate) fn command_on_socket(place: &Place, socket: &UdpSocket) -> Command {
        let program = place.command("run");
        let mut command = Command::new("sh");
        let script =
            "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=weir.socket LISTEN_PID=$$ exec \"$0\" \"$@\"";
        command.arg("-c").arg(script).arg(program.get_program()).args(program.get_args());
        command.current_dir(program.get_current_dir().unwrap());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(std::os::fd::OwnedFd::from(socket.try_clone().unwrap()));
        command
    }

    /// Starts one there and waits until it listens.
    pub(crate) fn spawn_and_wait(place: &Place, to: SocketAddr) -> Self {
        let daemon = Self::start_on(place, to);
        daemon.until_listening();
        daemon
    }

    /// Starts one and does not wait.
    pub(crate) fn start_on(place: &Place, to: SocketAddr) -> Self {
        Self::spawn(place, to, "")
    }

    fn spawn(place: &Place, to: SocketAddr, more: &str) -> Self {
        let log = place.path("run.log");
        let mut command = place.command(&format!("run {more} --listen {to}"));
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log, to }
    }

    /// Starts this one, which listens where it likes, and does not wait.
    pub(crate) fn start_command(place: &Place, command: &mut Command) -> Self {
        let log = place.path("run.log");
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log, to: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }

    /// Waits until it listens.
    pub(crate) fn until_listening(&self) {
        until("weir run to listen", || self.log().contains(&format!("listening on udp {}", self.to)));
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the standard library sends no other signal than SIGKILL.
        let told = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(told.unwrap().success());
    }

    /// Asks it to stop with SIGTERM, and sees that it does so cleanly; its log.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(30));
    }
}

/// Waits until the usage of everything stored is as asked, and gives it.
pub(crate) fn usage_when(place: &Place, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut usage = Value::Null;
    until(what, || {
        let answer = place.weir("usage -o json");
        usage = serde_json::from_str(&answer.out).unwrap_or_default();
        answer.code == Some(0) && is_so(&usage)
    });
    usage
}
