//! Datagrams from files: captures (pcap, pcapng), files of IPFIX messages (RFC 5655), bare datagrams.
//!
//! Files are read as a stream, whatever their size, and untrusted: one that ends in the middle of something gives
//! what was whole and says so.

use super::fragment::{Reassembler, Tally};
use crate::exit::{self, Failure, Outcome};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use weir_flow::Addr;
use weir_flow::session::Arrival;
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
    /// The file ends in the middle of something.
    pub(crate) is_cut: bool,
}

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;
/// A file of bare datagrams is read whole.
const BARE_BYTES_MAX: u64 = 1 << 30;

/// A file's bytes with their digest.
struct Input {
    file: File,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that are done with.
    done: usize,
    digest: Sha256,
    size: u64,
}

impl Input {
    fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path)?, buffer: Vec::new(), done: 0, digest: Sha256::new(), size: 0 })
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.done..).unwrap_or_default()
    }

    /// Reads on until at least `needed` bytes are there; false at the end of the file.
    fn fill(&mut self, needed: usize) -> std::io::Result<bool> {
        self.buffer.drain(..self.done);
        self.done = 0;
        while self.buffer.len() < needed {
            let len = self.buffer.len();
            self.buffer.resize(len + CHUNK_BYTES.max(needed - len), 0);
            let read = self.file.read(self.buffer.get_mut(len..).unwrap_or_default());
            self.buffer.truncate(len + *read.as_ref().unwrap_or(&0));
            let read = read?;
            if read == 0 {
                return Ok(false);
            }
            self.digest.update(self.buffer.get(len..).unwrap_or_default());
            self.size += read as u64;
        }
        Ok(true)
    }
}

/// Reads a file and hands over each datagram. `now` stands in where the file has no time; `progress` is told
/// how many bytes are done.
///
/// # Errors
/// The file cannot be read, or is of no kind that is known.
pub(crate) fn read(
    path: &Path,
    kind: Option<Kind>,
    now: i64,
    each: &mut dyn FnMut(&Arrival<'_>) -> Outcome,
    progress: &dyn Fn(u64),
) -> Outcome<Contents> {
    let cannot_read = |error: &std::io::Error| exit::io("cannot read", path, error);
    let mut input = Input::open(path).map_err(|e| cannot_read(&e))?;
    input.fill(4).map_err(|e| cannot_read(&e))?;
    let kind = match kind {
        Some(kind) => kind,
        None if weir_wire::file::detect(input.rest()).is_some() => Kind::Capture,
        None if weir_wire::detect(input.rest()).is_some() => Kind::Datagrams,
        None if input.rest().is_empty() => Kind::Datagrams,
        None => {
            return Err(Failure::new(format!(
                "{}: this is neither a capture (pcap, pcapng) nor bare export datagrams; --kind says which it is",
                path.display()
            )));
        }
    };
    let mut contents = Contents::default();
    match kind {
        Kind::Capture => capture(path, &mut input, now, each, progress, &mut contents)?,
        Kind::Datagrams => bare(path, &mut input, now, each, &mut contents)?,
    }
    progress(input.size);
    Ok(Contents { size: input.size, digest: input.digest.finalize().into(), ..contents })
}

/// The digest and size of a file, read for nothing else.
pub(crate) fn digest(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut input = Input::open(path)?;
    while input.fill(CHUNK_BYTES)? {
        input.done = input.buffer.len();
    }
    Ok(input.digest.finalize().into())
}

fn capture(
    path: &Path,
    input: &mut Input,
    now: i64,
    each: &mut dyn FnMut(&Arrival<'_>) -> Outcome,
    progress: &dyn Fn(u64),
    contents: &mut Contents,
) -> Outcome {
    let mut datagrams = Datagrams { now, reassembler: Reassembler::default(), each };
    let result = frames(path, input, &mut datagrams, progress, contents);
    let tally = datagrams.reassembler.finish();
    if tally.given_up() > 0 {
        tracing::warn!(
            "{}: {} datagrams captured in fragments could not be put together: {} incomplete, {} overlapping, \
             {} malformed, {} crowded out",
            path.display(),
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
    path: &Path,
    input: &mut Input,
    datagrams: &mut Datagrams<'_>,
    progress: &dyn Fn(u64),
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
                tracing::warn!("{}: {error}", path.display());
                if input.size == 0 || reader.kind().is_none() {
                    return Err(Failure::new(format!("{}: {error}", path.display())));
                }
                contents.is_cut = true;
                return drain(path, input);
            }
        };
        progress(input.size);
        let at_end = matches!(reader.next(input.rest()), Ok(Next::End));
        if !input.fill(needed).map_err(|e| exit::io("cannot read", path, &e))? {
            contents.is_cut = !(at_end && input.rest().is_empty());
            return Ok(());
        }
    }
}

/// Reads what is left, for the digest.
fn drain(path: &Path, input: &mut Input) -> Outcome {
    loop {
        input.done = input.buffer.len();
        if !input.fill(CHUNK_BYTES).map_err(|e| exit::io("cannot read", path, &e))? {
            return Ok(());
        }
    }
}

/// The way of a frame to whoever wants its datagram.
struct Datagrams<'a> {
    /// When a frame came that has no time.
    now: i64,
    reassembler: Reassembler,
    each: &'a mut dyn FnMut(&Arrival<'_>) -> Outcome,
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
                (self.each)(&Arrival {
                    received,
                    from,
                    port: datagram.src_port,
                    payload: datagram.payload(),
                })?;
            }
            return Ok(true);
        }
        let Some(Transport::Ports { src_port, .. }) = packet.transport else { return Ok(false) };
        (self.each)(&Arrival { received, from, port: src_port, payload: packet.payload })?;
        Ok(true)
    }
}

/// Datagrams with nothing between them. IPFIX says its length, v1 and v5 to v8 say their count; what follows any
/// other is taken as part of it. Nobody says who sent them: the exporter is `::`.
fn bare(
    path: &Path,
    input: &mut Input,
    now: i64,
    each: &mut dyn FnMut(&Arrival<'_>) -> Outcome,
    contents: &mut Contents,
) -> Outcome {
    let needed = usize::try_from(BARE_BYTES_MAX).unwrap_or(usize::MAX);
    if input.fill(needed).map_err(|e| exit::io("cannot read", path, &e))? {
        let sentence = format!("{}: a file of bare datagrams may have 1 GiB: split it", path.display());
        return Err(Failure::new(sentence));
    }
    let mut rest = input.rest();
    while !rest.is_empty() {
        let len = bare_len(rest).unwrap_or(rest.len()).clamp(1, rest.len());
        let (payload, after) = rest.split_at(len);
        let received = exported(payload).unwrap_or(now);
        each(&Arrival { received, from: Addr::UNSPECIFIED, port: 0, payload })?;
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
