//! The letters of a page: two styles of one font, which comes with the program and goes, as far as it is used, into each file.

use crate::exit::{Failure, Outcome};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;
use subsetter::GlyphRemapper;
use ttf_parser::Face;

/// What a letter is that the font does not have.
const UNKNOWN: char = '\u{fffd}';

const SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Which style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Book,
    Bold,
}

/// The two styles.
pub(super) struct Fonts([Font; 2]);

/// One style.
pub(super) struct Font {
    data: &'static [u8],
    /// What the file calls it: six letters for a part of a font, then its name.
    name: &'static [u8],
    /// Letters with their glyph and how far each moves on, in units of the font.
    glyphs: BTreeMap<char, (u16, u16)>,
    units: u16,
    /// Thousandths of the size.
    ascent: i32,
    descent: i32,
    capital: i32,
    bounds: [i32; 4],
}

impl Fonts {
    /// The fonts that come with the program.
    pub(super) fn load() -> Outcome<&'static Self> {
        static FONTS: OnceLock<Option<Fonts>> = OnceLock::new();
        let load = || {
            let book =
                Font::parse(include_bytes!("font/DejaVuSansCondensed.ttf"), b"WEIRAA+DejaVuSansCondensed")?;
            let bold = Font::parse(
                include_bytes!("font/DejaVuSansCondensed-Bold.ttf"),
                b"WEIRAB+DejaVuSansCondensed-Bold",
            )?;
            Some(Fonts([book, bold]))
        };
        FONTS
            .get_or_init(load)
            .as_ref()
            .ok_or_else(|| Failure::new("the font for PDF files is damaged: report this"))
    }

    pub(super) fn of(&self, weight: Weight) -> &Font {
        let [book, bold] = &self.0;
        match weight {
            Weight::Book => book,
            Weight::Bold => bold,
        }
    }
}

impl Font {
    fn parse(data: &'static [u8], name: &'static [u8]) -> Option<Self> {
        let face = Face::parse(data, 0).ok()?;
        let units = face.units_per_em();
        let mut glyphs = BTreeMap::new();
        for subtable in face.tables().cmap?.subtables {
            if !subtable.is_unicode() {
                continue;
            }
            subtable.codepoints(|code| {
                let glyph = char::from_u32(code).and_then(|c| Some((c, face.glyph_index(c)?)));
                if let Some((c, glyph)) = glyph {
                    glyphs.insert(c, (glyph.0, face.glyph_hor_advance(glyph).unwrap_or_default()));
                }
            });
        }
        let thousandths = |n: i16| i32::from(n) * 1000 / i32::from(units.max(1));
        let bounds = face.global_bounding_box();
        glyphs.contains_key(&UNKNOWN).then(|| Self {
            data,
            name,
            glyphs,
            units,
            ascent: thousandths(face.ascender()),
            descent: thousandths(face.descender()),
            capital: thousandths(face.capital_height().unwrap_or_default()),
            bounds: [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(thousandths),
        })
    }

    /// The letter as the font has it, with its glyph and how far it moves on.
    fn glyph(&self, c: char) -> (char, u16, u16) {
        let known = |c: char| self.glyphs.get(&c).map(|(glyph, advance)| (c, *glyph, *advance));
        // A space that no line breaks at is a space.
        let c = if c == '\u{a0}' { ' ' } else { c };
        known(c).or_else(|| known(UNKNOWN)).unwrap_or((c, 0, 0))
    }

    /// How wide a text is, in hundredths of a point, at a size in the same.
    pub(super) fn width(&self, text: &str, size: i32) -> i32 {
        let units: u64 = text.chars().map(|c| u64::from(self.glyph(c).2)).sum();
        let width = units * u64::from(size.unsigned_abs()) / u64::from(self.units.max(1));
        i32::try_from(width).unwrap_or(i32::MAX / 4)
    }
}

/// What a file uses of a font.
pub(super) struct Used<'a> {
    font: &'a Font,
    remapper: GlyphRemapper,
    /// By the number that the file gives a glyph: the letter, and how far it moves on.
    letters: BTreeMap<u16, (char, u16)>,
}

impl<'a> Used<'a> {
    pub(super) fn new(font: &'a Font) -> Self {
        Self { font, remapper: GlyphRemapper::new(), letters: BTreeMap::new() }
    }

    /// A text as the file has it: two bytes for each letter.
    pub(super) fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for c in text.chars() {
            let (c, glyph, advance) = self.font.glyph(c);
            let number = self.remapper.remap(glyph);
            self.letters.entry(number).or_insert((c, advance));
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }

    /// Writes the font, as far as it is used, beginning with the object that pages name.
    pub(super) fn write(&self, pdf: &mut Pdf, id: Ref, mut next: impl FnMut() -> Ref) -> Outcome {
        let (cid_id, descriptor_id, map_id, data_id) = (next(), next(), next(), next());
        let name = Name(self.font.name);
        let data = subsetter::subset(self.font.data, 0, &self.remapper)
            .map_err(|error| Failure::new(format!("the font for PDF files cannot be cut: {error}")))?;
        let mut whole = pdf.type0_font(id);
        whole
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid_id)
            .to_unicode(map_id);
        whole.finish();
        let mut cid = pdf.cid_font(cid_id);
        cid.subtype(CidFontType::Type2).base_font(name).system_info(SYSTEM).font_descriptor(descriptor_id);
        cid.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
        let thousandths = |advance: u16| f32::from(advance) * 1000.0 / f32::from(self.font.units.max(1));
        let widths = (0..self.remapper.num_gids())
            .map(|number| self.letters.get(&number).map_or(0.0, |(_, advance)| thousandths(*advance)));
        cid.widths().consecutive(0, widths);
        cid.finish();
        let [left, bottom, right, top] = self.font.bounds.map(whole_number);
        let mut descriptor = pdf.font_descriptor(descriptor_id);
        descriptor
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(left, bottom, right, top))
            .italic_angle(0.0);
        descriptor.ascent(whole_number(self.font.ascent)).descent(whole_number(self.font.descent));
        descriptor.cap_height(whole_number(self.font.capital)).stem_v(80.0).font_file2(data_id);
        descriptor.finish();
        let mut map = UnicodeCmap::<u16>::new(Name(b"Letters"), SYSTEM);
        for (number, (c, _)) in &self.letters {
            map.pair(*number, *c);
        }
        let map = deflated(map.finish().as_slice())?;
        pdf.cmap(map_id, &map).name(Name(b"Letters")).system_info(SYSTEM).filter(Filter::FlateDecode);
        let packed = deflated(&data)?;
        let mut stream = pdf.stream(data_id, &packed);
        stream.filter(Filter::FlateDecode);
        stream.pair(Name(b"Length1"), i32::try_from(data.len()).unwrap_or(i32::MAX));
        stream.finish();
        Ok(())
    }
}

/// Thousandths fit a float of 32 bits.
fn whole_number(n: i32) -> f32 {
    n as f32
}

/// Packed as PDF packs streams. The same bytes give the same bytes.
pub(super) fn deflated(bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(6));
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| Failure::new(format!("a page of a PDF cannot be packed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_as_wide_as_the_font_says() {
        let fonts = Fonts::load().unwrap();
        let book = fonts.of(Weight::Book);
        // As fontTools reads the font, whose em is 2048 units.
        let widths = [("A", 1260), (" ", 585), ("Ж", 1985), ("Ω", 1408), ("1,234", 5273), ("Łódź", 4299)];
        for (text, units) in widths {
            assert_eq!(book.width(text, 2048), units, "{text}");
        }
        for c in "ÄöüßéłΩλЖяЁ€₽–„“«»№".chars() {
            assert!(book.glyphs.contains_key(&c) && fonts.of(Weight::Bold).glyphs.contains_key(&c), "{c}");
        }
        assert_eq!(book.width("漢", 100), book.width("\u{fffd}", 100));
    }
}
