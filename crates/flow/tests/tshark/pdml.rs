//! PDML, tshark's most exact output: every field with its place, its length and its octets, in the order of the packet.

/// A field, or a protocol, and what lies in it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Node {
    /// tshark's name of the field; empty where it is only a heading.
    pub(crate) name: String,
    /// The value as tshark reads it.
    pub(crate) show: String,
    /// The line that a person sees.
    pub(crate) label: String,
    /// Its octets.
    pub(crate) value: Vec<u8>,
    /// Where they lie in the frame.
    pub(crate) pos: usize,
    /// How many there are.
    pub(crate) size: usize,
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// This node and all below it, in order.
    pub(crate) fn all(&self) -> Vec<&Node> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.all());
        }
        all
    }

    /// The first field of this name, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Node> {
        self.all().into_iter().find(|node| node.name == name)
    }

    /// The number that the field of this name shows.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        number(&self.find(name)?.show)
    }
}

/// A number as tshark shows it: decimal or `0x…`.
pub(crate) fn number(show: &str) -> Option<u64> {
    match show.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => show.parse().ok(),
    }
}

/// The protocols of every packet, in the order of the capture.
pub(crate) fn packets(text: &str) -> Vec<Node> {
    let mut stack = vec![Node::default()];
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let tag_end = end_of_tag(&rest[start..]) + start;
        let tag = &rest[start + 1..tag_end];
        rest = &rest[tag_end + 1..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            let node = stack.pop().unwrap();
            stack.last_mut().expect("PDML closes what it opened").children.push(node);
            continue;
        }
        let node = node(tag.trim_end_matches('/'));
        if tag.ends_with('/') {
            stack.last_mut().unwrap().children.push(node);
        } else {
            stack.push(node);
        }
    }
    let pdml = stack.pop().unwrap().children.pop().expect("tshark wrote no PDML");
    pdml.children.into_iter().filter(|node| node.name == "packet").collect()
}

/// Where a tag ends, of which a quoted `>` is no end.
fn end_of_tag(tag: &str) -> usize {
    let mut quoted = false;
    tag.bytes()
        .position(|octet| {
            quoted ^= octet == b'"';
            octet == b'>' && !quoted
        })
        .expect("PDML is whole")
}

fn node(tag: &str) -> Node {
    let (kind, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut node = Node::default();
    let mut masked = Vec::new();
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').unwrap();
        match name.trim() {
            "name" => node.name = unescape(value),
            "show" => node.show = unescape(value),
            "showname" => node.label = unescape(value),
            "value" => masked = octets(value),
            "unmaskedvalue" => node.value = octets(value),
            "pos" => node.pos = value.parse().unwrap(),
            "size" => node.size = value.parse().unwrap(),
            _ => {}
        }
        rest = after;
    }
    if node.value.is_empty() {
        node.value = masked;
    }
    if node.name.is_empty() && matches!(kind, "packet" | "pdml") {
        node.name = kind.into();
    }
    node
}

/// Octets from digits; of a value with an odd number of them, which is one under a mask, none.
fn octets(digits: &str) -> Vec<u8> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Vec::new();
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The five names that XML has, and characters by number.
fn unescape(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out: String = parts.next().unwrap_or_default().into();
    for part in parts {
        let (name, rest) = part.split_once(';').unwrap_or(("", part));
        let number = name.strip_prefix("#x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (name, number.and_then(char::from_u32)) {
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            ("amp", _) => out.push('&'),
            (_, Some(c)) => out.push(c),
            _ => out.push('&'),
        }
        out.push_str(rest);
    }
    out
}
