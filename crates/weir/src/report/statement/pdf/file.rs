//! Pages written as the objects of a PDF.

use super::font::{Fonts, Used, Weight, deflated};
use super::page::{HEIGHT, Ink, Mark, Sheets, WIDTH};
use crate::exit::Outcome;
use crate::statement::Language;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Settings, Str, TextStr};

/// What the file says of itself.
pub(super) struct About<'a> {
    pub(super) title: &'a str,
    pub(super) author: Option<&'a str>,
    pub(super) language: Language,
}

const BOOK: Name<'static> = Name(b"Book");
const BOLD: Name<'static> = Name(b"Bold");

/// Pages are packed for each tenant anew: more effort makes them little smaller.
const QUICK: u32 = 3;

/// What an element holds, in the order it is read.
#[derive(Clone, Copy)]
enum Child {
    Element(usize),
    /// A part of a page: the page, and the part's number on it.
    Part(usize, i32),
}

/// Numbers of objects, one after the other.
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }

    fn many(&mut self, count: usize) -> Vec<Ref> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// The file of these pages.
pub(super) fn write(sheets: &Sheets, fonts: &Fonts, about: &About<'_>) -> Outcome<Vec<u8>> {
    let mut pdf = Pdf::with_settings(Settings { pretty: false });
    let mut numbers = Numbers(0);
    let [catalog, tree, info, root, book, bold] = [(); 6].map(|()| numbers.next());
    let pages = numbers.many(sheets.pages.len());
    let contents = numbers.many(sheets.pages.len());
    let parents = numbers.many(sheets.pages.len());
    let elements = numbers.many(sheets.elements.len());

    let used = |weight| Used::new(fonts, weight, about.language);
    let mut used = [used(Weight::Book)?, used(Weight::Bold)?];
    let mut children: Vec<Vec<Child>> = vec![Vec::new(); sheets.elements.len()];
    for (at, element) in sheets.elements.iter().enumerate() {
        if let Some(siblings) = element.parent.and_then(|parent| children.get_mut(parent)) {
            siblings.push(Child::Element(at));
        }
    }
    for (page, marks) in sheets.pages.iter().enumerate() {
        let (content, parts) = content(marks, &mut used);
        for (number, element) in parts.iter().enumerate() {
            if let Some(of) = children.get_mut(*element) {
                of.push(Child::Part(page, int(number)));
            }
        }
        let (Some(page_id), Some(content_id), Some(parents_id)) =
            (pages.get(page), contents.get(page), parents.get(page))
        else {
            continue;
        };
        pdf.stream(*content_id, &deflated(&content, QUICK)?).filter(Filter::FlateDecode);
        let of = parts.iter().filter_map(|element| elements.get(*element).copied());
        pdf.indirect(*parents_id).array().items(of);
        let mut one = pdf.page(*page_id);
        one.media_box(Rect::new(0.0, 0.0, points(WIDTH), points(HEIGHT))).parent(tree).contents(*content_id);
        one.struct_parents(int(page));
        one.resources().fonts().pair(BOOK, book).pair(BOLD, bold);
        one.finish();
    }
    pdf.pages(tree).kids(pages.iter().copied()).count(int(pages.len()));
    for (used, id) in used.iter().zip([book, bold]) {
        used.write(&mut pdf, id, || numbers.next())?;
    }
    tags(&mut pdf, sheets, &children, &elements, &pages, root);
    self::catalog(&mut pdf, about, [catalog, tree, root], elements.first().copied(), &parents);
    let mut said = pdf.document_info(info);
    said.title(TextStr(about.title)).producer(TextStr("weir"));
    if let Some(author) = about.author {
        said.author(TextStr(author));
    }
    said.finish();
    Ok(pdf.finish())
}

/// What a reader begins with.
fn catalog(
    pdf: &mut Pdf,
    about: &About<'_>,
    [catalog, tree, root]: [Ref; 3],
    document: Option<Ref>,
    parents: &[Ref],
) {
    let mut first = pdf.catalog(catalog);
    first.pages(tree).lang(TextStr(about.language.code()));
    first.viewer_preferences().display_doc_title(true);
    first.mark_info().marked(true);
    first.pair(Name(b"StructTreeRoot"), root);
    first.finish();
    let mut dict = pdf.indirect(root).dict();
    dict.pair(Name(b"Type"), Name(b"StructTreeRoot"));
    if let Some(document) = document {
        dict.pair(Name(b"K"), document);
    }
    dict.pair(Name(b"ParentTreeNextKey"), int(parents.len()));
    let mut places = dict.insert(Name(b"ParentTree")).dict();
    let mut list = places.insert(Name(b"Nums")).array();
    for (page, parent) in parents.iter().enumerate() {
        list.item(int(page)).item(*parent);
    }
}

/// What everything is, for who has it read aloud.
fn tags(pdf: &mut Pdf, sheets: &Sheets, children: &[Vec<Child>], ids: &[Ref], pages: &[Ref], root: Ref) {
    let id_of = |at: usize| ids.get(at).copied().unwrap_or(root);
    for (at, (element, children)) in sheets.elements.iter().zip(children).enumerate() {
        let mut one = pdf.struct_element(id_of(at));
        one.kind(element.role).parent(element.parent.map_or(root, id_of));
        if let Some(alt) = &element.alt {
            one.alt(TextStr(alt));
        }
        let mut list = one.children();
        for child in children {
            match *child {
                Child::Element(inner) => {
                    list.struct_element(id_of(inner));
                }
                Child::Part(page, number) => {
                    let mut part = list.marked_content_ref();
                    if let Some(page) = pages.get(page) {
                        part.page(*page);
                    }
                    part.marked_content_id(number);
                }
            }
        }
    }
}

/// What draws a page, and the element of each of its parts.
fn content(marks: &[Mark], used: &mut [Used<'_>; 2]) -> (Vec<u8>, Vec<usize>) {
    let mut content = Content::with_settings(Settings { pretty: false });
    let mut parts: Vec<usize> = Vec::new();
    for alike in marks.chunk_by(|a, b| a.of == b.of) {
        match alike.first().and_then(|mark| mark.of) {
            Some(element) => {
                let number = int(parts.len());
                parts.push(element);
                content.begin_marked_content_with_properties(Name(b"Span")).properties().identify(number);
            }
            None => {
                content.begin_marked_content(Name(b"Artifact"));
            }
        }
        for mark in alike {
            draw(&mut content, mark, used);
        }
        content.end_marked_content();
    }
    (content.finish().into_vec(), parts)
}

fn draw(content: &mut Content, mark: &Mark, [book, bold]: &mut [Used<'_>; 2]) {
    // From the lower edge, as PDF counts.
    let (x, y) = (points(mark.x), points(HEIGHT - mark.y));
    match &mark.ink {
        Ink::Fill { width, height, colour } => {
            let [r, g, b] = colour.map(part);
            content
                .set_fill_rgb(r, g, b)
                .rect(x, y - points(*height), points(*width), points(*height))
                .fill_nonzero();
        }
        Ink::Text { look, text } => {
            let [r, g, b] = look.colour.map(part);
            let (name, encoded) = match look.weight {
                Weight::Book => (BOOK, book.encode(text)),
                Weight::Bold => (BOLD, bold.encode(text)),
            };
            content.set_fill_rgb(r, g, b).begin_text().set_font(name, points(look.size)).next_line(x, y);
            content.show(Str(&encoded)).end_text();
        }
    }
}

/// Hundredths of a point as points.
fn points(hundredths: i32) -> f32 {
    hundredths as f32 / 100.0
}

/// A colour's part, from 0 to 1, in hundredths: three digits are enough.
fn part(of_255: u8) -> f32 {
    f32::from(u16::from(of_255) * 100 / 255) / 100.0
}

fn int(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
