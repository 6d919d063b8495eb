//! Time zones, by their names.

use crate::error::{Error, Reason};
use datafusion::arrow::array::timezone::Tz;
use std::sync::Arc;

/// A zone of the time zone database, or an offset (`+02:00`).
///
/// # Errors
/// There is none of this name.
pub(crate) fn of(name: &str) -> Result<Arc<str>, Error> {
    let name = name.trim();
    match name.parse::<Tz>() {
        Ok(_) => Ok(Arc::from(name)),
        Err(_) => Err(Error::new(
            Reason::Wrong,
            format!(
                "there is no time zone \"{name}\": write one of the time zone database, as Europe/Berlin"
            ),
        )),
    }
}
