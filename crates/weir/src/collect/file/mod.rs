//! What files hold: datagrams of captures (pcap, pcapng), of files of IPFIX messages (RFC 5655), and bare ones; records
//! that other collectors kept (`nfcapd`, `flowtools`).
//!
//! Files are read as a stream, whatever their size, and untrusted: one that ends in the middle of something gives
//! what was whole and says so. `input` is their bytes, unpacked where a whole file is packed.

mod flowtools;
mod input;
mod nfcapd;
#[cfg(test)]
mod tests;

use super::fragment::{Reassembler, Tally};
use crate::exit::{self, Failure, Outcome};
use input::Input;
use std::path::Path;
use weir_flow::session::Arrival;
use weir_flow::session::archive::{self, Archive, Piece};
use weir_flow::{Addr, Batch};
use weir_wire::file::{Frame, Next, Reader};
use weir_wire::netflow::{v1, v5, v6, v7, v8};
use weir_wire::packet::{Transport, dissect};
use weir_wire::{Protocol, ipfix};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A capture of export datagrams: pcap or pcapng.
    Capture,
    /// Export datagrams or IPFIX messages, one after the other, nothing between them.
    Datagrams,
    /// A file of nfcapd, sfcapd or nfdump (1.6 and 1.7).
    Nfcapd,
    /// A file of flow-tools.
    FlowTools,
}

/// What is handed over, one after the other.
pub(crate) enum Item<'a> {
    /// A datagram, as it once arrived.
    Datagram(&'a Arrival<'a>),
    /// Records that another collector kept.
    Records(&'a mut dyn Piece),
}

/// Who takes it.
type Sink<'a> = &'a mut dyn FnMut(Item<'_>) -> Outcome;

/// A piece without records: something that is to be done with the archive when it comes to it.
struct Ending<F>(Option<F>);

impl<F: FnOnce(&mut Archive, &mut Batch)> Ending<F> {
    fn new(end: F) -> Self {
        Self(Some(end))
    }
}

impl<F: FnOnce(&mut Archive, &mut Batch)> Piece for Ending<F> {
    fn read(&mut self, archive: &mut Archive, _: usize, batch: &mut Batch) -> bool {
        if let Some(end) = self.0.take() {
            end(archive, batch);
        }
        false
    }
}

/// What reading a file came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Bytes of the file.
    pub(crate) size: u64,
    /// SHA-256 of them.
    pub(crate) digest: [u8; 32],
    /// Frames that hold no UDP datagram.
    pub(crate) other_frames: u64,
    /// What became of datagrams that were captured in fragments.
    pub(crate) fragments: Tally,
    /// The file ends in the middle of something, or a part of it cannot be read.
    pub(crate) is_cut: bool,
    /// Whoever wrote the file has not closed it: it may still be written.
    pub(crate) is_open: bool,
    /// What was read of an archive, and what it says it holds, where that is something else.
    pub(crate) differs: Option<(archive::Tally, archive::Tally)>,
}

impl Contents {
    /// Whether nothing is known to be missing.
    fn is_whole(&self) -> bool {
        !self.is_cut && !self.is_open
    }
}

/// What is read, and what stands in for what it does not say.
struct Where<'a> {
    path: &'a Path,
    /// The time, where the file has none, ms since 1970.
    now: i64,
    /// Told how many bytes of the file are done.
    progress: &'a dyn Fn(u64),
}

impl Where<'_> {
    /// [`Input::fill`], and what goes wrong in words.
    fn fill(&self, input: &mut Input, needed: usize) -> Outcome<bool> {
        let is_more = input.fill(needed).map_err(|e| exit::io("cannot read", self.path, &e))?;
        if let Some(damage) = input.damage().filter(|_| !is_more) {
            tracing::warn!("{}: cannot be unpacked further: {damage}", self.path.display());
        }
        Ok(is_more)
    }
}

/// A file of bare datagrams is read whole.
const BARE_BYTES_MAX: u64 = 1 << 30;

/// Reads a file and hands over what it holds. `now` stands in where the file has no time; `progress` is told
/// how many bytes are done.
///
/// # Errors
/// The file cannot be read, or is of no kind that is known.
pub(crate) fn read(
    path: &Path,
    kind: Option<Kind>,
    now: i64,
    sink: Sink<'_>,
    progress: &dyn Fn(u64),
) -> Outcome<Contents> {
    let mut input = Input::open(path)?;
    let place = Where { path, now, progress };
    place.fill(&mut input, 4)?;
    let kind = kind.or_else(|| detect(input.rest())).ok_or_else(|| {
        Failure::new(format!(
            "{}: this is neither a capture (pcap, pcapng), nor an archive of nfcapd or flow-tools, nor bare export \
             datagrams; --kind says which it is",
            path.display()
        ))
    })?;
    let mut contents = Contents::default();
    match kind {
        Kind::Capture => capture(&place, &mut input, sink, &mut contents)?,
        Kind::Datagrams => bare(&place, &mut input, sink, &mut contents)?,
        Kind::Nfcapd => nfcapd::read(&place, &mut input, sink, &mut contents)?,
        Kind::FlowTools => flowtools::read(&place, &mut input, sink, &mut contents)?,
    }
    let (size, digest) = input.finish().map_err(|e| exit::io("cannot read", path, &e))?;
    progress(size);
    Ok(Contents { size, digest, ..contents })
}

fn detect(head: &[u8]) -> Option<Kind> {
    if weir_wire::file::detect(head).is_some() {
        Some(Kind::Capture)
    } else if weir_wire::file::nfcapd::is_magic(head) {
        Some(Kind::Nfcapd)
    } else if weir_wire::file::flowtools::is_magic(head) {
        Some(Kind::FlowTools)
    } else {
        (head.is_empty() || weir_wire::detect(head).is_some()).then_some(Kind::Datagrams)
    }
}

/// The digest of a file, read for nothing else.
pub(crate) fn digest(path: &Path) -> std::io::Result<[u8; 32]> {
    input::digest(path)
}

fn capture(place: &Where<'_>, input: &mut Input, sink: Sink<'_>, contents: &mut Contents) -> Outcome {
    let mut datagrams = Datagrams { now: place.now, reassembler: Reassembler::default(), sink };
    let result = frames(place, input, &mut datagrams, contents);
    let tally = datagrams.reassembler.finish();
    if tally.given_up() > 0 {
        tracing::warn!(
            "{}: {} datagrams captured in fragments could not be put together: {} incomplete, {} overlapping, \
             {} malformed, {} crowded out",
            place.path.display(),
            tally.given_up(),
            tally.incomplete,
            tally.overlapping,
            tally.malformed,
            tally.crowded_out
        );
    }
    contents.fragments = tally;
    result
}

/// Frames, one after the other, up to the end of the file or to where it cannot be read on.
fn frames(
    place: &Where<'_>,
    input: &mut Input,
    datagrams: &mut Datagrams<'_>,
    contents: &mut Contents,
) -> Outcome {
    let mut reader = Reader::new();
    loop {
        let needed = match reader.next(input.rest()) {
            Ok(Next::Frame { consumed, frame }) => {
                if !datagrams.take(&frame)? {
                    contents.other_frames += 1;
                }
                input.done += consumed;
                continue;
            }
            Ok(Next::Skip { consumed, problem }) => {
                contents.other_frames += u64::from(problem.is_some());
                input.done += consumed;
                continue;
            }
            Ok(Next::More { needed }) => needed,
            Ok(Next::End) => 1,
            Err(error) => {
                // What was whole is good; the rest of the file cannot be read.
                tracing::warn!("{}: {error}", place.path.display());
                if input.size() == 0 || reader.kind().is_none() {
                    return Err(Failure::new(format!("{}: {error}", place.path.display())));
                }
                contents.is_cut = true;
                return Ok(());
            }
        };
        (place.progress)(input.size());
        let at_end = matches!(reader.next(input.rest()), Ok(Next::End));
        if !place.fill(input, needed)? {
            contents.is_cut = !(at_end && input.rest().is_empty()) || input.damage().is_some();
            return Ok(());
        }
    }
}

/// The way of a frame to whoever wants its datagram.
struct Datagrams<'a> {
    /// When a frame came that has no time.
    now: i64,
    reassembler: Reassembler,
    sink: Sink<'a>,
}

impl Datagrams<'_> {
    /// Hands over the datagram in a frame, or the one that the fragment in it completes. False if the frame holds
    /// nothing of UDP.
    fn take(&mut self, frame: &Frame<'_>) -> Outcome<bool> {
        const UDP: u8 = 17;
        let packet = dissect(frame.link, frame.bytes);
        let Some(ip) = packet.network.filter(|ip| ip.proto == UDP) else { return Ok(false) };
        let received = frame.at_ns.and_then(|ns| i64::try_from(ns / 1_000_000).ok()).unwrap_or(self.now);
        let from = ip.src.into();
        if ip.fragment.is_some() {
            if let Some(datagram) = self.reassembler.push(&ip, received) {
                let (port, payload) = (datagram.src_port, datagram.payload());
                (self.sink)(Item::Datagram(&Arrival { received, from, port, payload }))?;
            }
            return Ok(true);
        }
        let Some(Transport::Ports { src_port, .. }) = packet.transport else { return Ok(false) };
        let arrival = Arrival { received, from, port: src_port, payload: packet.payload };
        (self.sink)(Item::Datagram(&arrival))?;
        Ok(true)
    }
}

/// Datagrams with nothing between them. IPFIX says its length, v1 and v5 to v8 say their count; what follows any
/// other is taken as part of it. Nobody says who sent them: the exporter is `::`.
fn bare(place: &Where<'_>, input: &mut Input, sink: Sink<'_>, contents: &mut Contents) -> Outcome {
    let needed = usize::try_from(BARE_BYTES_MAX).unwrap_or(usize::MAX);
    if place.fill(input, needed)? {
        let sentence = format!("{}: a file of bare datagrams may have 1 GiB: split it", place.path.display());
        return Err(Failure::new(sentence));
    }
    contents.is_cut = input.damage().is_some();
    let mut rest = input.rest();
    while !rest.is_empty() {
        let len = bare_len(rest).unwrap_or(rest.len()).clamp(1, rest.len());
        let (payload, after) = rest.split_at(len);
        let received = exported(payload).unwrap_or(place.now);
        sink(Item::Datagram(&Arrival { received, from: Addr::UNSPECIFIED, port: 0, payload }))?;
        if weir_wire::detect(after).is_none() && !after.is_empty() {
            contents.is_cut = true;
            break;
        }
        rest = after;
    }
    Ok(())
}

fn bare_len(bytes: &[u8]) -> Option<usize> {
    let word = usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?));
    match weir_wire::detect(bytes)? {
        Protocol::Ipfix => Some(word.max(ipfix::HEADER_LEN)),
        Protocol::NetflowV1 => Some(v1::HEADER_LEN + word * v1::RECORD_LEN),
        Protocol::NetflowV5 => Some(v5::HEADER_LEN + word * v5::RECORD_LEN),
        Protocol::NetflowV6 => Some(v6::HEADER_LEN + word * v6::RECORD_LEN),
        Protocol::NetflowV7 => Some(v7::HEADER_LEN + word * v7::RECORD_LEN),
        Protocol::NetflowV8 => {
            let scheme = v8::Scheme::from_number(*bytes.get(22)?)?;
            Some(v8::HEADER_LEN + word * scheme.record_len())
        }
        Protocol::NetflowV9 | Protocol::SflowV2 | Protocol::SflowV4 | Protocol::SflowV5 => None,
    }
}

/// When a bare datagram was sent, by its own header: it stands in for the arrival that nobody noted.
fn exported(payload: &[u8]) -> Option<i64> {
    let seconds = match weir_wire::detect(payload)? {
        Protocol::Ipfix => ipfix::Message::from_datagram(payload).ok()?.header().export_s,
        Protocol::NetflowV5 => v5::Datagram::new_checked(payload).ok()?.header().export_s,
        Protocol::NetflowV6 => v6::Datagram::new_checked(payload).ok()?.header().export_s,
        Protocol::NetflowV7 => v7::Datagram::new_checked(payload).ok()?.header().export_s,
        Protocol::NetflowV8 => v8::Datagram::new_checked(payload).ok()?.header().export_s,
        Protocol::NetflowV1 => v1::Datagram::new_checked(payload).ok()?.header().export_s,
        Protocol::NetflowV9 => weir_wire::netflow::v9::Message::new_checked(payload).ok()?.header().export_s,
        Protocol::SflowV2 | Protocol::SflowV4 | Protocol::SflowV5 => return None,
    };
    Some(i64::from(seconds) * 1000)
}
