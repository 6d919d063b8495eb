//! The questions to one server: asked, asked again, given up.

use super::message::{is_answer_to, question, read};
use super::{Answer, Said};
use simple_dns::Packet;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use weir_flow::Addr;

/// Questions that wait for an answer at one time.
const WAITING_MAX: usize = 256;
/// A question is asked anew when this time has gone by without an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often a question is asked.
const TRIES: u32 = 3;
/// A server that has answered nothing by then, also not what was asked twice, is left.
const SILENCE: Duration = Duration::from_millis(800);
/// The longest answer that is read: without EDNS, which is not offered, a server sends 512 octets.
const ANSWER_BYTES_MAX: usize = 4096;

/// A question on its way.
struct Waiting {
    address: Addr,
    /// How often it was asked.
    tries: u32,
    when: Instant,
}

/// The questions to one server.
pub(super) struct Round {
    socket: UdpSocket,
    /// What is still to be asked, the last one first.
    unasked: Vec<Addr>,
    /// By the id of the question.
    waiting: HashMap<u16, Waiting>,
    answers: HashMap<Addr, Answer>,
    /// What was asked as often as it may be.
    left_open: Vec<Addr>,
    random: RandomState,
    asked: u64,
}

/// Whether the server is worth more questions.
enum Server {
    Answers,
    Gone,
}

impl Round {
    /// # Errors
    /// There is no way to the server.
    pub(super) fn new(server: SocketAddr, addresses: &[Addr]) -> std::io::Result<Self> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        Ok(Self {
            socket,
            unasked: addresses.iter().rev().copied().collect(),
            waiting: HashMap::new(),
            answers: HashMap::new(),
            left_open: Vec::new(),
            random: RandomState::new(),
            asked: 0,
        })
    }

    /// Asks until everything is answered or given up, or time is over. What was asked often enough of a server that
    /// answers others could not be found out; where it answers nothing, nothing is known.
    pub(super) fn run(mut self, deadline: Instant) -> HashMap<Addr, Answer> {
        let begun = Instant::now();
        while let Server::Answers = self.step(begun, deadline) {}
        if !self.answers.is_empty() {
            let failed = Answer { said: Said::Failed, ttl_s: None };
            let open = self.left_open.into_iter();
            let open = open.chain(self.waiting.into_values().filter(|w| w.tries >= TRIES).map(|w| w.address));
            for address in open {
                self.answers.entry(address).or_insert_with(|| failed.clone());
            }
        }
        self.answers
    }

    /// Sends what may be sent and hears one answer, or nothing for a while.
    fn step(&mut self, begun: Instant, deadline: Instant) -> Server {
        let now = Instant::now();
        if self.answers.is_empty() && now.duration_since(begun) >= SILENCE {
            return Server::Gone;
        }
        if self.ask_again(now).is_err() {
            return Server::Gone;
        }
        while self.waiting.len() < WAITING_MAX {
            let Some(address) = self.unasked.pop() else { break };
            if self.send(address, now).is_err() {
                return Server::Gone;
            }
        }
        if self.waiting.is_empty() || now >= deadline {
            return Server::Gone;
        }
        let next = self.waiting.values().map(|waiting| waiting.when + PATIENCE).min().unwrap_or(deadline);
        let pause = next.min(deadline).saturating_duration_since(now).max(Duration::from_millis(1));
        if self.receive(pause).is_err() { Server::Gone } else { Server::Answers }
    }

    /// Asks again what was not answered in time, with the same id, for the first answer may be late and not lost; or leaves
    /// it.
    fn ask_again(&mut self, now: Instant) -> std::io::Result<()> {
        let is_late = |waiting: &Waiting| now.duration_since(waiting.when) >= PATIENCE;
        let late: Vec<u16> = self.waiting.iter().filter(|(_, w)| is_late(w)).map(|(id, _)| *id).collect();
        for id in late {
            let Some(waiting) = self.waiting.get_mut(&id) else { continue };
            match question(id, waiting.address).filter(|_| waiting.tries < TRIES) {
                Some(question) => {
                    self.socket.send(&question)?;
                    (waiting.tries, waiting.when) = (waiting.tries + 1, now);
                }
                None => {
                    self.left_open.push(waiting.address);
                    self.waiting.remove(&id);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, address: Addr, when: Instant) -> std::io::Result<()> {
        let mut id = self.guess();
        while self.waiting.contains_key(&id) {
            id = self.guess();
        }
        let Some(question) = question(id, address) else { return Ok(()) };
        self.socket.send(&question)?;
        self.waiting.insert(id, Waiting { address, tries: 1, when });
        Ok(())
    }

    /// An id that nobody can guess.
    fn guess(&mut self) -> u16 {
        self.asked += 1;
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.asked);
        (hasher.finish() & 0xffff).try_into().unwrap_or_default()
    }

    /// Takes one answer, if one comes in time. What is none to a question of ours, or cannot be read, is as if it had not
    /// come: the true answer may be behind it.
    fn receive(&mut self, pause: Duration) -> std::io::Result<()> {
        self.socket.set_read_timeout(Some(pause))?;
        let mut buffer = [0; ANSWER_BYTES_MAX + 1];
        let length = match self.socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => {
                let in_vain = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
                return if in_vain.contains(&error.kind()) { Ok(()) } else { Err(error) };
            }
        };
        let message = buffer.get(..length).filter(|message| message.len() <= ANSWER_BYTES_MAX);
        let Some(Ok(packet)) = message.map(Packet::parse) else { return Ok(()) };
        let Some(waiting) = self.waiting.get(&packet.id()) else { return Ok(()) };
        let address = waiting.address;
        if is_answer_to(&packet, address) {
            self.waiting.remove(&packet.id());
            self.answers.insert(address, read(&packet));
        }
        Ok(())
    }
}
