//! The letters of a page: two styles of one font, which comes with the program and goes, as far as it is used, into each file.

use crate::exit::{Failure, Outcome};
use crate::statement::Language;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::OnceLock;
use subsetter::GlyphRemapper;
use ttf_parser::Face;

/// What a letter is that the font does not have.
const UNKNOWN: char = '\u{fffd}';

const SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// What is packed once is packed well.
const BEST: u32 = 9;

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

    fn describe(&self, pdf: &mut Pdf, id: Ref, data_id: Ref) {
        let [left, bottom, right, top] = self.bounds.map(whole_number);
        let mut descriptor = pdf.font_descriptor(id);
        descriptor.name(Name(self.name)).flags(FontFlags::SYMBOLIC).italic_angle(0.0);
        descriptor.bbox(Rect::new(left, bottom, right, top));
        descriptor.ascent(whole_number(self.ascent)).descent(whole_number(self.descent));
        descriptor.cap_height(whole_number(self.capital)).stem_v(80.0).font_file2(data_id);
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

/// What a file uses of a font: the letters of its language, and whatever else is on its pages.
pub(super) struct Used<'a> {
    font: &'a Font,
    base: &'a Base,
    remapper: GlyphRemapper,
    /// By the number that the file gives a glyph: the letter, and how far it moves on.
    letters: BTreeMap<u16, (char, u16)>,
}

/// The part of a font that every file of a language has. Cutting and packing a font takes longer than all else about a
/// statement, and most statements of a language need the same letters: so this is done once.
struct Base {
    remapper: GlyphRemapper,
    letters: BTreeMap<u16, (char, u16)>,
    part: Part,
}

/// A part of a font, as a file has it.
struct Part {
    /// How long the font is unpacked.
    size: usize,
    packed: Vec<u8>,
    /// Which letter each glyph is, packed.
    map: Vec<u8>,
}

impl Base {
    fn new(font: &Font, language: Language) -> Outcome<Self> {
        let (mut remapper, mut letters) = (GlyphRemapper::new(), BTreeMap::new());
        let own: BTreeSet<char> = language.letters().chain(' '..='~').collect();
        for c in own {
            let (c, glyph, advance) = font.glyph(c);
            letters.entry(remapper.remap(glyph)).or_insert((c, advance));
        }
        let part = Part::cut(font, &remapper, &letters)?;
        Ok(Self { remapper, letters, part })
    }

    /// That of a language and style.
    fn of(font: &Font, language: Language, weight: Weight) -> Outcome<&'static Self> {
        static BASES: [[OnceLock<Option<Base>>; 2]; Language::ALL.len()] =
            [const { [const { OnceLock::new() }; 2] }; Language::ALL.len()];
        let place = Language::ALL.iter().position(|one| *one == language).and_then(|at| BASES.get(at));
        let [book, bold] =
            place.ok_or_else(|| Failure::new("a language is not in the list of all: report this"))?;
        let place = if weight == Weight::Book { book } else { bold };
        let base = place.get_or_init(|| Self::new(font, language).ok()).as_ref();
        base.ok_or_else(|| Failure::new("the font for PDF files cannot be cut: report this"))
    }
}

impl Part {
    fn cut(font: &Font, remapper: &GlyphRemapper, letters: &BTreeMap<u16, (char, u16)>) -> Outcome<Self> {
        let data = subsetter::subset(font.data, 0, remapper)
            .map_err(|error| Failure::new(format!("the font for PDF files cannot be cut: {error}")))?;
        let mut map = UnicodeCmap::<u16>::new(Name(b"Letters"), SYSTEM);
        for (number, (c, _)) in letters {
            map.pair(*number, *c);
        }
        let map = deflated(map.finish().as_slice(), BEST)?;
        Ok(Self { size: data.len(), packed: deflated(&data, BEST)?, map })
    }
}

impl<'a> Used<'a> {
    pub(super) fn new(fonts: &'a Fonts, weight: Weight, language: Language) -> Outcome<Self> {
        let font = fonts.of(weight);
        let base = Base::of(font, language, weight)?;
        Ok(Self { font, base, remapper: base.remapper.clone(), letters: base.letters.clone() })
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
        self.font.describe(pdf, descriptor_id, data_id);
        let own;
        let part = if self.letters.len() == self.base.letters.len() {
            &self.base.part
        } else {
            own = Part::cut(self.font, &self.remapper, &self.letters)?;
            &own
        };
        pdf.cmap(map_id, &part.map).name(Name(b"Letters")).system_info(SYSTEM).filter(Filter::FlateDecode);
        let mut stream = pdf.stream(data_id, &part.packed);
        stream.filter(Filter::FlateDecode);
        stream.pair(Name(b"Length1"), i32::try_from(part.size).unwrap_or(i32::MAX));
        stream.finish();
        Ok(())
    }
}

/// Thousandths fit a float of 32 bits.
fn whole_number(n: i32) -> f32 {
    n as f32
}

/// Packed as PDF packs streams, with so much effort (1 to 9). The same bytes give the same bytes.
pub(super) fn deflated(bytes: &[u8], effort: u32) -> Outcome<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(effort));
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
