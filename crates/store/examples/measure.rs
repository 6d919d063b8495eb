//! Measures the store by itself: `cargo run --release -p weir-store --example measure -- [ROWS] [FOLDER]`.
//!
//! Rows are synthetic and seeded: Zipf-distributed hosts of 200 tenants, a million remote addresses, 15 % IPv6,
//! heavy-tailed sizes, the columns that a typical NetFlow v9 export has. It prints wall and CPU seconds of
//! journaling, sealing (segment, bins and counts, all flushed to the disk) and reading.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "synthetic numbers are made to fit"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weir_flow::names::{Direction, SamplingSource, TimeSource, Version};
use weir_flow::{Addr, Batch, Column, health};
use weir_store::{Options, Snapshot, Writer};

const BATCH_ROWS: usize = 8192;
const START: i64 = 1_780_000_000_000;

/// xorshift64*: enough for sizes and hosts.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A rank below `n`, the first ones far more often (Zipf with exponent 1).
    fn rank(&mut self, n: f64) -> u64 {
        n.powf(self.unit()) as u64
    }
}

fn remote(rank: u64) -> Addr {
    let mixed = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if rank % 20 < 3 {
        let mut octets = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        octets[4..12].copy_from_slice(&mixed.to_be_bytes());
        return Addr::v6(octets);
    }
    Addr::v4(((mixed >> 32) as u32 | 0x1000_0000).to_be_bytes())
}

/// What rows of one flow are made from.
struct Flow {
    start: i64,
    end: i64,
    out: bool,
    /// Rank of the local host.
    local: u64,
    host: Addr,
    other: Addr,
    packets: u64,
    octets: u64,
    service: u16,
    ephemeral: u16,
    autonomous: u32,
    flags: u16,
}

impl Flow {
    fn random(random: &mut Random, now: i64) -> Self {
        let local = random.rank(20_000.0);
        let packets = (1.0 / (random.unit() + 1e-6).powf(0.9)) as u64;
        Self {
            start: now - (random.unit().powi(4) * 60_000.0) as i64,
            end: now,
            out: random.next().is_multiple_of(2),
            local,
            host: Addr::v4([10, (local % 200) as u8, (local >> 8) as u8, local as u8]),
            other: remote(random.rank(1_000_000.0)),
            packets,
            octets: packets * (40 + random.next() % 1400),
            service: [443, 80, 53, 22, 8080][(random.rank(5.0) % 5) as usize],
            ephemeral: 32768 + (random.next() % 28232) as u16,
            autonomous: 64_000 + random.rank(3000.0) as u32,
            flags: (random.next() % 4) as u16 * 8 + 2,
        }
    }

    /// The first of the two that belongs to the source.
    fn by_side<T>(&self, local: T, remote: T) -> (T, T) {
        if self.out { (local, remote) } else { (remote, local) }
    }

    fn push(&self, b: &mut Batch) {
        let (src, dst) = self.by_side(self.host, self.other);
        let (src_port, dst_port) = self.by_side(self.ephemeral, self.service);
        let (src_as, dst_as) = self.by_side(65_000, self.autonomous);
        let (src_mask, dst_mask) = self.by_side(24, 16);
        let (ingress, egress) = self.by_side(10 + (self.local % 24) as u32, 1);
        for (column, ms) in [(Column::Start, self.start), (Column::End, self.end)] {
            b.times_mut(column).push(ms);
        }
        let next_hop = Addr::v4([192, 0, 2, 200 + u8::from(self.out)]);
        for (column, addr) in [
            (Column::SrcAddr, src),
            (Column::DstAddr, dst),
            (Column::NextHop, next_hop),
            (Column::Host, self.host),
        ] {
            b.addrs_mut(column).push(addr);
        }
        for (column, number) in
            [(Column::SrcPort, src_port), (Column::DstPort, dst_port), (Column::TcpFlags, self.flags)]
        {
            b.u16s_mut(column).push(number);
        }
        for (column, number) in [
            (Column::Proto, if self.service == 53 { 17 } else { 6 }),
            (Column::SrcMask, src_mask),
            (Column::DstMask, dst_mask),
            (Column::Direction, if self.out { Direction::Out } else { Direction::In }.code()),
        ] {
            b.u8s_mut(column).push(number);
        }
        for (column, number) in [
            (Column::IngressIf, ingress),
            (Column::EgressIf, egress),
            (Column::SrcAs, src_as),
            (Column::DstAs, dst_as),
            (Column::Tenant, (self.local % 200) as u32),
        ] {
            b.u32s_mut(column).push(number);
        }
        for (column, number) in [
            (Column::Octets, self.octets),
            (Column::MeasuredOctets, self.octets),
            (Column::Packets, self.packets),
            (Column::MeasuredPackets, self.packets),
        ] {
            b.u64s_mut(column).push(number);
        }
    }
}

/// The columns that the rows have.
const COLUMNS: [Column; 30] = [
    Column::Start,
    Column::End,
    Column::Received,
    Column::TimeSource,
    Column::Exporter,
    Column::Domain,
    Column::ProtocolVersion,
    Column::SrcAddr,
    Column::DstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Proto,
    Column::TcpFlags,
    Column::Tos,
    Column::IngressIf,
    Column::EgressIf,
    Column::SrcAs,
    Column::DstAs,
    Column::SrcMask,
    Column::DstMask,
    Column::NextHop,
    Column::Octets,
    Column::Packets,
    Column::MeasuredOctets,
    Column::MeasuredPackets,
    Column::SamplingInterval,
    Column::SamplingSource,
    Column::Tenant,
    Column::Direction,
    Column::Host,
];

/// Flows of eight exporters, 1.67 a millisecond, in datagrams of 24 records.
fn batch(random: &mut Random, first: usize, rows: usize, tenants: &[Box<str>]) -> Batch {
    let mut b = Batch::new();
    b.set_names(tenants.into());
    b.extend_rows(rows, COLUMNS.iter().fold(0, |m, c| m | c.bit()));
    let time = |row: usize| START + (row as i64) * 3 / 5;
    for i in 0..rows {
        Flow::random(random, time(first + i)).push(&mut b);
        b.times_mut(Column::Received).push(time((first + i).next_multiple_of(24)) + 20);
        b.addrs_mut(Column::Exporter).push(Addr::v4([192, 0, 2, (i / 24 % 8) as u8]));
    }
    b.u8s_mut(Column::TimeSource).resize(rows, TimeSource::Flow.code());
    b.u8s_mut(Column::ProtocolVersion).resize(rows, Version::V9.code());
    b.u8s_mut(Column::SamplingSource).resize(rows, SamplingSource::Default.code());
    b.u32s_mut(Column::SamplingInterval).resize(rows, 1);
    b.u32s_mut(Column::Domain).resize(rows, 1);
    b.seal();
    let exporter = Addr::v4([192, 0, 2, 0]);
    let bin = weir_flow::time::bin(START);
    b.health.push(health::Row { bin, exporter, domain: 1, what: "records".into(), value: rows as i64 });
    b
}

/// CPU seconds of this process so far, by the kernel's account.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn timed<T>(what: &str, rows: usize, work: impl FnOnce() -> T) -> T {
    let (wall, before) = (Instant::now(), cpu());
    let result = work();
    let (wall, used) = (wall.elapsed().as_secs_f64(), cpu() - before);
    println!("{what:<44} {wall:8.3} s wall {used:7.2} s CPU {:9.2} Mrows/s", rows as f64 / wall / 1e6);
    result
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(Ok(1 << 20), |a| a.parse())?;
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("weir-measure"), PathBuf::from);
    let store = folder.join("store");
    if store.exists() {
        std::fs::remove_dir_all(&store)?;
    }
    let mut random = Random(1);
    let tenants: Vec<Box<str>> = (0..200).map(|i| format!("tenant-{i:03}").into()).collect();
    let batches: Vec<Batch> = (0..rows)
        .step_by(BATCH_ROWS)
        .map(|at| batch(&mut random, at, BATCH_ROWS.min(rows - at), &tenants))
        .collect();
    write(&store, rows, &batches)?;
    read(&store, rows)
}

fn write(store: &Path, rows: usize, batches: &[Batch]) -> Result<(), Box<dyn Error>> {
    let options = Options { seal_rows: u64::MAX, ..Options::default() };
    let (mut writer, _) = Writer::open(store, options)?;
    timed("journal: append, flushed every 16 batches", rows, || -> Result<(), Box<dyn Error>> {
        for (i, batch) in batches.iter().enumerate() {
            writer.append(batch, START)?;
            if i % 16 == 15 {
                writer.sync()?;
            }
        }
        Ok(writer.sync()?)
    })?;
    let journal = std::fs::metadata(store.join("journal/00000001.wal"))?.len();
    println!("{:<44} {:8.1} bytes a row", "journal", journal as f64 / rows as f64);
    timed("tail: sum octets of journaled rows", rows, || Snapshot::open(store).map(|s| s.totals()))?;
    timed("seal: segment, bins, counts, fsync", rows, || writer.seal(START))?;
    writer.close(START)?;
    for top in ["flows", "bins", "health"] {
        println!("{top:<44} {:8.2} bytes a row", size(&store.join(top))? as f64 / rows as f64);
    }
    Ok(())
}

fn size(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}

fn read(store: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    for (what, columns) in [
        ("read: dst_addr, octets", Column::DstAddr.bit() | Column::Octets.bit()),
        ("read: proto, octets", Column::Proto.bit() | Column::Octets.bit()),
        ("read: host, tenant, start", Column::Host.bit() | Column::Tenant.bit() | Column::Start.bit()),
        ("read: all columns", u64::MAX),
    ] {
        timed(what, rows, || -> Result<(), Box<dyn Error>> {
            for segment in Snapshot::open(store)?.segments {
                let reader = segment.open()?;
                for (group, info) in reader.row_groups().iter().enumerate() {
                    std::hint::black_box(reader.read(
                        group,
                        columns,
                        std::slice::from_ref(&(0..info.rows)),
                    )?);
                }
            }
            Ok(())
        })?;
    }
    let snapshot = Snapshot::open(store)?;
    let mut accounts = 0;
    timed("bins: read all accounts", rows, || snapshot.bins(i64::MIN..i64::MAX, |_| accounts += 1))?;
    println!("{accounts} accounts");
    timed("bins: computed again from the rows", rows, || {
        snapshot.recompute_bins(i64::MIN..i64::MAX).map(drop)
    })?;
    timed("verify", rows, || weir_store::verify(store))
        .map(|r| assert!(r.problems.is_empty(), "{:?}", r.problems))?;
    Ok(())
}
