//! flow-tools' files: a header, then records of one length, which mostly are one zlib stream.

use super::input::Input;
use super::{Contents, Ending, Item, Sink, Where};
use crate::exit::{Failure, Outcome};
use flate2::{Decompress, FlushDecompress, Status};
use weir_flow::session::archive::{Archive, FlowTools, FlowToolsRecords};
use weir_wire::file::flowtools::Header;

/// Octets that are inflated at once.
const ROOM_BYTES: usize = 1 << 18;

/// Reads a file to its end, or to where it cannot be read on.
pub(super) fn read(place: &Where<'_>, input: &mut Input, sink: Sink<'_>, contents: &mut Contents) -> Outcome {
    let fail = |error| Failure::new(format!("{}: {error}", place.path.display()));
    let needed = Header::needed(input.rest()).map_err(fail)?;
    place.fill(input, needed)?;
    let needed = Header::needed(input.rest()).map_err(fail)?;
    if !place.fill(input, needed)? {
        contents.is_cut = true;
        return Ok(());
    }
    let header = Header::parse(input.rest()).map_err(fail)?;
    let mut book = FlowTools::new(&header, place.now);
    contents.is_open = !(header.is_closed || header.is_stream);
    let (len, is_compressed, said) = (header.len, header.is_compressed, header.flows);
    input.done += len;
    if is_compressed {
        deflated(place, input, &mut book, sink, contents)?;
    } else {
        plain(place, input, &mut book, sink, contents)?;
    }
    let mut read = None;
    sink(Item::Records(&mut Ending::new(|archive: &mut Archive, batch: &mut _| {
        read = Some(book.end(archive, batch));
    })))?;
    if let (Some(read), Some(said)) = (read, said)
        && read.flows != u64::from(said)
        && contents.is_whole()
        && said > 0
    {
        let mut other = read;
        other.flows = said.into();
        contents.differs = Some((read, other));
    }
    Ok(())
}

fn plain(
    place: &Where<'_>,
    input: &mut Input,
    book: &mut FlowTools,
    sink: Sink<'_>,
    contents: &mut Contents,
) -> Outcome {
    let len = book.record_len();
    loop {
        let whole = input.rest().len() / len * len;
        let bytes = input.rest().get(..whole).unwrap_or_default();
        sink(Item::Records(&mut FlowToolsRecords { book, bytes }))?;
        input.done += whole;
        (place.progress)(input.size());
        if !place.fill(input, len)? {
            contents.is_cut = !input.rest().is_empty() || input.damage().is_some();
            return Ok(());
        }
    }
}

/// What follows the end of the stream belongs to nothing: flow-tools' own reader stops there as well.
fn deflated(
    place: &Where<'_>,
    input: &mut Input,
    book: &mut FlowTools,
    sink: Sink<'_>,
    contents: &mut Contents,
) -> Outcome {
    let record_len = book.record_len();
    let mut inflater = Decompress::new(true);
    let mut room = vec![0; ROOM_BYTES];
    // Octets in the room, the beginning of a record among them.
    let mut len = 0;
    loop {
        let (before_in, before_out) = (inflater.total_in(), inflater.total_out());
        let free = room.get_mut(len..).unwrap_or_default();
        let status = inflater.decompress(input.rest(), free, FlushDecompress::None);
        let gone = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(usize::MAX);
        let (taken, given) = (gone(inflater.total_in(), before_in), gone(inflater.total_out(), before_out));
        input.done += taken;
        len += given;
        let whole = len / record_len * record_len;
        let bytes = room.get(..whole).unwrap_or_default();
        sink(Item::Records(&mut FlowToolsRecords { book, bytes }))?;
        room.copy_within(whole..len, 0);
        len -= whole;
        match status {
            Ok(Status::StreamEnd) => {
                contents.is_cut = len > 0;
                return Ok(());
            }
            Ok(_) if taken > 0 || given > 0 => {}
            Ok(_) => {
                (place.progress)(input.size());
                let more = input.rest().len() + 1;
                if !place.fill(input, more)? {
                    contents.is_cut = true;
                    return Ok(());
                }
            }
            Err(error) => {
                let path = place.path.display();
                tracing::warn!("{path}: after {} octets of its records: {error}", inflater.total_in());
                contents.is_cut = true;
                return Ok(());
            }
        }
    }
}
