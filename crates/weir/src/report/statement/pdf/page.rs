//! Pages while they are laid out: texts and rectangles at places, and what each belongs to.

use super::font::{Fonts, Weight};
use pdf_writer::types::StructRole;

/// A4.
pub(super) const WIDTH: i32 = 59_528;
pub(super) const HEIGHT: i32 = 84_189;
/// The edges of what is printed on.
pub(super) const LEFT: i32 = 4_500;
pub(super) const RIGHT: i32 = WIDTH - 4_500;
pub(super) const TOP: i32 = 4_500;
pub(super) const BOTTOM: i32 = HEIGHT - 5_600;

/// Red, green and blue, of 255.
pub(super) type Colour = [u8; 3];
pub(super) const BLACK: Colour = [0x1a, 0x1a, 0x1a];
pub(super) const GREY: Colour = [0x55, 0x55, 0x55];
pub(super) const LINE: Colour = [0xbb, 0xbb, 0xbb];
pub(super) const PALE: Colour = [0xf3, 0xf4, 0xf6];

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Hundredths of a point.
    pub(super) size: i32,
    pub(super) weight: Weight,
    pub(super) colour: Colour,
}

impl Look {
    pub(super) const fn book(size: i32) -> Self {
        Self { size, weight: Weight::Book, colour: BLACK }
    }

    pub(super) const fn bold(size: i32) -> Self {
        Self { size, weight: Weight::Bold, colour: BLACK }
    }

    pub(super) const fn grey(size: i32) -> Self {
        Self { size, weight: Weight::Book, colour: GREY }
    }
}

/// What is put onto a page.
#[derive(Clone, Debug)]
pub(super) enum Ink {
    Text {
        look: Look,
        text: String,
    },
    /// A rectangle to the right of the place and below it.
    Fill {
        width: i32,
        height: i32,
        colour: Colour,
    },
}

/// Something at a place: of a text the left end of its base line.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) ink: Ink,
    /// The element it belongs to; none of what is not read aloud.
    pub(super) of: Option<usize>,
}

/// What something is, for who has the page read aloud.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) role: StructRole,
    pub(super) parent: Option<usize>,
    /// Said in place of a picture.
    pub(super) alt: Option<String>,
}

/// The pages, and the place that the next thing comes to.
pub(super) struct Sheets {
    pub(super) fonts: &'static Fonts,
    pub(super) pages: Vec<Vec<Mark>>,
    pub(super) elements: Vec<Element>,
    /// From the upper edge of the last page.
    pub(super) y: i32,
}

impl Sheets {
    pub(super) fn new(fonts: &'static Fonts) -> Self {
        let document = Element { role: StructRole::Document, parent: None, alt: None };
        Self { fonts, pages: vec![Vec::new()], elements: vec![document], y: TOP }
    }

    /// An element within another; within the document, if none is named.
    pub(super) fn element(&mut self, role: StructRole, parent: Option<usize>) -> usize {
        self.elements.push(Element { role, parent: Some(parent.unwrap_or(0)), alt: None });
        self.elements.len() - 1
    }

    /// Begins a page if so much does not fit onto this one. Whether it did.
    pub(super) fn make_room(&mut self, height: i32) -> bool {
        let is_full = self.y + height > BOTTOM && self.y > TOP;
        if is_full {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        is_full
    }

    pub(super) fn width(&self, text: &str, look: Look) -> i32 {
        self.fonts.of(look.weight).width(text, look.size)
    }

    /// Puts a text onto the last page.
    pub(super) fn text(&mut self, x: i32, y: i32, look: Look, text: &str, of: Option<usize>) {
        self.put(Mark { x, y, ink: Ink::Text { look, text: text.to_owned() }, of });
    }

    /// The same, ending at a place.
    pub(super) fn text_to(&mut self, right: i32, y: i32, look: Look, text: &str, of: Option<usize>) {
        let x = right - self.width(text, look);
        self.text(x, y, look, text, of);
    }

    /// Fills a rectangle on the last page.
    pub(super) fn fill(
        &mut self,
        (x, y): (i32, i32),
        (width, height): (i32, i32),
        colour: Colour,
        of: Option<usize>,
    ) {
        self.put(Mark { x, y, ink: Ink::Fill { width, height, colour }, of });
    }

    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// A text in lines that are no wider than so much; a word that is wider is broken.
    pub(super) fn wrapped(&self, text: &str, look: Look, width: i32) -> Vec<String> {
        if self.width(text, look) <= width {
            return vec![text.to_owned()];
        }
        let mut lines: Vec<String> = vec![String::new()];
        for word in text.split(' ') {
            let Some(line) = lines.last_mut() else { break };
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, look) <= width {
                *line = longer;
                continue;
            }
            let mut rest = String::new();
            for c in word.chars() {
                rest.push(c);
                if self.width(&rest, look) > width && rest.chars().count() > 1 {
                    rest.pop();
                    lines.push(std::mem::replace(&mut rest, c.to_string()));
                }
            }
            lines.push(rest);
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_there_is_room() {
        let sheets = Sheets::new(Fonts::load().unwrap());
        let look = Look::book(900);
        let text = "Some words and 2001:0db8:0031:0000:1234:5678:9abc:def0 which is long";
        let lines = sheets.wrapped(text, look, 10_000);
        assert!(lines.len() > 2 && lines.iter().all(|line| sheets.width(line, look) <= 10_000), "{lines:?}");
        let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
        assert_eq!(sheets.wrapped("short", look, 10_000), ["short"]);
    }
}
