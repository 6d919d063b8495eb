//! `weir import`: files into the store, each all or not at all, and once.

use super::{Decoder, file};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::progress::Progress;
use crate::report::import::Summary;
use crate::{clock, log};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use weir_flow::session::memory::{Attic, Realm};
use weir_store::{Options, What, Writer};

/// What to import, and how.
pub(crate) struct Order<'a> {
    pub(crate) files: &'a [PathBuf],
    pub(crate) kind: Option<file::Kind>,
    /// Count files again that were imported before.
    pub(crate) again: bool,
}

/// Imports files, in the order given; templates of one serve the next.
///
/// # Errors
/// A file cannot be read, or the store not written. Files before it are imported, it and those after are not.
pub(crate) fn import(config: &Config, order: &Order<'_>) -> Outcome<Summary> {
    let begun = Instant::now();
    let mut summary = Summary::default();
    let (mut writer, _) = Writer::open(&config.store, Options::default())?;
    let attic = Arc::new(Attic::new(writer.memory(), Realm::Import));
    let mut decoder = Decoder::new(config, Realm::Import, attic);
    let sizes = order.files.iter().filter_map(|path| Some(std::fs::metadata(path).ok()?.len()));
    let progress = Progress::bytes(sizes.sum());
    let mut done = 0;
    for path in order.files {
        if !order.again && is_known(&writer, path) {
            summary.known.push(path.display().to_string());
        } else {
            one(&mut writer, &mut decoder, path, order, &|bytes| progress.set(done + bytes), &mut summary)?;
        }
        done += std::fs::metadata(path).map_or(0, |m| m.len());
        progress.set(done);
    }
    // What was asked next is answered with the sampling intervals that these files brought for earlier ones.
    writer.settle(clock::now_ms())?;
    writer.close(clock::now_ms())?;
    progress.finish();
    summary.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

/// Whether the very same bytes were imported before. Only a file of a size that was is read for it.
fn is_known(writer: &Writer, path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    writer.imported_sizes().contains(&metadata.len())
        && file::digest(path).is_ok_and(|digest| writer.is_imported(&digest).is_some())
}

fn one(
    writer: &mut Writer,
    decoder: &mut Decoder,
    path: &Path,
    order: &Order<'_>,
    progress: &dyn Fn(u64),
    summary: &mut Summary,
) -> Outcome {
    let label = path.display().to_string();
    let mut import = writer.import(&label, order.again)?;
    let mut problems = log::Limit::default();
    let mut counted = Summary::default();
    let contents = file::read(
        path,
        order.kind,
        clock::now_ms(),
        &mut |item| {
            decoder.take_item(item, &mut problems, |decoder| {
                let batch = decoder.take();
                counted.add(&batch.health);
                import.append(&batch)?;
                decoder.give_back(batch);
                Ok(())
            })
        },
        progress,
    )?;
    problems.tell(Instant::now(), true);
    let batch = decoder.conclude();
    counted.add(&batch.health);
    if !batch.is_void() {
        import.append(&batch)?;
    }
    match import.commit(&contents.digest, contents.size, clock::now_ms()) {
        Ok(()) => {}
        // The same bytes under a size that nobody knew: another file of this very call.
        Err(error) if matches!(error.what, What::Imported { .. }) => {
            summary.known.push(label);
            return Ok(());
        }
        Err(error) => return Err(Failure::from(error)),
    }
    summary.file(path, &contents);
    summary.merge(counted);
    Ok(())
}
