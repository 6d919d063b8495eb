//! What a batch carries beside its rows: counts, changes of what is remembered, interface counters, and late
//! sampling intervals. FORMAT.md has the bytes.

use super::cursor::Cursor;
use std::borrow::Cow;
use std::ops::Range;
use weir_flow::counter::{Sample, Side};
use weir_flow::memory::Change;
use weir_flow::names::SamplingSource;
use weir_flow::{Addr, Rescale, health};

/// Something of which a payload has a list.
pub(super) trait Item: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>) -> Result<(), String>;
    /// Takes it off a payload.
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String>;
}

/// A list in a payload that was checked once.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub count: usize,
    bytes: Range<usize>,
}

impl List {
    /// Passes over a list and checks it.
    pub(super) fn check<T: Item>(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let count = cursor.len()?;
        let start = cursor.at;
        for _ in 0..count {
            T::take(cursor)?;
        }
        Ok(Self { count, bytes: start..cursor.at })
    }

    /// What it holds.
    pub(super) fn items<T: Item>(&self, payload: &[u8]) -> Vec<T> {
        let bytes = payload.get(self.bytes.clone()).unwrap_or_default();
        let mut cursor = Cursor { bytes, at: 0 };
        // All were read once by `check`.
        (0..self.count).filter_map(|_| T::take(&mut cursor).ok()).collect()
    }
}

/// Appends a list.
pub(super) fn put_list<T: Item>(items: &[T], out: &mut Vec<u8>) -> Result<(), String> {
    put_len(out, items.len())?;
    items.iter().try_for_each(|item| item.put(out))
}

/// Appends a length.
pub(super) fn put_len(out: &mut Vec<u8>, len: usize) -> Result<(), String> {
    let len = u32::try_from(len).map_err(|_| format!("{len} are too many for one frame"))?;
    out.extend_from_slice(&len.to_le_bytes());
    Ok(())
}

fn put_slice(out: &mut Vec<u8>, slice: &[u8]) -> Result<(), String> {
    put_len(out, slice.len())?;
    out.extend_from_slice(slice);
    Ok(())
}

fn take_slice<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], String> {
    let len = cursor.len()?;
    cursor.take(len)
}

fn take_i64(cursor: &mut Cursor<'_>) -> Result<i64, String> {
    Ok(i64::from_le_bytes(cursor.array()?))
}

impl Item for health::Row {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(&self.bin.to_le_bytes());
        out.extend_from_slice(self.exporter.octets());
        out.extend_from_slice(&self.domain.to_le_bytes());
        out.extend_from_slice(&self.value.to_le_bytes());
        put_slice(out, self.what.as_bytes())
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let bin = take_i64(cursor)?;
        let exporter = Addr::v6(cursor.array()?);
        let domain = cursor.u32()?;
        let value = take_i64(cursor)?;
        let what = known_name(cursor.text()?);
        Ok(Self { bin, exporter, domain, what, value })
    }
}

/// The name of a count without an allocation, where it is one of the plain ones.
pub(crate) fn known_name(what: &str) -> Cow<'static, str> {
    match health::Counter::by_name(what) {
        Some(counter) => Cow::Borrowed(counter.name()),
        None => Cow::Owned(what.to_owned()),
    }
}

const PUT: u8 = 1;
const FORGET: u8 = 2;

impl Item for Change {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Put { key, value } => {
                out.push(PUT);
                put_slice(out, key)?;
                put_slice(out, value)
            }
            Self::Forget { prefix } => {
                out.push(FORGET);
                put_slice(out, prefix)
            }
        }
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        match cursor.array()? {
            [PUT] => Ok(Self::Put { key: take_slice(cursor)?.into(), value: take_slice(cursor)?.into() }),
            [FORGET] => Ok(Self::Forget { prefix: take_slice(cursor)?.into() }),
            [other] => Err(format!("it has a change of the unknown kind {other}")),
        }
    }
}

/// The counters that a device may not have, in the order of their bits.
fn optional(sample: &Sample) -> [Option<u64>; 15] {
    let side =
        |side: &Side| [side.octets, side.unicast, side.multicast, side.broadcast, side.discards, side.errors];
    let [a, b, c, d, e, f] = side(&sample.ingress);
    let [g, h, i, j, k, l] = side(&sample.egress);
    [
        sample.kind.map(u64::from),
        sample.speed,
        sample.status.map(u64::from),
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
        k,
        l,
    ]
}

impl Item for Sample {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(&self.received.to_le_bytes());
        out.extend_from_slice(self.exporter.octets());
        out.extend_from_slice(&self.domain.to_le_bytes());
        out.extend_from_slice(&self.interface.to_le_bytes());
        let values = optional(self);
        let mask = values.iter().rev().fold(0u16, |mask, value| mask << 1 | u16::from(value.is_some()));
        out.extend_from_slice(&mask.to_le_bytes());
        values.iter().flatten().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        Ok(())
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let received = take_i64(cursor)?;
        let exporter = Addr::v6(cursor.array()?);
        let (domain, interface) = (cursor.u32()?, cursor.u32()?);
        let mask = u16::from_le_bytes(cursor.array()?);
        let mut values = [None; 15];
        for (bit, slot) in values.iter_mut().enumerate() {
            *slot = if mask >> bit & 1 == 1 { Some(cursor.u64()?) } else { None };
        }
        let [kind, speed, status, a, b, c, d, e, f, g, h, i, j, k, l] = values;
        let side = |[octets, unicast, multicast, broadcast, discards, errors]: [Option<u64>; 6]| Side {
            octets,
            unicast,
            multicast,
            broadcast,
            discards,
            errors,
        };
        let narrow = |value: Option<u64>| {
            value.map(u32::try_from).transpose().map_err(|_| "a counter sample in it is too large".to_owned())
        };
        Ok(Self {
            received,
            exporter,
            domain,
            interface,
            kind: narrow(kind)?,
            speed,
            status: narrow(status)?,
            ingress: side([a, b, c, d, e, f]),
            egress: side([g, h, i, j, k, l]),
        })
    }
}

impl Item for Rescale {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(self.exporter.octets());
        out.extend_from_slice(&self.domain.to_le_bytes());
        out.push(u8::from(self.sampler.is_some()) | u8::from(self.ingress_if.is_some()) << 1);
        out.extend_from_slice(&self.sampler.unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&self.ingress_if.unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&self.from.to_le_bytes());
        out.extend_from_slice(&self.until.to_le_bytes());
        out.extend_from_slice(&self.interval.to_le_bytes());
        out.push(self.source.code());
        Ok(())
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let (exporter, domain) = (Addr::v6(cursor.array()?), cursor.u32()?);
        let [flags] = cursor.array()?;
        let sampler = Some(cursor.u64()?).filter(|_| flags & 1 != 0);
        let ingress_if = Some(cursor.u32()?).filter(|_| flags & 2 != 0);
        let (from, until, interval) = (take_i64(cursor)?, take_i64(cursor)?, cursor.u32()?);
        let [source] = cursor.array()?;
        let source = SamplingSource::from_code(source).ok_or("a sampling interval in it has no source")?;
        if interval == 0 {
            return Err("a sampling interval in it is 0".to_owned());
        }
        Ok(Self { exporter, domain, sampler, ingress_if, from, until, interval, source })
    }
}
