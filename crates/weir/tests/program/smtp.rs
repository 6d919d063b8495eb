//! A mail server that does what a test wants: takes letters, refuses them, is busy, or hangs up in the middle.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it does when it has heard whom a letter is for, or the whole letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Takes it.
    Take,
    /// Says this to RCPT.
    ToRecipient(&'static str),
    /// Says this to the letter.
    ToLetter(&'static str),
    /// Has taken it, and hangs up without a word.
    HangUp,
    /// Has taken it, and thinks for so long before it says so.
    Think(Duration),
}

/// A letter as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
    /// What was answered.
    pub(crate) answer: Answer,
}

impl Letter {
    /// The value of a header that is on one line.
    pub(crate) fn header(&self, name: &str) -> String {
        let head = self.text.split("\n\n").next().unwrap();
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    }
}

/// What is to be answered to a recipient the n-th time, from 0.
type Rule = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// The server. It goes on until the test ends.
pub(crate) struct Server {
    pub(crate) to: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    tries: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens on the loopback.
    pub(crate) fn start(rule: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").unwrap(), rule)
    }

    /// The same on a socket that is there.
    pub(crate) fn start_on(
        listener: TcpListener,
        rule: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let to = listener.local_addr().unwrap();
        let server = Self { to, letters: Arc::default(), tries: Arc::default() };
        let (letters, tries) = (Arc::clone(&server.letters), Arc::clone(&server.tries));
        let rule: Arc<Rule> = Arc::new(rule);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let conversation = Conversation {
                    letters: Arc::clone(&letters),
                    tries: Arc::clone(&tries),
                    rule: Arc::clone(&rule),
                };
                thread::spawn(move || conversation.hold(stream.unwrap()));
            }
        });
        server
    }

    /// Every letter that came whole, whatever was answered.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    /// Recipients of the letters that it took and said so.
    pub(crate) fn taken(&self) -> Vec<String> {
        let letters = self.letters();
        letters.into_iter().filter(|letter| letter.answer == Answer::Take).map(|letter| letter.to).collect()
    }

    /// Recipients that were asked for, in order.
    pub(crate) fn tries(&self) -> Vec<String> {
        self.tries.lock().unwrap().clone()
    }
}

struct Conversation {
    letters: Arc<Mutex<Vec<Letter>>>,
    tries: Arc<Mutex<Vec<String>>>,
    rule: Arc<Rule>,
}

impl Conversation {
    /// Until the other one ends it.
    fn hold(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let mut say = |words: &str| stream.write_all(format!("{words}\r\n").as_bytes()).is_ok();
        say("220 test.example.org ESMTP");
        let (mut to, mut answer) = (String::new(), Answer::Take);
        while let Some(line) = lines.next() {
            match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => say("250-test.example.org\r\n250 8BITMIME"),
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap().to_owned();
                    let times = self.tries.lock().unwrap().iter().filter(|one| **one == to).count();
                    self.tries.lock().unwrap().push(to.clone());
                    answer = (self.rule)(&to, times);
                    match answer {
                        Answer::ToRecipient(words) => say(words),
                        _ => say("250 2.1.5 Ok"),
                    }
                }
                "DATA" => {
                    say("354 go on");
                    let letter: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                    let letter = Letter { to: to.clone(), text: letter.join("\n"), answer: answer.clone() };
                    self.letters.lock().unwrap().push(letter);
                    match answer {
                        Answer::ToLetter(words) => say(words),
                        Answer::HangUp => return,
                        Answer::Think(time) => {
                            thread::sleep(time);
                            say("250 2.0.0 Ok: at last")
                        }
                        Answer::Take | Answer::ToRecipient(_) => say("250 2.0.0 Ok: queued as 4711"),
                    }
                }
                "QUIT" => {
                    say("221 bye");
                    return;
                }
                _ => say("250 Ok"),
            };
        }
    }
}
