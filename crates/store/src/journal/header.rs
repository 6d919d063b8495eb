//! How journal files and their frames begin.

use super::encode::schema_text;
use weir_flow::schema::{COLUMNS, Column};

/// How every journal file begins; the version of its format follows.
const MAGIC: [u8; 7] = *b"WEIRWAL";
/// How every frame begins.
pub(super) const MARK: [u8; 4] = [0xf5, b'w', b'f', 0x0a];
/// Length of the header of a frame that is written now.
pub(crate) const HEADER: usize = Version::V4.header_bytes();

/// The version of a file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Rows come first, then what is beside them; there are no accounts. Only read.
    V2 = 2,
    /// A summary comes before the rows, with a checksum of its own.
    V3 = 3,
    /// Columns have narrower forms beside those of version 3.
    V4 = 4,
}

impl Version {
    /// Length of a frame's header: mark, length, sequence, schema, [length and checksum of the summary,] checksum
    /// of the rows (version 2: of everything), checksum of the header.
    pub(super) const fn header_bytes(self) -> usize {
        match self {
            Self::V2 => 28,
            Self::V3 | Self::V4 => 36,
        }
    }
}

/// The bytes a new file begins with.
pub(crate) fn file_header() -> Vec<u8> {
    let text = schema_text();
    let mut out = MAGIC.to_vec();
    out.push(Version::V4 as u8);
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// What stands for the schema in every frame's header.
pub(crate) fn schema_crc() -> u32 {
    crc32c::crc32c(schema_text().as_bytes())
}

/// How a file's frames are to be read.
#[derive(Debug)]
pub(super) struct Format {
    pub version: Version,
    /// The checksum of the schema.
    pub schema: u32,
    /// The columns, in the order of their numbers.
    pub columns: Vec<Column>,
}

impl Format {
    /// For files whose header is damaged: what this program writes, of the version that it still seems to be.
    pub(super) fn assumed(bytes: &[u8]) -> Self {
        let is_old = bytes.get(7) == Some(&(Version::V2 as u8));
        let version = if is_old { Version::V2 } else { Version::V4 };
        Self { version, schema: schema_crc(), columns: COLUMNS.iter().map(|d| d.column).collect() }
    }

    /// From a file's beginning, and where the first frame begins.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize), String> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or("it does not begin as a journal does")?;
        let (version, rest) = match rest {
            [2, rest @ ..] => (Version::V2, rest),
            [3, rest @ ..] => (Version::V3, rest),
            [4, rest @ ..] => (Version::V4, rest),
            _ => return Err("it does not begin as a journal of a version that this weir knows".to_owned()),
        };
        let (len, rest) = rest.split_first_chunk::<4>().ok_or("its header is cut short")?;
        let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| "its header is too long")?;
        let (text, rest) = rest.split_at_checked(len).ok_or("its header is cut short")?;
        let crc = rest.first_chunk::<4>().ok_or("its header is cut short")?;
        let end = MAGIC.len() + 5 + len;
        if crc32c::crc32c(bytes.get(..end).unwrap_or_default()) != u32::from_le_bytes(*crc) {
            return Err("the checksum of its header is wrong".to_owned());
        }
        let ours = schema_text();
        let known: Vec<&str> = ours.lines().collect();
        let mut columns = Vec::new();
        for line in std::str::from_utf8(text).map_err(|_| "its header is not text")?.lines() {
            let column = known.iter().position(|k| is_readable(line, k)).and_then(|at| COLUMNS.get(at));
            columns.push(
                column
                    .ok_or_else(|| format!("it has a column `{line}` that this weir does not know"))?
                    .column,
            );
        }
        Ok((Self { version, schema: crc32c::crc32c(text), columns }, end + 4))
    }

    /// How many bytes the header of a file has that begins so; `None` if it does not begin as one.
    pub(super) fn header_bytes(bytes: &[u8]) -> Option<usize> {
        let rest = bytes.strip_prefix(&MAGIC)?.get(1..)?;
        let len = usize::try_from(u32::from_le_bytes(*rest.first_chunk::<4>()?)).ok()?;
        len.checked_add(MAGIC.len() + 9)
    }
}

/// Whether a column of this line of a schema is the one of ours: the same, or of words of which we know more.
fn is_readable(theirs: &str, ours: &str) -> bool {
    let words = |line: &str| line.strip_suffix(')').filter(|line| line.contains("word(")).map(str::to_owned);
    match (words(theirs), words(ours)) {
        (Some(theirs), Some(ours)) => {
            ours.strip_prefix(&theirs).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        }
        _ => theirs == ours,
    }
}

/// A frame's header, its own checksum checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Length of all that follows the header.
    pub bytes: usize,
    pub sequence: u64,
    pub schema: u32,
    /// Length of the summary, which comes first; of version 2, 0.
    pub summary_bytes: usize,
    summary_crc: u32,
    /// Of what follows the summary.
    rows_crc: u32,
}

impl Header {
    /// From where a frame begins; `None` if none does.
    pub(super) fn parse(bytes: &[u8], version: Version) -> Option<Self> {
        let header = bytes.get(..version.header_bytes())?;
        let (body, crc) = header.split_last_chunk::<4>()?;
        let rest = body.strip_prefix(&MARK)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut at = 0;
        let mut number = || {
            let bytes = rest.get(at..)?.first_chunk::<4>()?;
            at += 4;
            Some(u32::from_le_bytes(*bytes))
        };
        let bytes = usize::try_from(number()?).ok()?;
        let (low, high) = (number()?, number()?);
        let schema = number()?;
        let (summary_bytes, summary_crc) = match version {
            Version::V2 => (0, 0),
            Version::V3 | Version::V4 => {
                (usize::try_from(number()?).ok().filter(|len| *len <= bytes)?, number()?)
            }
        };
        let sequence = u64::from(high) << 32 | u64::from(low);
        Some(Self { bytes, sequence, schema, summary_bytes, summary_crc, rows_crc: number()? })
    }

    /// Whether the checksums are those of what follows the header.
    pub(super) fn vouches_for(&self, payload: &[u8]) -> bool {
        payload
            .split_at_checked(self.summary_bytes)
            .is_some_and(|(summary, rows)| self.vouches_for_summary(summary) && self.vouches_for_rows(rows))
    }

    pub(super) fn vouches_for_summary(&self, summary: &[u8]) -> bool {
        self.summary_bytes == 0 || crc32c::crc32c(summary) == self.summary_crc
    }

    pub(super) fn vouches_for_rows(&self, rows: &[u8]) -> bool {
        crc32c::crc32c(rows) == self.rows_crc
    }
}

/// The header of a frame of these parts.
pub(super) fn header(
    sequence: u64,
    schema: u32,
    summary: &[u8],
    rows: &[u8],
) -> Result<[u8; HEADER], String> {
    let too_long = |_| "it is larger than 4 GiB".to_owned();
    let len = u32::try_from(summary.len() + rows.len()).map_err(too_long)?;
    let summary_len = u32::try_from(summary.len()).map_err(too_long)?;
    let mut out = [0; HEADER];
    let parts = [
        &MARK[..],
        &len.to_le_bytes(),
        &sequence.to_le_bytes(),
        &schema.to_le_bytes(),
        &summary_len.to_le_bytes(),
        &crc32c::crc32c(summary).to_le_bytes(),
        &crc32c::crc32c(rows).to_le_bytes(),
    ];
    let without_crc = parts.concat();
    let crc = crc32c::crc32c(&without_crc).to_le_bytes();
    for (slot, byte) in out.iter_mut().zip(without_crc.iter().chain(&crc)) {
        *slot = *byte;
    }
    Ok(out)
}
