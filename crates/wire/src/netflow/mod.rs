//! NetFlow: the fixed records of versions 1, 5, 6 and 7, the aggregates of version 8, and the templates of
//! version 9.
//!
//! The fixed versions are a header and `count` records of a constant size, nothing else. The number of records
//! comes from the bytes: a datagram whose count does not fit them is rejected whole, for there is no telling
//! which part of it is true, and it must not be billed.

use crate::error::{Error, Reason};

pub mod v1;
pub mod v5;
pub mod v6;
pub mod v7;
pub mod v8;
pub mod v9;

/// The records behind a header of `header_len` octets, if `count` (which is at octet 2 of every fixed version)
/// is from 1 to `count_max` and exactly so many are there.
///
/// Zeros behind the last record are let pass, of any number: they cannot have been counted, and some exporters
/// send their whole buffer. Anything else behind it contradicts the count.
#[inline]
fn checked_records<const LEN: usize>(
    after_header: &[u8],
    count: u16,
    count_max: usize,
) -> Result<&[[u8; LEN]], Error> {
    let count = usize::from(count);
    let (records, _) = after_header.as_chunks::<LEN>();
    let mismatch = Error::new(Reason::CountMismatch, 2);
    if count == 0 || count > count_max {
        return Err(mismatch);
    }
    let (records, _) = records.split_at_checked(count).ok_or(mismatch)?;
    let tail = after_header.get(records.as_flattened().len()..).unwrap_or_default();
    checked_tail(tail).map(|()| records)
}

/// Refuses anything but zeros behind the last record that a header has counted.
#[inline]
fn checked_tail(tail: &[u8]) -> Result<(), Error> {
    if tail.iter().all(|&octet| octet == 0) { Ok(()) } else { Err(Error::new(Reason::CountMismatch, 2)) }
}

/// Writes a header and its records one after the other, as every fixed version has them; the length in octets.
///
/// # Errors
/// [`Reason::CountMismatch`] without records or with more than `count_max`, [`Reason::NoSpace`].
fn emit_records<const HEAD: usize, const LEN: usize, R>(
    records: &[R],
    count_max: usize,
    out: &mut [u8],
    header: impl FnOnce(u16, &mut [u8; HEAD]),
    record: impl Fn(&R, &mut [u8; LEN]),
) -> Result<usize, Error> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    if records.is_empty() || records.len() > count_max {
        return Err(Error::new(Reason::CountMismatch, 2));
    }
    let no_space = Error::new(Reason::NoSpace, out.len());
    let (head, after) = out.split_first_chunk_mut().ok_or(no_space)?;
    let (slots, _) = after.as_chunks_mut();
    let slots = slots.get_mut(..records.len()).ok_or(no_space)?;
    header(count, head);
    for (one, slot) in records.iter().zip(slots.iter_mut()) {
        record(one, slot);
    }
    Ok(slots.as_flattened().len().saturating_add(HEAD))
}

/// The first `LEN` octets, if they begin with this version.
#[inline]
pub(crate) fn checked_header<const LEN: usize>(
    bytes: &[u8],
    version: u16,
) -> Result<(&[u8; LEN], &[u8]), Error> {
    if !bytes.starts_with(&version.to_be_bytes()) {
        let reason = if bytes.len() < 2 { Reason::Truncated } else { Reason::BadVersion };
        return Err(Error::new(reason, 0));
    }
    bytes.split_first_chunk().ok_or(Error::new(Reason::Truncated, bytes.len()))
}
