//! Messages of random templates over the registries: what no capture has, tshark and weir must still read alike.
//!
//! Written octet by octet, not with weir's own writers. The seed is the only input.

use weir_wire::element::{Element, Type, table};

/// When the messages are sent, s since 1970.
const EXPORT_S: u32 = 1_767_225_600;
/// The exporter's uptime then, ms.
const UPTIME_MS: u32 = 500_000_000;
/// Octets of a message that is still added to.
const FULL: usize = 1200;

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone)]
struct Field {
    enterprise: u32,
    element: u16,
    /// `None` is variable.
    length: Option<usize>,
    kind: Type,
}

#[derive(Clone)]
struct Template {
    id: u16,
    /// How many fields are scope; 0 is no options template.
    scopes: usize,
    fields: Vec<Field>,
}

/// Elements that only one field of a record can be: tshark shows times of a flow once, whatever the record has.
const STARTS: [u16; 6] = [22, 150, 152, 154, 156, 158];
const ENDS: [u16; 6] = [21, 151, 153, 155, 157, 159];
/// Counters of a flow's life, whose difference counts: captures show those. Lists (RFC 6313) are for other tests. Into
/// sections of packets (and Cisco's HTTP statistics) tshark looks, and gives up where they are none.
const LEFT_OUT: [u16; 9] = [85, 86, 104, 291, 292, 293, 313, 315, 341];
/// Enterprises in the templates of IPFIX: some that both know, one that nobody knows.
const ENTERPRISES: [u32; 6] = [9, 29_305, 35_632, 25_461, 10_704, 4_000_000_000];

/// Messages of one exporter with several domains.
pub(crate) struct Exporter {
    dice: Dice,
    is_ipfix: bool,
    domains: Vec<(u32, u32, Vec<Template>)>,
}

impl Exporter {
    pub(crate) fn new(seed: u64, is_ipfix: bool) -> Self {
        let mut dice = Dice(seed | 1);
        for _ in 0..10 {
            dice.next();
        }
        let domains = [0, 7, u32::MAX].map(|domain| (domain, 0, Vec::new()));
        Self { dice, is_ipfix, domains: domains.into() }
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        let at = self.dice.below(self.domains.len());
        let (domain, sequence, mut templates) = self.domains[at].clone();
        let mut sets = Vec::new();
        let (mut flows, mut all) = (0u32, 0u16);
        while sets.len() < FULL && !(sets.len() > 60 && self.dice.one_in(8)) {
            if templates.is_empty() || self.dice.one_in(5) {
                let number = 1 + self.dice.below(2);
                let new: Vec<Template> =
                    (0..number).map(|i| self.template(256 + templates.len() + i)).collect();
                for template in new {
                    self.template_set(&template, &mut sets);
                    templates.push(template);
                    all += 1;
                }
            }
            let pick = self.dice.below(templates.len());
            let template = templates[pick].clone();
            let records = 1 + self.dice.below(4);
            self.data_set(&template, records, &mut sets);
            flows += u32::try_from(records).unwrap();
            all += u16::try_from(records).unwrap();
        }
        let step = if self.is_ipfix { flows } else { 1 };
        self.domains[at] = (domain, sequence.wrapping_add(step), templates);
        self.header(&sets, all, sequence, domain)
    }

    fn header(&self, sets: &[u8], count: u16, sequence: u32, domain: u32) -> Vec<u8> {
        let mut message = Vec::new();
        if self.is_ipfix {
            let len = u16::try_from(sets.len() + 16).unwrap();
            message.extend([0, 10]);
            message.extend(len.to_be_bytes());
        } else {
            message.extend([0, 9]);
            message.extend(count.to_be_bytes());
            message.extend(UPTIME_MS.to_be_bytes());
        }
        for word in [EXPORT_S, sequence, domain] {
            message.extend(word.to_be_bytes());
        }
        message.extend_from_slice(sets);
        message
    }

    fn template(&mut self, id: usize) -> Template {
        let mut fields: Vec<Field> = Vec::new();
        let (mut start, mut end) = (false, false);
        for _ in 0..3 + self.dice.below(16) {
            let field = self.field();
            let is_start = field.enterprise == 0 && STARTS.contains(&field.element);
            let is_end = field.enterprise == 0 && ENDS.contains(&field.element);
            // tshark looks for an end without a start before it at another place, maybe behind the message.
            if (is_start && start) || (is_end && (end || !start)) {
                continue;
            }
            start |= is_start;
            end |= is_end;
            fields.push(field);
        }
        let scopes = if self.dice.one_in(6) { 1 } else { 0 };
        Template { id: u16::try_from(id).unwrap(), scopes, fields }
    }

    fn field(&mut self) -> Field {
        loop {
            let is_enterprise = self.is_ipfix && self.dice.one_in(6);
            let enterprise = if is_enterprise { ENTERPRISES[self.dice.below(6)] } else { 0 };
            let element = match table(enterprise) {
                [] => Element { id: 1 + u16::try_from(self.dice.below(2000)).unwrap(), ..table(0)[0] },
                // Half of them from those that have columns.
                table if self.dice.one_in(2) => table[self.dice.below(table.len().min(100))],
                table => table[self.dice.below(table.len())],
            };
            let id = element.id;
            if (enterprise % 29_305 == 0 && LEFT_OUT.contains(&id)) || id > 32_767 {
                continue;
            }
            let kind = element.data_type;
            let length = match (kind, enterprise, id) {
                (
                    Type::BasicList | Type::SubTemplateList | Type::SubTemplateMultiList | Type::Unsigned256,
                    ..,
                ) => continue,
                (_, 9, 9357 | 12_235) => continue,
                (_, 0 | 29_305, 139) => Some(2),
                (_, 0 | 29_305, 70..=79) => Some(3),
                (_, 0 | 29_305, 89) => Some(1),
                (_, 0 | 29_305, 21 | 22 | 158 | 159) => Some(4),
                (_, 0 | 29_305, 95) => Some(2 + self.dice.below(7)),
                (Type::String | Type::OctetArray, ..) if self.is_ipfix && self.dice.one_in(2) => None,
                (Type::String | Type::OctetArray, ..) => Some(1 + self.dice.below(24)),
                (kind, ..) => Some(self.reduced(kind)),
            };
            return Field { enterprise, element: id, length, kind };
        }
    }

    /// A length that the type can have: integers may be shorter (RFC 7011 §6.2).
    fn reduced(&mut self, kind: Type) -> usize {
        let full = size(kind);
        let may = !matches!(
            kind,
            Type::MacAddress | Type::Ipv4Address | Type::Ipv6Address | Type::Boolean | Type::Float32
        ) && !matches!(kind, Type::Float64)
            && !is_time(kind);
        if may && self.dice.one_in(3) { 1 + self.dice.below(full) } else { full }
    }

    fn template_set(&mut self, template: &Template, sets: &mut Vec<u8>) {
        let is_options = template.scopes > 0;
        let mut body = template.id.to_be_bytes().to_vec();
        let push = |body: &mut Vec<u8>, n: usize| body.extend(u16::try_from(n).unwrap().to_be_bytes());
        match (self.is_ipfix, is_options) {
            (true, true) => {
                push(&mut body, template.fields.len());
                push(&mut body, template.scopes);
            }
            (false, true) => {
                push(&mut body, 4 * template.scopes);
                push(&mut body, 4 * (template.fields.len() - template.scopes));
            }
            _ => push(&mut body, template.fields.len()),
        }
        for field in &template.fields {
            let bit = if field.enterprise > 0 { 0x8000 } else { 0 };
            body.extend((field.element | bit).to_be_bytes());
            push(&mut body, field.length.unwrap_or(0xffff));
            if field.enterprise > 0 {
                body.extend(field.enterprise.to_be_bytes());
            }
        }
        let id = u16::from(is_options) + if self.is_ipfix { 2 } else { 0 };
        set(id, body, sets);
    }

    fn data_set(&mut self, template: &Template, records: usize, sets: &mut Vec<u8>) {
        let mut body = Vec::new();
        // tshark does not count the octet that says a length.
        let shortest: usize = template.fields.iter().map(|field| field.length.unwrap_or(0)).sum();
        for _ in 0..records {
            for field in &template.fields {
                let value = self.value(field);
                match (field.length, value.len()) {
                    (Some(_), _) => {}
                    (None, short @ 0..255) if !self.dice.one_in(9) => body.push(u8::try_from(short).unwrap()),
                    (None, long) => {
                        body.push(255);
                        body.extend(u16::try_from(long).unwrap().to_be_bytes());
                    }
                }
                body.extend(value);
            }
        }
        if shortest < 4 {
            // Padding could be read as a record (RFC 7011 §3.3.1).
            sets.extend(template.id.to_be_bytes());
            sets.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
            sets.extend(body);
            return;
        }
        set(template.id, body, sets);
    }

    fn value(&mut self, field: &Field) -> Vec<u8> {
        let length = field
            .length
            .unwrap_or_else(|| 1 + self.dice.below(40) * if self.dice.one_in(9) { 10 } else { 1 });
        let is_plain = field.enterprise == 0 || field.enterprise == 29_305;
        if is_time(field.kind) || is_plain && matches!(field.element, 21 | 22) {
            return self.time(field);
        }
        match field.kind {
            Type::String => {
                let words = "abcdefghij klm-_.éß漢";
                let chars: Vec<char> = words.chars().collect();
                let mut text = String::new();
                while text.len() + 3 < length {
                    text.push(chars[self.dice.below(chars.len())]);
                }
                let mut octets = text.into_bytes();
                octets.resize(length, if field.length.is_some() { 0 } else { b'x' });
                octets
            }
            Type::Boolean => vec![1 + u8::try_from(self.dice.below(2)).unwrap()],
            _ if is_plain && field.element == 4 => vec![[1, 6, 6, 17, 17, 47, 58, 132][self.dice.below(8)]],
            _ if self.dice.one_in(6) => vec![0; length],
            _ => (0..length).map(|_| u8::try_from(self.dice.below(256)).unwrap()).collect(),
        }
    }

    /// A time a while before the export.
    fn time(&mut self, field: &Field) -> Vec<u8> {
        let before = u64::try_from(self.dice.below(100_000)).unwrap();
        let is_end = ENDS.contains(&field.element);
        let ms = u64::from(EXPORT_S) * 1000 - before - if is_end { 0 } else { 100_000 };
        let words = |high: u64, low: u64| (high << 32 | low).to_be_bytes().to_vec();
        match field.kind {
            Type::DateTimeSeconds => u32::try_from(ms / 1000).unwrap().to_be_bytes().to_vec(),
            Type::DateTimeMilliseconds => ms.to_be_bytes().to_vec(),
            // Eighths of a second, which binary and decimal fractions both have.
            Type::DateTimeMicroseconds | Type::DateTimeNanoseconds => {
                words(ms / 1000 + 2_208_988_800, (ms % 8) << 29)
            }
            _ => {
                let age = u32::try_from(before).unwrap() + if is_end { 0 } else { 100_000 };
                let octets = (UPTIME_MS - age).to_be_bytes();
                octets[4 - field.length.unwrap()..].to_vec()
            }
        }
    }
}

/// A set with its header, padded to four octets.
fn set(id: u16, mut body: Vec<u8>, sets: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
    sets.extend(id.to_be_bytes());
    sets.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
    sets.extend(body);
}

fn is_time(kind: Type) -> bool {
    use Type as T;
    matches!(
        kind,
        T::DateTimeSeconds | T::DateTimeMilliseconds | T::DateTimeMicroseconds | T::DateTimeNanoseconds
    )
}

fn size(kind: Type) -> usize {
    use Type as T;
    match kind {
        T::Unsigned8 | T::Signed8 | T::Boolean => 1,
        T::Unsigned16 | T::Signed16 => 2,
        T::Unsigned32 | T::Signed32 | T::Float32 | T::DateTimeSeconds | T::Ipv4Address => 4,
        T::MacAddress => 6,
        T::Ipv6Address => 16,
        _ => 8,
    }
}
