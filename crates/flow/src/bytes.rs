//! Octet strings of many rows, one after the other in one allocation.

/// A column of octet strings: text, or elements without a column of their own.
///
/// All strings lie in one buffer, in the order of the rows; of each row only the place where its string ends
/// is kept. One column holds at most 4 GiB; what would go beyond is not taken ([`Bytes::push`] says so).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    ends: Vec<u32>,
    data: Vec<u8>,
}

impl Bytes {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory it has, bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.capacity().saturating_add(self.ends.capacity().saturating_mul(4))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All strings, one after the other.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Where the string of each row ends in [`Bytes::data`]; it begins where the one before ends.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Puts a column together from its parts; `None` if the ends are not in order or do not fit the data.
    #[must_use]
    pub fn from_parts(ends: Vec<u32>, data: Vec<u8>) -> Option<Self> {
        let fits = ends.is_sorted() && usize::try_from(*ends.last().unwrap_or(&0)).ok()? == data.len();
        fits.then_some(Self { ends, data })
    }

    /// The ends and the strings, as [`Bytes::from_parts`] takes them.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u32>, Vec<u8>) {
        (self.ends, self.data)
    }

    /// The string of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.data.get(start as usize..end as usize)
    }

    /// The strings of all rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let slice = self.data.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            slice
        })
    }

    /// Appends a row; false if the column is full (4 GiB) and the row got an empty string instead.
    pub fn push(&mut self, string: &[u8]) -> bool {
        self.push_parts(|data| data.extend_from_slice(string))
    }

    /// Appends a row whose string `write` appends to the data; see [`Bytes::push`].
    pub fn push_parts(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.data.len();
        write(&mut self.data);
        if let Ok(end) = u32::try_from(self.data.len()) {
            self.ends.push(end);
            return true;
        }
        self.data.truncate(before);
        self.ends.push(u32::try_from(before).unwrap_or(u32::MAX));
        false
    }

    /// Appends empty strings until there are so many rows.
    pub fn pad(&mut self, rows: usize) {
        if self.ends.len() < rows {
            let end = self.ends.last().copied().unwrap_or(0);
            self.ends.resize(rows, end);
        }
    }

    /// Forgets the rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.data.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// Makes room for so many more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.ends.reserve(rows);
    }

    /// The rows at these places, in this order; places past the end give nothing.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        let mut gathered = Self::default();
        for string in rows.iter().filter_map(|row| self.get(*row as usize)) {
            gathered.push(string);
        }
        gathered
    }

    /// Keeps the rows of which `keep` says so, by their place.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let (mut start, mut to, mut kept) = (0usize, 0usize, 0usize);
        for row in 0..self.ends.len() {
            let Some(end) = self.ends.get(row).map(|end| *end as usize) else { break };
            if keep(row) {
                self.data.copy_within(start..end, to);
                to += end - start;
                if let Some(slot) = self.ends.get_mut(kept) {
                    // Not larger than the end that stood there or further on.
                    *slot = u32::try_from(to).unwrap_or(u32::MAX);
                }
                kept += 1;
            }
            start = end;
        }
        self.ends.truncate(kept);
        self.data.truncate(to);
    }

    /// Appends the rows of another column.
    pub fn append(&mut self, other: &Self) {
        for string in other.iter() {
            self.push(string);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(strings: &[Vec<u8>]) -> Bytes {
        let mut bytes = Bytes::new();
        for string in strings {
            assert!(bytes.push(string));
        }
        bytes
    }

    proptest! {
        /// Against a vector of vectors, through every operation.
        #[test]
        fn it_is_a_list_of_strings(
            strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..20),
            more in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..5),
            keep in prop::collection::vec(any::<bool>(), 30),
            cut in 0usize..25,
            picks in prop::collection::vec(0u32..25, 0..10),
        ) {
            let mut model = strings.clone();
            let mut bytes = of(&strings);
            bytes.append(&of(&more));
            model.extend(more);
            bytes.pad(22);
            model.resize(model.len().max(22), Vec::new());
            prop_assert_eq!(bytes.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), model.clone());
            let gathered: Vec<_> = picks.iter().filter_map(|i| model.get(*i as usize).cloned()).collect();
            prop_assert_eq!(bytes.gather(&picks), of(&gathered));
            bytes.retain(|row| keep[row]);
            let mut row = 0;
            model.retain(|_| { row += 1; keep[row - 1] });
            prop_assert_eq!(&bytes, &of(&model));
            bytes.truncate(cut);
            model.truncate(cut);
            prop_assert_eq!(&bytes, &of(&model));
            prop_assert_eq!(Bytes::from_parts(bytes.ends().to_vec(), bytes.data().to_vec()), Some(bytes.clone()));
            for (row, string) in model.iter().enumerate() {
                prop_assert_eq!(bytes.get(row), Some(&**string));
            }
            prop_assert_eq!(bytes.get(model.len()), None);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert_eq!(Bytes::from_parts(vec![2, 1], vec![0; 2]), None);
        assert_eq!(Bytes::from_parts(vec![1], vec![0; 2]), None);
        assert_eq!(Bytes::from_parts(vec![], vec![]), Some(Bytes::new()));
    }
}
