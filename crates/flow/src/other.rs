//! Elements of a record that no column holds, kept as they came.
//!
//! The value of the `other` column is a run of elements. Each is, in network order: one octet, 0 for an element
//! of IANA's registry (or of NetFlow v9's 16-bit numbers) and 1 for an enterprise's; two octets of element number;
//! with an enterprise, four octets of its number; the length of the value, one octet, or 255 and two octets; the
//! value. Nothing is interpreted: the name and the type are looked up by whoever shows it.

/// The octet before an enterprise's element.
const ENTERPRISE: u8 = 1;

/// One element as the exporter sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The enterprise whose element it is; 0 is IANA's registry.
    pub enterprise: u32,
    /// Its number there.
    pub number: u16,
    /// Its value, in network order, of whatever length it was sent.
    pub value: &'a [u8],
}

/// The octets that stand before a value of this length.
#[must_use]
pub fn header(enterprise: u32, number: u16, length: usize) -> ([u8; 10], usize) {
    let mut header = [0; 10];
    let mut at = 0;
    let mut put = |octets: &[u8]| {
        for octet in octets {
            if let Some(slot) = header.get_mut(at) {
                *slot = *octet;
            }
            at += 1;
        }
    };
    put(&[if enterprise == 0 { 0 } else { ENTERPRISE }]);
    put(&number.to_be_bytes());
    if enterprise != 0 {
        put(&enterprise.to_be_bytes());
    }
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => put(&[short]),
        _ => {
            put(&[u8::MAX]);
            put(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    (header, at)
}

/// Appends an element to a run. Of a value beyond 65,535 octets (which no message can hold) the rest is cut.
pub fn push(out: &mut Vec<u8>, element: Element<'_>) {
    let value = element.value.get(..usize::from(u16::MAX)).unwrap_or(element.value);
    let (header, len) = header(element.enterprise, element.number, value.len());
    out.extend_from_slice(header.get(..len).unwrap_or_default());
    out.extend_from_slice(value);
}

/// The elements of a run; ends early if the run is damaged.
#[derive(Clone, Debug)]
pub struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Of the value of an `other` column.
    #[must_use]
    pub fn new(run: &'a [u8]) -> Self {
        Self(run)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let [kind] = self.take()?;
        let number = u16::from_be_bytes(self.take()?);
        let enterprise = if kind == ENTERPRISE { u32::from_be_bytes(self.take()?) } else { 0 };
        let [short] = self.take()?;
        let length = if short == u8::MAX { u16::from_be_bytes(self.take()?) } else { short.into() };
        let (value, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        Some(Element { enterprise, number, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_as_they_went() {
        let long = [7; 300];
        let all = [
            Element { enterprise: 0, number: 192, value: &[64] },
            Element { enterprise: 9, number: 33_002, value: &[] },
            Element { enterprise: 0, number: 57_590, value: &[1, 2, 3] },
            Element { enterprise: 25_461, number: 56_701, value: &long },
            Element { enterprise: 0, number: 1, value: &long[..255] },
        ];
        let mut run = Vec::new();
        for element in all {
            push(&mut run, element);
        }
        assert_eq!(Elements::new(&run).collect::<Vec<_>>(), all);
        assert_eq!(run.len(), (4 + 1) + 8 + (4 + 3) + (10 + 300) + (6 + 255));
        // What is cut ends the run and nothing else.
        assert_eq!(Elements::new(&run[..run.len() - 1]).count(), 4);
    }
}
