//! Sealing by itself, for whoever measures it: the example `seal`.

use super::chunk::Encoder;
use super::dense::Dense;
use super::rows::Rows;
use super::schema;
use super::write::{encode_one, parquet_error, write};
use crate::Error;
use crate::disk::Disk;
use crate::error::What;
use crate::journal::{Frame, Maker};
use std::path::{Path, PathBuf};
use weir_flow::{Batch, Column};

/// Rows in memory, as an import holds them, that are sealed as often as somebody wants.
#[derive(Debug)]
pub struct Sealing {
    disk: Disk,
    frames: Vec<Frame>,
}

/// Rows in the order they are written.
pub struct Ordered(Rows);

impl Sealing {
    /// Takes the rows; segments go into the folder.
    ///
    /// # Errors
    /// A batch cannot be stored.
    pub fn new(folder: &Path, batches: &[Batch]) -> Result<Self, Error> {
        let bad = |how: String| Error::new(folder, What::Batch(how));
        let mut maker = Maker::of_import();
        let frames =
            batches.iter().map(|batch| maker.frame(0, batch).map_err(bad)).collect::<Result<_, _>>()?;
        Ok(Self { disk: Disk::new(folder), frames })
    }

    /// Orders, encodes and writes all rows; returns the file.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn seal(&self) -> Result<PathBuf, Error> {
        let file = write(&self.disk, "sealed.parquet", &Rows::new(self.frames.clone()))?;
        Ok(self.disk.path(&file.name))
    }

    /// Orders the rows.
    #[must_use]
    pub fn order(&self) -> Ordered {
        Ordered(Rows::new(self.frames.clone()))
    }

    /// Encodes a column of ordered rows; returns its bytes.
    ///
    /// # Errors
    /// The Parquet crate refuses.
    pub fn encode(&self, rows: &Ordered, column: Column) -> Result<usize, Error> {
        let failed = |e| parquet_error(self.disk.root(), e);
        let descriptor = schema::descriptor().map_err(failed)?;
        let mut encoder = Encoder::new().map_err(failed)?;
        let mut dense = Dense::default();
        let chunks = encode_one(&mut encoder, &mut dense, &rows.0, column, &descriptor).map_err(failed)?;
        Ok(chunks.iter().map(|chunk| chunk.bytes.len()).sum())
    }
}
