use super::*;

fn subject(host: Option<&str>) -> Subject {
    Subject { quota: "fair".into(), tenant: "acme".into(), host: host.map(str::to_owned) }
}

fn kept(cycle_ms: i64, marks: &[(&str, u64)]) -> Kept {
    let mark = |(threshold, used): &(&str, u64)| Mark { threshold: (*threshold).to_owned(), used: *used };
    Kept { subject: subject(None), is_dry: false, cycle_ms, marks: marks.iter().map(mark).collect() }
}

fn entry(what: &str) -> Entry {
    let who = "weir".to_owned();
    Entry { at_ms: 5, who, what: what.into(), subject: subject(None).name(), why: "it was used up".into() }
}

fn block(host: Option<&str>, element: &str) -> Block {
    let (place, element) = ("inet weir blocked".to_owned(), element.to_owned());
    Block { subject: subject(host), place, element, since_ms: 5, fuse: 5, ..Block::default() }
}

fn open() -> (tempfile::TempDir, Books) {
    let folder = tempfile::tempdir().unwrap();
    let books = Books::open(folder.path()).unwrap();
    (folder, books)
}

#[test]
fn what_is_kept_comes_back() {
    let (folder, mut books) = open();
    let changes = Changes {
        kept: vec![kept(7, &[("50 %", 500), ("80 %", u64::MAX)])],
        entries: vec![entry("block")],
        ..Changes::default()
    };
    books.enact(&changes).unwrap();
    assert_eq!(books.watches().unwrap(), changes.kept);
    // Another who reads sees it, and one of another cycle takes its place.
    let reader = Books::read(folder.path()).unwrap().unwrap();
    let before = reader.version().unwrap();
    books.enact(&Changes { kept: vec![kept(8, &[("50 %", 1)])], ..Changes::default() }).unwrap();
    assert_eq!(reader.watches().unwrap(), [kept(8, &[("50 %", 1)])]);
    assert_ne!(reader.version().unwrap(), before);
    // With nothing passed nothing is remembered.
    books.enact(&Changes { kept: vec![kept(8, &[])], ..Changes::default() }).unwrap();
    assert_eq!(reader.watches().unwrap(), []);
    assert_eq!(reader.quota_entries(10).unwrap(), [entry("block")]);
}

#[test]
fn a_deed_is_due_until_it_ended() {
    let (_folder, mut books) = open();
    let deed =
        Deed { subject: subject(Some("10.0.0.1")), kind: "webhook".into(), next_ms: 10, ..Deed::default() };
    books.enact(&Changes { deeds: vec![deed.clone(), deed], ..Changes::default() }).unwrap();
    assert_eq!(books.deeds_due(9, 10).unwrap(), []);
    let [mut first, second] = <[Deed; 2]>::try_from(books.deeds_due(10, 10).unwrap()).unwrap();
    assert_eq!((first.id, second.id, first.subject.host.as_deref()), (1, 2, Some("10.0.0.1")));
    first.state = DeedState::Begun;
    first.next_ms = 99;
    books.mark_deed(&first).unwrap();
    // What was begun is found whenever it was to be.
    assert_eq!(books.deeds_due(9, 10).unwrap(), std::slice::from_ref(&first));
    first.state = DeedState::Done;
    first.ended_ms = Some(11);
    books.mark_deed(&first).unwrap();
    assert_eq!(books.deeds_due(10, 10).unwrap(), std::slice::from_ref(&second));
    assert_eq!(books.deeds_newest(10).unwrap(), [second, first]);
}

#[test]
fn a_block_goes_its_way_and_none_other() {
    let (_folder, mut books) = open();
    let blocks = vec![block(None, "10.0.0.0/24"), block(Some("10.0.0.1"), "10.0.0.1/32")];
    books.enact(&Changes { blocks, ..Changes::default() }).unwrap();
    let mut first = books.blocks().unwrap().remove(0);
    assert_eq!((first.state, first.is_ours), (BlockState::Wanted, None));
    first.is_ours = Some(true);
    assert!(books.mark_block(BlockState::Wanted, &first).unwrap());
    // Taken back while it is being put there: the mark of who put it there comes too late.
    let release = Release { id: first.id, why: "undone".into() };
    books.enact(&Changes { releases: vec![release], ..Changes::default() }).unwrap();
    first.state = BlockState::Held;
    assert!(!books.mark_block(BlockState::Wanted, &first).unwrap());
    let found = books.blocks().unwrap().remove(0);
    assert_eq!((found.state, found.is_ours, found.why.as_str()), (BlockState::Leaving, Some(true), "undone"));
    // Wanted again before it was gone: still ours, one row.
    books.enact(&Changes { blocks: vec![block(None, "10.0.0.0/24")], ..Changes::default() }).unwrap();
    assert!(!books.drop_block(first.id).unwrap());
    let found = books.blocks().unwrap();
    assert_eq!((found.len(), found[0].state, found[0].is_ours), (2, BlockState::Wanted, Some(true)));
    let release = Release { id: first.id, why: "undone".into() };
    books.enact(&Changes { releases: vec![release], ..Changes::default() }).unwrap();
    assert!(books.drop_block(first.id).unwrap());
    assert_eq!(books.blocks().unwrap().len(), 1);
}

#[test]
fn who_was_refused_has_nothing_to_be_taken_back() {
    let (_folder, mut books) = open();
    let refused = Block { state: BlockState::Refused, ..block(None, "10.0.0.0/24") };
    books.enact(&Changes { blocks: vec![refused], ..Changes::default() }).unwrap();
    let id = books.blocks().unwrap()[0].id;
    let releases = vec![Release { id, why: "the cycle turned".into() }];
    books.enact(&Changes { releases, ..Changes::default() }).unwrap();
    assert_eq!(books.blocks().unwrap(), []);
}
