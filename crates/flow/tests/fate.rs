//! Every datagram is decoded, held or refused, and every octet that is counted is in a row: at every batch, over real
//! captures and what comes of them when they are shuffled, doubled, damaged and cut.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read captures and may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use weir_flow::memory::Memory;
use weir_flow::session::memory::{Attic, Realm};
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch, Column};
use weir_wire::ipfix;
use weir_wire::packet::{Transport, dissect};
use weir_wire::{file, template::Field};

/// A datagram and whom it is from.
type Sent = (Addr, u16, Vec<u8>);

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) % u64::try_from(end).unwrap()).unwrap()
    }
}

/// Sums by counter without reasons, and the octets of all rows.
#[derive(Default)]
struct Books {
    counted: BTreeMap<String, i128>,
    row_octets: i128,
    memory: Memory,
}

impl Books {
    fn take(&mut self, batch: &Batch) {
        for row in &batch.health {
            let name = row.what.split(':').next().unwrap();
            *self.counted.entry(name.to_owned()).or_default() += i128::from(row.value);
        }
        for (row, octets) in batch.u64s(Column::Octets).iter().enumerate() {
            let is_known = batch.is_present(row, Column::Octets);
            self.row_octets += if is_known { i128::from(*octets) } else { 0 };
        }
        for change in &batch.memory {
            self.memory.apply(change);
        }
    }

    fn of(&self, name: &str) -> i128 {
        self.counted.get(name).copied().unwrap_or_default()
    }

    fn check(&self, what: &str) {
        let [decoded, held, refused] =
            ["datagrams_decoded", "datagrams_held", "datagrams_refused"].map(|name| self.of(name));
        assert!(held >= 0, "{what}: {held} are held");
        assert_eq!(self.of("datagrams"), decoded + held + refused, "{what}: {decoded} {held} {refused}");
        assert_eq!(self.of("octets"), self.row_octets, "{what}: octets counted, and in rows");
    }
}

fn datagrams(path: &Path) -> Vec<Sent> {
    let bytes = std::fs::read(path).unwrap();
    let mut out = Vec::new();
    if file::detect(&bytes).is_none() {
        return vec![(Addr::v4([192, 0, 2, 1]), 9, bytes)];
    }
    for frame in file::frames(&bytes).map_while(Result::ok) {
        let packet = dissect(frame.link, frame.bytes);
        if let (Some(ip), Some(Transport::Ports { src_port, .. })) = (packet.network, packet.transport) {
            out.push((ip.src.into(), src_port, packet.payload.to_vec()));
        }
    }
    out
}

/// What a bad network and a bad memory make of them.
fn spoil(sent: &[Sent], random: &mut Random) -> Vec<Sent> {
    let mut out: Vec<Sent> = Vec::new();
    for datagram in sent {
        let mut datagram = datagram.clone();
        match random.below(12) {
            0 => continue,
            1 => out.push(datagram.clone()),
            2 => {
                let len = random.below(datagram.2.len() + 1);
                datagram.2.truncate(len);
            }
            3 if !datagram.2.is_empty() => {
                for _ in 0..=random.below(4) {
                    let at = random.below(datagram.2.len());
                    *datagram.2.get_mut(at).unwrap() = u8::try_from(random.below(256)).unwrap();
                }
            }
            _ => {}
        }
        out.push(datagram);
        if let Some(at) = out.len().checked_sub(1 + random.below(6)) {
            let last = out.len() - 1;
            out.swap(at, last);
        }
    }
    out
}

/// Plays them, with a batch now and then, sessions that end and a restart on the way.
fn play(name: &str, sent: &[Sent], random: &mut Random) -> Books {
    let mut books = Books::default();
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    let mut received = 1_767_225_600_000;
    for (number, (from, port, payload)) in sent.iter().enumerate() {
        received += i64::try_from(random.below(20_000)).unwrap();
        sessions.ingest(&Arrival { received, from: *from, port: *port, payload }, &mut batch);
        if random.below(40) == 0 {
            sessions.end(*from, *port, &mut batch);
        }
        if random.below(5) == 0 {
            sessions.finish(&mut batch);
            books.take(&batch);
            books.check(&format!("{name}, datagram {number}"));
            batch = Batch::new();
        }
        if random.below(200) == 0 {
            sessions.conclude(&mut batch);
            sessions.finish(&mut batch);
            books.take(&batch);
            batch = Batch::new();
            let attic = Attic::new(&books.memory, Realm::Live);
            sessions = Sessions::recalling(Settings::default(), Arc::new(attic));
        }
    }
    sessions.conclude(&mut batch);
    sessions.finish(&mut batch);
    books.take(&batch);
    books.check(name);
    books
}

#[test]
fn every_datagram_of_our_captures_has_one_fate() {
    let folder = weir_testkit::repository().join("testdata/captures");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path().join("export.pcap");
        if !path.is_file() {
            continue;
        }
        let (name, sent) = (path.display().to_string(), datagrams(&path));
        let books = play(&name, &sent, &mut Random(7));
        assert_eq!(books.of("datagrams"), i128::try_from(sent.len()).unwrap());
        for seed in 0..6 {
            let mut random = Random(seed);
            let spoiled = spoil(&sent, &mut random);
            let books = play(&format!("{name}, seed {seed}"), &spoiled, &mut random);
            assert_eq!(books.of("datagrams"), i128::try_from(spoiled.len()).unwrap());
        }
        files += 1;
    }
    assert!(files >= 28, "only {files} captures");
}

/// Everything that two hundred routers and collectors left in public captures.
#[test]
fn every_datagram_of_the_worlds_captures_has_one_fate() {
    let Some(shared) = weir_testkit::shared() else {
        return weir_testkit::skip("every_datagram_of_the_worlds_captures_has_one_fate", "no ../shared");
    };
    let mut all = 0;
    for entry in std::fs::read_dir(shared.join("captures")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !(name.starts_with("nf") || name.starts_with("ipfix") || name.starts_with("sflow")) {
            continue;
        }
        let sent = datagrams(&entry.path());
        all += sent.len();
        play(&name, &sent, &mut Random(1));
        let mut random = Random(2);
        play(&format!("{name}, spoiled"), &spoil(&sent, &mut random), &mut random);
    }
    assert!(all > 1000, "only {all} datagrams");
}

/// The corpora of the fuzz targets are one exporter's stream: nearly all of it is wrong somewhere.
#[test]
fn every_datagram_of_the_corpora_has_one_fate() {
    let mut sent = Vec::new();
    for folder in ["v9", "ipfix", "v5", "v8", "legacy", "sflow", "session"] {
        let folder = weir_testkit::repository().join("fuzz/corpus").join(folder);
        let Ok(files) = std::fs::read_dir(folder) else { continue };
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        sent.extend(paths.iter().map(|path| (Addr::v4([192, 0, 2, 1]), 9, std::fs::read(path).unwrap())));
    }
    assert!(sent.len() > 50, "only {} datagrams", sent.len());
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut shuffled = spoil(&sent, &mut random);
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, random.below(at + 1));
        }
        play(&format!("corpora, seed {seed}"), &shuffled, &mut random);
    }
}

const TEMPLATE: [Field; 1] = [Field::new(1, 8)];

fn message(sequence: u32, write: impl FnOnce(&mut ipfix::Writer<'_>)) -> Vec<u8> {
    let header = ipfix::Header { sequence, domain: 7, export_s: 1_767_225_600, ..Default::default() };
    let mut out = vec![0; 1500];
    let mut writer = ipfix::Writer::new(&mut out, header).unwrap();
    write(&mut writer);
    let len = writer.finish().unwrap();
    out.truncate(len);
    out
}

/// By hand: three datagrams wait, one with a set that is known as well; a copy comes; two wait in vain.
#[test]
fn who_waits_is_decoded_when_the_template_comes_and_refused_when_it_does_not() {
    let data = |id: u16, octets: u64| {
        move |w: &mut ipfix::Writer<'_>| {
            w.begin_data(id).unwrap();
            w.record(&octets.to_be_bytes()).unwrap();
        }
    };
    let mut books = Books::default();
    let mut sessions = Sessions::new(Settings::default());
    let step = |sessions: &mut Sessions, books: &mut Books, payload: &[u8]| {
        let mut batch = Batch::new();
        let from = Addr::v4([192, 0, 2, 1]);
        sessions.ingest(&Arrival { received: 1_767_225_600_000, from, port: 9, payload }, &mut batch);
        sessions.finish(&mut batch);
        books.take(&batch);
        books.check("by hand");
        ["datagrams_decoded", "datagrams_held", "datagrams_refused"].map(|name| books.of(name))
    };
    assert_eq!(step(&mut sessions, &mut books, &message(0, data(256, 10))), [0, 1, 0]);
    assert_eq!(step(&mut sessions, &mut books, &message(1, data(257, 20))), [0, 2, 0]);
    // A template that nobody waited for comes with a set that waits: the datagram was read.
    let both = message(2, |w| {
        data(258, 1)(w);
        w.template(300, &TEMPLATE).unwrap();
    });
    assert_eq!(step(&mut sessions, &mut books, &both), [1, 2, 0]);
    assert_eq!(step(&mut sessions, &mut books, &both), [1, 2, 1]);
    // The first is released; octets are its 10.
    let template = message(3, |w| w.template(256, &TEMPLATE).unwrap());
    assert_eq!(step(&mut sessions, &mut books, &template), [3, 1, 1]);
    assert_eq!(books.row_octets, 10);
    assert_eq!(step(&mut sessions, &mut books, b"nonsense"), [3, 1, 2]);
    let mut batch = Batch::new();
    sessions.end(Addr::v4([192, 0, 2, 1]), 9, &mut batch);
    sessions.finish(&mut batch);
    books.take(&batch);
    books.check("the end");
    assert_eq!(["datagrams", "datagrams_held"].map(|name| books.of(name)), [6, 0]);
    let in_vain: i64 =
        batch.health.iter().filter(|r| r.what == "datagrams_refused:no_template").map(|r| r.value).sum();
    assert_eq!(in_vain, 1);
}
