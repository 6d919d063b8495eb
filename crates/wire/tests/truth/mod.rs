//! The table of what independent decoders say about the captures beside the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The captures' folder, if there is one beside this checkout; otherwise says that `test` is skipped.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if folder.join("truth.tsv").is_file() {
        return Some(folder);
    }
    println!("SKIPPED {test}: ../shared/captures is absent");
    None
}

/// One row: a capture and its figures, by column.
pub(crate) struct Truth(BTreeMap<String, String>);

impl Truth {
    /// The capture's file name.
    pub(crate) fn name(&self) -> &str {
        self.cell("path")
    }

    /// The cell of this column; empty if there is none.
    pub(crate) fn cell(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }
}

/// Every row of the table.
pub(crate) fn rows(folder: &Path) -> Vec<Truth> {
    let text = std::fs::read_to_string(folder.join("truth.tsv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| {
        let cells = columns.iter().zip(line.split('\t'));
        Truth(cells.map(|(column, cell)| ((*column).to_owned(), cell.to_owned())).collect())
    };
    lines.map(row).collect()
}
