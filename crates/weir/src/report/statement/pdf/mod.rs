//! A paper as a PDF: A4, with a font of its own, tagged so that it can be read aloud, and the same bytes whenever it is made.
//!
//! `layout` puts a paper onto `page`s, which know only texts and filled rectangles at places; `file` writes pages as
//! objects, with the letters that `font` has. Places are in hundredths of a point, from the upper left corner: integers, so
//! that no machine rounds otherwise.

mod file;
mod font;
mod layout;
mod page;

use super::Paper;
use crate::exit::Outcome;

/// The whole file.
///
/// # Errors
/// The font that comes with the program cannot be used, which is a defect.
pub(crate) fn render(paper: &Paper) -> Outcome<Vec<u8>> {
    let fonts = font::Fonts::load()?;
    let sheets = layout::lay(paper, fonts);
    let author = paper.issuer.first().map(String::as_str);
    let about = file::About { title: &paper.subject, author, language: paper.language };
    file::write(&sheets, fonts, &about)
}
