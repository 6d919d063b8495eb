//! nfdump's files: blocks are found by `wire`, unpacked here, and read by `flow`.

use super::input::Input;
use super::{Contents, Ending, Item, Sink, Where};
use crate::exit::{Failure, Outcome};
use weir_flow::session::archive::{Archive, Nfcapd, NfcapdRecords};
use weir_wire::file::lzo;
use weir_wire::file::nfcapd::{BLOCK_BYTES_MAX, Block, Blocks, Compression, Header, Next, Records};
use weir_wire::{Error, Reason};

/// A file that is being read.
struct File {
    header: Header,
    book: Nfcapd,
    /// Room for a block, unpacked: what does not fit is refused.
    room: Vec<u8>,
}

/// Reads a file to its end, or to where it cannot be read on.
pub(super) fn read(place: &Where<'_>, input: &mut Input, sink: Sink<'_>, contents: &mut Contents) -> Outcome {
    let mut blocks = Blocks::new();
    let mut file: Option<File> = None;
    let mut count = 0_u32;
    loop {
        let needed = match blocks.next(input.rest()) {
            Ok(Next::Header { consumed, header }) => {
                contents.is_open = !header.is_closed;
                file = Some(File { header, book: Nfcapd::new(&header, place.now), room: Vec::new() });
                input.done += consumed;
                continue;
            }
            Ok(Next::Block { consumed, block }) => {
                count = count.saturating_add(1);
                if let Some(file) = &mut file {
                    file.block(place, &block, sink, contents)?;
                }
                input.done += consumed;
                continue;
            }
            Ok(Next::More { needed }) => needed,
            Ok(Next::End) => 1,
            Err(error) => {
                if file.is_none() {
                    return Err(Failure::new(format!("{}: {error}", place.path.display())));
                }
                tracing::warn!("{}: {error}", place.path.display());
                contents.is_cut = true;
                break;
            }
        };
        (place.progress)(input.size());
        let at_end = matches!(blocks.next(input.rest()), Ok(Next::End));
        if !place.fill(input, needed)? {
            contents.is_cut |= !(at_end && input.rest().is_empty()) || input.damage().is_some();
            break;
        }
    }
    // Of a quiet five minutes there is nothing that could be open.
    contents.is_open &= count > 0;
    let Some(File { header, book, .. }) = file else { return Ok(()) };
    // Cut between two blocks, nothing else shows it.
    contents.is_cut |= header.blocks > count;
    let mut end = None;
    sink(Item::Records(&mut Ending::new(|archive: &mut Archive, batch: &mut _| {
        end = Some(book.end(archive, batch));
    })))?;
    if let Some((read, Some(said))) = end
        && read != said
        && contents.is_whole()
    {
        contents.differs = Some((read, said));
    }
    Ok(())
}

impl File {
    fn block(
        &mut self,
        place: &Where<'_>,
        block: &Block<'_>,
        sink: Sink<'_>,
        contents: &mut Contents,
    ) -> Outcome {
        if !block.has_records() {
            return Ok(());
        }
        let Some(len) = self.unpack(block) else {
            let at = usize::try_from(block.offset).unwrap_or(usize::MAX);
            let error = Error::new(Reason::BadBlock, at);
            tracing::warn!(
                "{}: the block at octet {at}, of {} records, cannot be unpacked: it is left out",
                place.path.display(),
                block.records
            );
            contents.is_cut = true;
            return sink(Item::Records(&mut Ending::new(|archive: &mut Archive, batch: &mut _| {
                archive.malformed(place.now, error, batch);
            })));
        };
        let octets = match len {
            None => block.packed,
            Some(len) => self.room.get(..len).unwrap_or_default(),
        };
        let records = Records::new(self.header.order, octets);
        let mut piece = NfcapdRecords { book: &mut self.book, records, problem: None };
        sink(Item::Records(&mut piece))?;
        if let Some(problem) = piece.problem {
            tracing::warn!("{}: in the block at octet {}: {problem}", place.path.display(), block.offset);
            contents.is_cut = true;
        }
        Ok(())
    }

    /// Unpacks a block into the room; how many octets that came to, or nothing where there is nothing to unpack. `None`
    /// if it cannot be unpacked, or comes to more than a block may.
    #[expect(clippy::option_option, reason = "not packed, unpacked, and neither")]
    fn unpack(&mut self, block: &Block<'_>) -> Option<Option<usize>> {
        let compression = self.header.compression;
        if compression == Compression::None {
            return Some(None);
        }
        if self.room.is_empty() {
            // Of zeros, which cost nothing before they are written.
            self.room = vec![0; BLOCK_BYTES_MAX];
        }
        let room = self.room.as_mut_slice();
        match compression {
            Compression::None => None,
            Compression::Lzo => lzo::decompress(block.packed, room).ok(),
            Compression::Lz4 => lz4_flex::block::decompress_into(block.packed, room).ok(),
            Compression::Zstd => zstd::bulk::decompress_to_buffer(block.packed, room).ok(),
            Compression::Bz2 => {
                let mut unpacker = bzip2::Decompress::new(false);
                let status = unpacker.decompress(block.packed, room).ok()?;
                let is_whole = status == bzip2::Status::StreamEnd;
                is_whole.then_some(usize::try_from(unpacker.total_out()).ok()).flatten()
            }
        }
        .map(Some)
    }
}
