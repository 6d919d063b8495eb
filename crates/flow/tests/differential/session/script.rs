//! Exporters as a script plays them: templates defined, redefined and withdrawn, data before and after them, options,
//! duplicates, datagrams that overtake each other, cut ones and damaged ones.

use super::NOW;
use super::frame;
use std::collections::BTreeMap;

/// What templates are made of: enterprise, element, its usual length.
const ELEMENTS: &[(u32, u16, u16)] = &[
    (0, 8, 4),
    (0, 12, 4),
    (0, 27, 16),
    (0, 28, 16),
    (0, 7, 2),
    (0, 11, 2),
    (0, 4, 1),
    (0, 5, 1),
    (0, 6, 1),
    (0, 1, 4),
    (0, 2, 4),
    (0, 1, 8),
    (0, 2, 8),
    (0, 10, 2),
    (0, 14, 4),
    (0, 252, 4),
    (0, 253, 4),
    (0, 15, 4),
    (0, 62, 16),
    (0, 18, 4),
    (0, 63, 16),
    (0, 16, 4),
    (0, 17, 2),
    (0, 9, 1),
    (0, 13, 1),
    (0, 29, 1),
    (0, 30, 1),
    (0, 56, 6),
    (0, 80, 6),
    (0, 57, 6),
    (0, 81, 6),
    (0, 58, 2),
    (0, 59, 2),
    (0, 243, 2),
    (0, 254, 2),
    (0, 61, 1),
    (0, 32, 2),
    (0, 139, 2),
    (0, 176, 1),
    (0, 177, 1),
    (0, 178, 1),
    (0, 179, 1),
    (0, 180, 2),
    (0, 181, 2),
    (0, 182, 2),
    (0, 183, 2),
    (0, 234, 4),
    (0, 235, 4),
    (0, 70, 3),
    (0, 52, 1),
    (0, 53, 1),
    (0, 192, 1),
    (0, 89, 1),
    (0, 21, 4),
    (0, 22, 4),
    (0, 150, 4),
    (0, 151, 4),
    (0, 152, 8),
    (0, 153, 8),
    (0, 154, 8),
    (0, 155, 8),
    (0, 156, 8),
    (0, 157, 8),
    (0, 158, 4),
    (0, 159, 4),
    (0, 161, 4),
    (0, 160, 8),
    (0, 322, 4),
    (0, 323, 8),
    (0, 85, 8),
    (0, 86, 8),
    (0, 231, 8),
    (0, 232, 8),
    (0, 298, 8),
    (0, 299, 8),
    (0, 23, 4),
    (0, 24, 4),
    (0, 34, 4),
    (0, 50, 4),
    (0, 305, 4),
    (0, 306, 4),
    (0, 48, 1),
    (0, 302, 8),
    (0, 225, 4),
    (0, 226, 4),
    (0, 281, 16),
    (0, 282, 16),
    (0, 227, 2),
    (0, 228, 2),
    (0, 233, 1),
    (0, 230, 1),
    (0, 148, 8),
    (0, 136, 1),
    (0, 95, 4),
    (0, 96, 24),
    (0, 371, 16),
    (0, 210, 3),
    (0, 82, 16),
    (0, 83, 16),
    (0, 84, 16),
    (0, 130, 4),
    (0, 291, 8),
    (0, 292, 8),
    (0, 33_002, 4),
    (0, 40_000, 20),
    (0, 56_701, 16),
    (0, 57_591, 16),
    (9, 12_235, 4),
    (9, 8_000, 20),
    (25_461, 24_000, 16),
    (25_461, 56_701, 16),
    (35_632, 119, 16),
    (29_305, 1, 8),
    (29_305, 2, 8),
    (29_305, 6, 1),
    (29_305, 5, 1),
    (29_305, 85, 8),
    (29_305, 231, 4),
    (29_305, 7, 2),
    (0, 61_000, 7),
];

/// Enterprise, element, length.
type Field = (u32, u16, u16);

/// Templates by id: whether of options, and the fields.
type Defined = BTreeMap<u16, (bool, Vec<Field>)>;

/// Reads the script; zeros when it has ended.
struct Script<'a> {
    rest: &'a [u8],
    random: u64,
    sequence: u32,
    /// What was defined, by exporter, version and domain.
    templates: BTreeMap<(u8, u16, u8), Defined>,
    sent: Vec<(u8, Vec<u8>)>,
    /// A datagram that the next one overtakes.
    late: Option<(u8, Vec<u8>)>,
}

/// Plays a script.
pub(super) fn play(data: &[u8], feed: &mut dyn FnMut(u8, &[u8])) {
    let seed = data.iter().fold(0x9e37_79b9_7f4a_7c15, |hash: u64, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut script = Script {
        rest: data,
        random: seed | 1,
        sequence: 0,
        templates: BTreeMap::new(),
        sent: Vec::new(),
        late: None,
    };
    while !script.rest.is_empty() && script.sent.len() < 200 {
        let operation = script.next();
        if operation % 16 == 14 {
            let choice = usize::from(script.next());
            if let Some((exporter, datagram)) = script.sent.get(choice % script.sent.len().max(1)) {
                feed(*exporter, datagram);
            }
            continue;
        }
        let (exporter, mut datagram) = script.datagram(operation % 16);
        script.damage(&mut datagram);
        script.sent.push((exporter, datagram.clone()));
        if operation % 16 == 15 && script.late.is_none() {
            script.late = Some((exporter, datagram));
            continue;
        }
        feed(exporter, &datagram);
        if let Some((exporter, datagram)) = script.late.take() {
            feed(exporter, &datagram);
        }
    }
}

impl Script<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// A number below `end` that the script does not choose.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end.max(1)
    }

    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }

    fn octets(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.octet()).collect()
    }

    fn datagram(&mut self, operation: u8) -> (u8, Vec<u8>) {
        let choice = self.next();
        let (exporter, domain) = (choice & 1, choice >> 1 & 1);
        self.sequence =
            if choice >= 250 { 0 } else { self.sequence.wrapping_add(1 + u32::from(choice >> 7)) };
        let datagram = match operation {
            8 => self.fixed(5, 24, 48),
            9 => self.fixed(1, 16, 48),
            10 => self.fixed(6, 24, 52),
            11 => self.fixed(7, 24, 52),
            12 => self.aggregates(),
            13 => self.sflow(domain),
            even if even % 2 == 0 => self.message(9, exporter, domain),
            _ => self.message(10, exporter, domain),
        };
        (exporter, datagram)
    }

    /// Seconds since 1970 in a header: mostly now.
    fn export_s(&mut self) -> [u8; 4] {
        let now = u32::try_from(NOW / 1000).unwrap_or_default();
        if self.below(16) == 0 { [0, 0, 1, 0] } else { now.to_be_bytes() }
    }

    fn fixed(&mut self, version: u8, header_len: usize, record_len: usize) -> Vec<u8> {
        let count = self.next() % 4;
        let mut out = vec![0, version, 0, count];
        out.extend([0, 16, 0, 0]);
        out.extend(self.export_s());
        out.extend([0, 0, 0, 9]);
        if header_len > 16 {
            out.extend(self.sequence.to_be_bytes());
            out.extend([0, self.next() % 2, self.octet() & 0x3f, self.octet() & 3]);
        }
        for _ in 0..count {
            let at = out.len();
            out.extend(self.octets(record_len));
            self.tame(&mut out, at + 24, at + 38, version);
        }
        out
    }

    /// Makes times and the protocol of a fixed record likely.
    fn tame(&mut self, out: &mut [u8], times_at: usize, proto_at: usize, version: u8) {
        if version == 8 || self.below(4) == 0 {
            return;
        }
        out[times_at..times_at + 8].copy_from_slice(&[0, 15, 0, 0, 0, 15, 9, 9]);
        out[proto_at] = self.protocol();
        if self.below(3) == 0 {
            out[times_at - 16..times_at - 12].fill(0);
        }
    }

    fn protocol(&mut self) -> u8 {
        let choices = [6, 17, 1, 58, 47, 132, 0];
        choices[usize::try_from(self.below(7)).unwrap_or_default()]
    }

    fn aggregates(&mut self) -> Vec<u8> {
        let scheme = self.next() % 16;
        let lengths = [0, 28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40, 40];
        let count = 1 + self.next() % 3;
        let mut out = vec![0, 8, 0, count, 0, 16, 0, 0];
        out.extend(self.export_s());
        out.extend([0; 4]);
        out.extend(self.sequence.to_be_bytes());
        out.extend([0, 1, scheme, 2, 0, 0, 0, 0]);
        for _ in 0..count {
            let mut record = self.octets(lengths[usize::from(scheme)]);
            // No prefix.
            if self.below(2) == 0 && record.len() >= 30 {
                record[20..30].fill(0);
            }
            out.extend(record);
        }
        out
    }

    /// A message of version 9 or 10.
    fn message(&mut self, version: u16, exporter: u8, domain: u8) -> Vec<u8> {
        let mut sets = Vec::new();
        for _ in 0..=self.next() % 4 {
            self.set(version, (exporter, version, domain), &mut sets);
        }
        let mut out = version.to_be_bytes().to_vec();
        if version == 9 {
            out.extend([0, 1, 0, 16, 0, 0]);
            out.extend(self.export_s());
        } else {
            out.extend(u16::try_from(sets.len() + 16).unwrap_or(u16::MAX).to_be_bytes());
            out.extend(self.export_s());
        }
        out.extend(self.sequence.to_be_bytes());
        out.extend([0, 0, 0, domain]);
        out.extend(sets);
        out
    }

    fn set(&mut self, version: u16, whose: (u8, u16, u8), out: &mut Vec<u8>) {
        let kind = self.next() % 8;
        let first = if version == 9 { 0 } else { 2 };
        let (id, body) = match kind {
            0 | 1 => (first, self.template(whose, false)),
            2..=4 => self.data(whose),
            5 => (first + 1, self.template(whose, true)),
            6 => {
                let id = [256, 257, 2, 3, 258][usize::from(self.next() % 5)];
                if let Some(known) = self.templates.get_mut(&whose) {
                    known.remove(&id);
                }
                (first + u16::from(self.next() % 2), [id.to_be_bytes(), [0, 0]].concat())
            }
            _ => {
                let len = usize::from(self.next() % 40);
                (u16::from(self.next()), self.octets(len))
            }
        };
        out.extend(id.to_be_bytes());
        let length = u16::try_from(body.len() + 4).unwrap_or(u16::MAX);
        // Sometimes the length is wrong.
        let length = if self.below(64) == 0 { length.wrapping_add(3) } else { length };
        out.extend(length.to_be_bytes());
        out.extend(body);
    }

    fn template(&mut self, whose: (u8, u16, u8), is_options: bool) -> Vec<u8> {
        let id = 256 + u16::from(self.next() % 6);
        let count = 1 + self.next() % 12;
        let mut fields = Vec::new();
        for _ in 0..count {
            let choice = self.next();
            let (mut enterprise, mut element, mut length) = ELEMENTS[usize::from(choice) % ELEMENTS.len()];
            if whose.1 == 9 {
                enterprise = 0;
            } else if enterprise == 0 {
                element &= 0x7fff;
            }
            let how = if choice >= 128 { self.next() } else { 255 };
            match how {
                0..=40 => length = 0xffff,
                41..=80 => length = u16::from(how % 20),
                _ => {}
            }
            fields.push((enterprise, element, length));
        }
        let mut out = id.to_be_bytes().to_vec();
        if is_options && whose.1 == 9 {
            out.extend(4u16.to_be_bytes());
            out.extend((u16::from(count - 1) * 4).to_be_bytes());
            fields[0].1 = 1 + fields[0].1 % 5;
        } else {
            out.extend(u16::from(count).to_be_bytes());
            if is_options {
                out.extend([0, 1]);
            }
        }
        for (enterprise, element, length) in &fields {
            let bit = if *enterprise == 0 { 0 } else { 0x8000 };
            out.extend((element | bit).to_be_bytes());
            out.extend(length.to_be_bytes());
            if *enterprise != 0 {
                out.extend(enterprise.to_be_bytes());
            }
        }
        self.templates.entry(whose).or_default().insert(id, (is_options, fields));
        out
    }

    /// A data set: records of a template that was defined, or anything.
    fn data(&mut self, whose: (u8, u16, u8)) -> (u16, Vec<u8>) {
        let choice = self.next();
        let id = 256 + u16::from(choice % 6);
        let known = self.templates.get(&whose).and_then(|known| known.get(&id)).cloned();
        let Some((_, fields)) = known else {
            let len = usize::from(choice % 48);
            return (id, self.octets(len));
        };
        let mut out = Vec::new();
        for _ in 0..=choice / 64 {
            for (_, element, length) in &fields {
                let mut len = *length;
                if len == 0xffff {
                    len = [0, 1, 2, 4, 4, 8, 9, 16][usize::try_from(self.below(8)).unwrap_or_default()];
                    match self.below(8) {
                        0 => out.extend([255, 0, u8::try_from(len).unwrap_or_default()]),
                        _ => out.push(u8::try_from(len).unwrap_or_default()),
                    }
                }
                let value = self.value(*element, usize::from(len));
                out.extend(value);
            }
        }
        out.resize(out.len() + usize::from(choice % 4), 0);
        (id, out)
    }

    /// A value that an exporter could send.
    fn value(&mut self, element: u16, len: usize) -> Vec<u8> {
        let now = NOW - i64::try_from(self.below(100_000)).unwrap_or_default();
        let (now, now_s) =
            (u64::try_from(now).unwrap_or_default(), u64::try_from(now / 1000).unwrap_or_default());
        let number = match (element, self.below(8)) {
            (_, 0) => 0,
            (4, _) => u64::from(self.protocol()),
            (61, _) => self.below(3),
            (21 | 22, _) => 0x000f_0000 + self.below(65_536),
            (150 | 151 | 322, _) => now_s,
            (152 | 153 | 323 | 160, _) => now,
            (154..=157 | 324 | 325, _) => (now_s + 2_208_988_800) << 32 | self.below(1 << 32),
            (233 | 230 | 136, _) => self.below(20),
            (148, _) => self.below(4),
            (82 | 83 | 84 | 96 | 371 | 40_000 | 56_701 | 57_591 | 119, _) => {
                let mut text = b"name of \xc3\xa9t\xc3\xa9 \xff".repeat(1 + len / 16);
                text.truncate(len);
                let end = usize::try_from(self.below(24)).unwrap_or_default().min(len);
                text[end..].fill(0);
                return text;
            }
            (_, 1..=3) => self.below(1000),
            _ => return self.octets(len),
        };
        let number = number.to_be_bytes();
        let mut out = vec![0; len.saturating_sub(8)];
        out.extend(&number[8 - len.min(8)..]);
        out
    }

    fn sflow(&mut self, domain: u8) -> Vec<u8> {
        let count = 1 + self.next() % 3;
        let mut out = vec![0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 9, 0, 0, 0, domain];
        out.extend(self.sequence.to_be_bytes());
        out.extend([0, 16, 0, 0, 0, 0, 0, count]);
        for _ in 0..count {
            let (format, body) = self.sample();
            out.extend([0, 0, 0, format]);
            out.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes());
            out.extend(body);
        }
        out
    }

    fn sample(&mut self) -> (u8, Vec<u8>) {
        let choice = self.next();
        let is_expanded = choice & 1 == 1;
        let mut out = vec![0, 0, 0, 7, 0, 0, 0, 3];
        out.extend([0; 4].iter().take(if is_expanded { 4 } else { 0 }));
        out.extend([0, 0, 0, choice >> 6, 0, 0, 9, 9, 0, 0, 0, 0]);
        for _ in 0..2 {
            let index = [[0; 4], [0, 0, 0, 5], [0x3f, 0xff, 0xff, 0xff], [0x40, 0, 0, 1], [0x80, 0, 0, 2]]
                [usize::try_from(self.below(5)).unwrap_or_default()];
            if is_expanded {
                out.extend([0, 0, 0, index[0] >> 6]);
            }
            out.extend(index);
        }
        let records = self.next() % 4;
        out.extend([0, 0, 0, records]);
        for _ in 0..records {
            let (format, record) = self.record();
            out.extend(u32::from(format).to_be_bytes());
            // XDR pads; some agents do not count it.
            let padding = record.len().wrapping_neg() % 4;
            let counted = if self.below(8) == 0 { record.len() } else { record.len() + padding };
            out.extend(u32::try_from(counted).unwrap_or_default().to_be_bytes());
            out.extend(record);
            out.resize(out.len() + padding, 0);
        }
        (if is_expanded { 3 } else { 1 }, out)
    }

    /// The body of a flow record of sFlow.
    fn record(&mut self) -> (u16, Vec<u8>) {
        const FORMATS: [u16; 12] = [1, 1, 1, 1, 2, 3, 4, 1001, 1002, 1003, 1007, 1020];
        let format = FORMATS[usize::from(self.next() % 12)];
        let address = |family: u64, octets: Vec<u8>| match family {
            0 => vec![0; 4],
            1 => [&[0, 0, 0, 1], &octets[..4]].concat(),
            _ => [&[0, 0, 0, 2], &octets[..16]].concat(),
        };
        let word = |script: &mut Self, most: u64| {
            u32::try_from(script.below(most)).unwrap_or_default().to_be_bytes()
        };
        let body = match format {
            1 => {
                let kind = self.next();
                let (protocol, header) = frame::frame(kind, &mut |end| self.below(end));
                let len = u32::try_from(header.len()).unwrap_or_default();
                let frame_len = len + u32::from(self.octet());
                let words = [u32::from(protocol), frame_len, 0, len].map(u32::to_be_bytes).concat();
                [words, header].concat()
            }
            2 => [vec![0, 0, 0, 90], self.octets(20)].concat(),
            3 | 4 => {
                let mut body = [word(self, 1500), word(self, 300)].concat();
                body.extend(self.octets(if format == 3 { 8 } else { 32 }));
                for most in [70_000, 70_000, 70_000, 300] {
                    body.extend(word(self, most));
                }
                body
            }
            1001 => [word(self, 5000), word(self, 8), word(self, 5000), word(self, 8)].concat(),
            1002 => {
                let hop = address(self.below(3), self.octets(16));
                [hop, word(self, 140).to_vec(), word(self, 33).to_vec()].concat()
            }
            1003 => {
                let mut body = address(self.below(3), self.octets(16));
                body.extend([word(self, 3), word(self, 3), word(self, 3)].concat());
                let segments = self.below(3);
                body.extend(u32::try_from(segments).unwrap_or_default().to_be_bytes());
                for _ in 0..segments {
                    let numbers = self.below(3);
                    body.extend([0, 0, 0, 2]);
                    body.extend(u32::try_from(numbers).unwrap_or_default().to_be_bytes());
                    body.extend(self.octets(usize::try_from(numbers).unwrap_or_default() * 4));
                }
                body.extend([0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0, 100]);
                body
            }
            1007 => {
                let both = [self.below(3), self.below(3)];
                both.map(|family| address(family, self.octets(16))).concat()
            }
            _ => [word(self, 70_000), word(self, 70_000)].concat(),
        };
        (format, body)
    }

    /// Sometimes cuts a datagram, changes an octet, or adds some.
    fn damage(&mut self, datagram: &mut Vec<u8>) {
        let len = u64::try_from(datagram.len()).unwrap_or_default();
        let at = usize::try_from(self.below(len)).unwrap_or_default();
        match self.below(24) {
            0 => datagram.truncate(at),
            1 => datagram[at] = self.octet(),
            2 => datagram[at] ^= 1 << self.below(8),
            3 => datagram.resize(datagram.len() + at % 40, 0),
            4 => datagram.extend(self.octets(at % 9)),
            _ => {}
        }
    }
}
