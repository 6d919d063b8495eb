//! The accounts of a batch in its frame, added up over hosts: computed once, when it arrives, and read without its rows.
//!
//! Most of an account's numbers are small, so they are written with as many octets as they need (`put_number`).
//! FORMAT.md has the bytes.

use super::cursor::{Cursor, SHORT};
use super::item::put_len;
use crate::bins::{Counts, Entry, Gather, Kind};
use std::ops::Range;
use weir_flow::Addr;

/// What the first octet of an account says beside its kind (the low three bits).
const TENANT: u8 = 1 << 3;
const V4: u8 = 1 << 4;
const V6: u8 = 1 << 5;
/// Octets and packets are as they were measured: they are not written twice.
const AS_MEASURED: u8 = 1 << 6;
const CLASS: u8 = 1 << 7;

/// Whether accounts follow, and which. Those of hosts, which older programs wrote,
const NONE: u8 = 0;
const HOSTS: u8 = 1;
/// and those of tenants before them, without hosts;
const LEVELS: u8 = 2;
/// the same, and some have a class;
const CLASSES: u8 = 3;
/// those of tenants alone.
const TENANTS: u8 = 4;

/// Writes the accounts that were gathered from a batch of these names; `None` stands for none at all.
pub(super) fn put(gather: Option<&Gather>, names: &[Box<str>], out: &mut Vec<u8>) -> Result<(), String> {
    let Some(gather) = gather else {
        out.push(NONE);
        return Ok(());
    };
    out.push(TENANTS);
    let places = put_names(gather, names, out)?;
    put_len(out, gather.exporters().len())?;
    gather.exporters().iter().for_each(|exporter| out.extend_from_slice(exporter.octets()));
    put_len(out, gather.bins().len())?;
    gather.bins().iter().for_each(|bin| out.extend_from_slice(&bin.to_le_bytes()));
    put_entries(gather.entries(), &places, out)
}

/// Writes how many accounts there are, their length, and them.
fn put_entries(
    entries: impl Iterator<Item = Entry>,
    places: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let at = out.len();
    put_len(out, 0)?;
    put_len(out, 0)?;
    let mut count = 0;
    for entry in entries {
        let place = |at: u32| places.get(at as usize).copied();
        let (tenant, class) = (entry.tenant.and_then(place), entry.class.and_then(place));
        put_entry(&Entry { tenant, class, ..entry }, out);
        count += 1;
    }
    let mut lengths = Vec::new();
    put_len(&mut lengths, count)?;
    put_len(&mut lengths, out.len() - at - 8)?;
    if let Some(slot) = out.get_mut(at..at + 8) {
        slot.copy_from_slice(&lengths);
    }
    Ok(())
}

/// Writes the names of tenants and classes that have accounts; returns what the places of all names become.
fn put_names(gather: &Gather, names: &[Box<str>], out: &mut Vec<u8>) -> Result<Vec<u32>, String> {
    let mut places = vec![u32::MAX; names.len()];
    let mut used = Vec::new();
    for name in gather.entries().flat_map(|entry| entry.tenant.into_iter().chain(entry.class)) {
        // A row that names nobody is refused where rows are written.
        let Some(slot) = places.get_mut(name as usize) else { continue };
        if *slot == u32::MAX {
            *slot = u32::try_from(used.len()).map_err(|_| "it has too many names")?;
            used.push(name);
        }
    }
    put_len(out, used.len())?;
    for name in used.iter().filter_map(|name| names.get(*name as usize)) {
        put_len(out, name.len())?;
        out.extend_from_slice(name.as_bytes());
    }
    Ok(places)
}

/// The longest account: a tag, nine numbers of at most ten octets, and a host; and room for eight octets at once.
const ENTRY_MAX: usize = 1 + 9 * 10 + 16 + 8;

/// Octets of one account, on their way.
struct Line {
    bytes: [u8; ENTRY_MAX],
    len: usize,
}

impl Line {
    #[inline]
    fn push(&mut self, octet: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = octet;
            self.len += 1;
        }
    }

    /// Appends a number: seven bits an octet, the lowest first; the high bit says that more follow.
    #[inline]
    fn number(&mut self, mut value: u64) {
        while value >= 1 << 56 {
            self.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        // The rest is at most eight octets, which are made at once: how many are needed differs from number to number,
        // and no processor foresees it.
        let quads = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
        let pairs = quads & 0x0000_3fff_0000_3fff | (quads & 0x0fff_c000_0fff_c000) << 2;
        let own = pairs & 0x007f_007f_007f_007f | (pairs & 0x3f80_3f80_3f80_3f80) << 1;
        let more = (64 - (value | 1).leading_zeros() - 1) / 7;
        let word = own | MORE & ((1 << (8 * more)) - 1);
        if let Some(slot) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<8>) {
            *slot = word.to_le_bytes();
            self.len += more as usize + 1;
        }
    }

    #[inline]
    fn octets<const N: usize>(&mut self, octets: [u8; N]) {
        if let Some(slot) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<N>) {
            *slot = octets;
            self.len += N;
        }
    }
}

#[inline]
fn put_entry(entry: &Entry, out: &mut Vec<u8>) {
    let Entry { kind, bin, exporter, tenant, host, class, counts } = entry;
    let as_measured = (counts.octets, counts.packets) == (counts.measured_octets, counts.measured_packets);
    let family = match host {
        None => 0,
        Some(host) if host.is_v4() => V4,
        Some(_) => V6,
    };
    let named = if tenant.is_some() { TENANT } else { 0 } | if class.is_some() { CLASS } else { 0 };
    let mut line = Line { bytes: [0; ENTRY_MAX], len: 0 };
    line.push(kind.code() | named | family | if as_measured { AS_MEASURED } else { 0 });
    line.number(u64::from(*bin));
    line.number(u64::from(*exporter));
    if let Some(tenant) = tenant {
        line.number(u64::from(*tenant));
    }
    if let Some(class) = class {
        line.number(u64::from(*class));
    }
    match host {
        Some(host) if family == V4 => {
            line.octets(host.octets().last_chunk::<4>().copied().unwrap_or_default());
        }
        Some(host) => line.octets(*host.octets()),
        None => {}
    }
    line.number(counts.octets);
    line.number(counts.packets);
    line.number(counts.flows);
    if !as_measured {
        line.number(counts.measured_octets);
        line.number(counts.measured_packets);
    }
    out.extend_from_slice(line.bytes.get(..line.len).unwrap_or_default());
}

/// The bits of eight octets that say whether more follow.
const MORE: u64 = 0x8080_8080_8080_8080;

/// Takes a number off the front; `None` if it does not end or exceeds 64 bits.
#[inline]
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    // Lengths alternate so that no processor foresees them: of eight octets at once no branch asks for one.
    let Some(eight) = bytes.first_chunk::<8>() else { return take_slowly(bytes) };
    let word = u64::from_le_bytes(*eight);
    let last = !word & MORE;
    if last == 0 {
        return take_slowly(bytes);
    }
    // All bits up to the one that says it was the last.
    let own = word & (last ^ (last - 1)) & !MORE;
    let pairs = own & 0x007f_007f_007f_007f | (own & 0x7f00_7f00_7f00_7f00) >> 1;
    let quads = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    let value = quads & 0x0fff_ffff | (quads & 0x0fff_ffff_0000_0000) >> 4;
    *bytes = bytes.get((last.trailing_zeros() / 8 + 1) as usize..)?;
    Some(value)
}

/// The same, octet by octet.
fn take_slowly(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    let mut value = u64::from(first & 0x7f);
    let mut last = *first;
    let mut shift = 7;
    while last & 0x80 != 0 {
        let (octet, rest) = bytes.split_first()?;
        (*bytes, last) = (rest, *octet);
        let bits = u64::from(octet & 0x7f);
        if shift >= 64 || bits.leading_zeros() < shift {
            return None;
        }
        value |= bits << shift;
        shift += 7;
    }
    Some(value)
}

/// Whose bytes accounts are: how closely they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Our own encoding, just made.
    Own,
    /// A file's, of which every account is to be used.
    File,
    /// A file's, by someone who mostly wants no hosts: whoever does reads it again.
    Outline,
}

/// Where the accounts of a frame lie.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Of tenants and classes.
    names: Vec<Box<str>>,
    exporters: Vec<Addr>,
    bins: Vec<i64>,
    /// Those without hosts, where there are such,
    folded: Option<Part>,
    /// and all.
    whole: Option<Part>,
}

/// So many accounts, in these bytes.
#[derive(Clone, Debug)]
struct Part {
    count: usize,
    bytes: Range<usize>,
}

impl Part {
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let (count, len) = (cursor.len()?, cursor.len()?);
        let at = cursor.at;
        cursor.take(len)?;
        Ok(Self { count, bytes: at..cursor.at })
    }
}

impl Layout {
    /// Takes accounts off a frame; `None` where it has none.
    pub(super) fn parse(cursor: &mut Cursor<'_>, origin: Origin) -> Result<Option<Self>, String> {
        let (has_folded, has_whole) = match cursor.array()? {
            [NONE] => return Ok(None),
            [HOSTS] => (false, true),
            [LEVELS | CLASSES] => (true, true),
            [TENANTS] => (true, false),
            [other] => return Err(format!("it has accounts of the unknown form {other}")),
        };
        let mut names: Vec<Box<str>> = Vec::new();
        for _ in 0..cursor.len()? {
            names.push(cursor.text()?.into());
        }
        let count = cursor.len()?;
        let exporters = cursor.take(count.checked_mul(16).ok_or(SHORT)?)?.as_chunks::<16>().0;
        let exporters: Vec<Addr> = exporters.iter().map(|octets| Addr::v6(*octets)).collect();
        let count = cursor.len()?;
        let bins = cursor.take(count.checked_mul(8).ok_or(SHORT)?)?.as_chunks::<8>().0;
        let bins: Vec<i64> = bins.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        let folded = if has_folded { Some(Part::take(cursor)?) } else { None };
        let whole = if has_whole { Some(Part::take(cursor)?) } else { None };
        let layout = Self { names, exporters, bins, folded, whole };
        let check = |accounts: Option<Accounts<'_>>| accounts.map_or(Ok(()), |accounts| accounts.check());
        if origin != Origin::Own {
            check(layout.view_folded(cursor.bytes))?;
        }
        if origin == Origin::File || (origin == Origin::Outline && !has_folded) {
            check(layout.view(cursor.bytes))?;
        }
        Ok(Some(layout))
    }

    /// The exporters of the accounts.
    pub(super) fn exporters(&self) -> &[Addr] {
        &self.exporters
    }

    /// Where the accounts of hosts are, if they need not be read for those of tenants: how many and how long they are
    /// (4 bytes each), and they.
    pub(super) fn hosts(&self) -> Option<Range<usize>> {
        self.folded.as_ref()?;
        let whole = &self.whole.as_ref()?.bytes;
        Some(whole.start.checked_sub(8)?..whole.end)
    }

    pub(super) fn view<'a>(&'a self, bytes: &'a [u8]) -> Option<Accounts<'a>> {
        Some(self.part(self.whole.as_ref()?, bytes))
    }

    pub(super) fn view_folded<'a>(&'a self, bytes: &'a [u8]) -> Option<Accounts<'a>> {
        Some(self.part(self.folded.as_ref()?, bytes))
    }

    fn part<'a>(&'a self, part: &Part, bytes: &'a [u8]) -> Accounts<'a> {
        Accounts {
            names: &self.names,
            exporters: &self.exporters,
            bins: &self.bins,
            count: part.count,
            bytes: bytes.get(part.bytes.clone()).unwrap_or_default(),
        }
    }
}

/// Takes an account off the front; `None` if there is none.
#[inline]
fn take_entry(bytes: &mut &[u8]) -> Option<Entry> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    let place = |bytes: &mut &[u8]| u32::try_from(take_number(bytes)?).ok();
    let kind = Kind::from_code(tag & 7)?;
    let (bin, exporter) = (place(bytes)?, place(bytes)?);
    let tenant = if tag & TENANT != 0 { Some(place(bytes)?) } else { None };
    let class = if tag & CLASS != 0 { Some(place(bytes)?) } else { None };
    let host = match (tag & V4 != 0, tag & V6 != 0) {
        (true, _) => Some(Addr::v4(take_array(bytes)?)),
        (_, true) => Some(Addr::v6(take_array(bytes)?)),
        _ => None,
    };
    let (octets, packets, flows) = (take_number(bytes)?, take_number(bytes)?, take_number(bytes)?);
    let (measured_octets, measured_packets) =
        if tag & AS_MEASURED != 0 { (octets, packets) } else { (take_number(bytes)?, take_number(bytes)?) };
    let counts = Counts { octets, packets, flows, measured_octets, measured_packets };
    Some(Entry { kind, bin, exporter, tenant, host, class, counts })
}

#[inline]
fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*array)
}

/// The accounts of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accounts<'a> {
    /// The tenants and classes that accounts name by place,
    pub names: &'a [Box<str>],
    /// the exporters,
    pub exporters: &'a [Addr],
    /// and the bins: their starts, ms since 1970.
    pub bins: &'a [i64],
    count: usize,
    bytes: &'a [u8],
}

impl Accounts<'_> {
    /// Whether each is an account, of what is in the lists.
    fn check(&self) -> Result<(), String> {
        let mut rest = self.bytes;
        for _ in 0..self.count {
            let entry = take_entry(&mut rest).ok_or("an account in it is not one")?;
            let has = |len: usize, place: u32| (place as usize) < len;
            if !has(self.bins.len(), entry.bin)
                || !has(self.exporters.len(), entry.exporter)
                || !entry.tenant.iter().chain(&entry.class).all(|name| has(self.names.len(), *name))
            {
                return Err("an account in it is of nothing that it names".to_owned());
            }
        }
        if rest.is_empty() { Ok(()) } else { Err("its accounts do not end".to_owned()) }
    }

    /// Calls `f` with each.
    pub(crate) fn for_each(&self, mut f: impl FnMut(Entry)) {
        let mut rest = self.bytes;
        for _ in 0..self.count {
            // All were read once by `check`.
            let Some(entry) = take_entry(&mut rest) else { return };
            f(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use proptest::prelude::*;

    fn listed(accounts: Option<Accounts<'_>>) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(accounts) = accounts {
            accounts.check().unwrap();
            accounts.for_each(|entry| all.push(format!("{entry:?}")));
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(32)))]
        #[test]
        fn accounts_as_older_programs_wrote_them_are_read(batch in sample::batch(20)) {
            let mut gather = Gather::default();
            prop_assume!(gather.take(&batch));
            let mut new = Vec::new();
            put(Some(&gather), batch.names(), &mut new).unwrap();
            let parse = |bytes: &[u8]| {
                let mut cursor = Cursor { bytes, at: 0 };
                let layout = Layout::parse(&mut cursor, Origin::File).unwrap().unwrap();
                assert_eq!(cursor.at, bytes.len());
                layout
            };
            let layout = parse(&new);
            prop_assert!(layout.view(&new).is_none() && layout.hosts().is_none());
            // The same with hosts, which were written after those without, or alone.
            let folded = layout.folded.clone().unwrap().bytes;
            let (lists, folded) = (&new[1..folded.start - 8], &new[folded.start - 8..]);
            let mut places = Vec::new();
            let names = put_names(&gather, batch.names(), &mut places).unwrap();
            let hosts = [None, Some(Addr::v4([10, 0, 0, 1])), Some(Addr::v6([0x20; 16]))];
            let whole: Vec<Entry> =
                gather.entries().zip(hosts.iter().cycle()).map(|(entry, host)| Entry { host: *host, ..entry }).collect();
            let mut part = Vec::new();
            put_entries(whole.iter().copied(), &names, &mut part).unwrap();
            let place = |name: Option<u32>| name.map(|at| names[at as usize]);
            let want: Vec<String> = whole
                .iter()
                .map(|e| format!("{:?}", Entry { tenant: place(e.tenant), class: place(e.class), ..*e }))
                .collect();
            for form in [HOSTS, LEVELS, CLASSES] {
                let both = if form == HOSTS { &[][..] } else { folded };
                let old = [&[form], lists, both, &part].concat();
                let before = parse(&old);
                prop_assert_eq!(&listed(before.view(&old)), &want);
                let without = before.view_folded(&old);
                prop_assert_eq!(without.is_some(), form != HOSTS);
                prop_assert!(form == HOSTS || listed(without) == listed(layout.view_folded(&new)));
                prop_assert_eq!(before.hosts(), (form != HOSTS).then_some(old.len() - part.len()..old.len()));
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_are_taken_alike_at_once_and_octet_by_octet(
            value in prop_oneof![any::<u64>(), (0u32..64).prop_flat_map(|bits| 0..=(1u64 << bits))],
            after in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut line = Line { bytes: [0; ENTRY_MAX], len: 0 };
            line.number(value);
            let mut leb128 = Vec::new();
            crate::segment::parts::put_leb128(value, &mut leb128);
            prop_assert_eq!(&line.bytes[..line.len], &leb128);
            let bytes = [&line.bytes[..line.len], &after[..]].concat();
            let (mut at_once, mut slowly) = (&bytes[..], &bytes[..]);
            prop_assert_eq!((take_number(&mut at_once), at_once), (Some(value), &after[..]));
            prop_assert_eq!((take_slowly(&mut slowly), slowly), (Some(value), &after[..]));
        }

        #[test]
        fn what_is_no_number_is_none_either_way(bytes in prop::collection::vec(0x7eu8.., 0..14)) {
            let (mut at_once, mut slowly) = (&bytes[..], &bytes[..]);
            prop_assert_eq!(take_number(&mut at_once), take_slowly(&mut slowly));
        }
    }
}
