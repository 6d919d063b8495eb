//! Messages with templates, written and read again: the input chooses the template's fields and the records' values.

use std::iter::Copied;
use std::slice::Iter;
use weir_wire::template::{Field, SetKind, VARIABLE, put_field};
use weir_wire::writer::Writer;
use weir_wire::{ipfix, netflow::v9};

macro_rules! emit {
    ($writer:ident, $fields:expr, $records:expr) => {
        $writer.template(300, $fields).unwrap();
        $writer.begin_data(300).unwrap();
        for (octets, _) in $records {
            $writer.record(octets).unwrap();
        }
    };
}
/// One message of each protocol: an octet of how many fields, two for each (element, length), then values.
pub fn builder(data: &[u8]) {
    let mut octets = data.iter().copied();
    let mut next = || octets.next().unwrap_or_default();
    let (count, records) = (1 + next() % 24, 1 + next() % 8);
    let mut fields = Vec::new();
    for _ in 0..count {
        let (element, length) = (next(), next());
        let length = if length >= 200 { VARIABLE } else { u16::from(length % 20) };
        let element = u16::from(element);
        // Every fourth is an enterprise's.
        let enterprise = if element % 4 == 3 { 25_461 } else { 0 };
        fields.push(Field { enterprise, ..Field::new(element, length) });
    }
    // A record of no octets cannot be.
    fields.push(Field::new(1, 4));
    let records: Vec<(Vec<u8>, Vec<Vec<u8>>)> = (0..records).map(|_| record(&fields, &mut octets)).collect();
    let header = ipfix::Header { export_s: 7, sequence: 8, domain: 9, length: 0 };
    let mut out = vec![0; 60_000];
    let mut writer = ipfix::Writer::new(&mut out, header).unwrap();
    emit!(writer, &fields, &records);
    let len = writer.finish().unwrap();
    let message = ipfix::Message::new_checked(&out[..len]).unwrap();
    assert_eq!(message.header(), ipfix::Header { length: u16::try_from(len).unwrap(), ..header });
    check(message.sets(), &fields, &records);
    let plain: Vec<Field> = fields.iter().map(|field| Field { enterprise: 0, ..*field }).collect();
    let header = v9::Header { uptime_ms: 6, export_s: 7, sequence: 8, source_id: 9, count: 0 };
    let mut writer = v9::Writer::new(&mut out, header).unwrap();
    emit!(writer, &plain, &records);
    let len = writer.finish().unwrap();
    let message = v9::Message::new_checked(&out[..len]).unwrap();
    let count = u16::try_from(records.len() + 1).unwrap();
    assert_eq!(message.header(), v9::Header { count, ..header });
    check(message.sets(), &plain, &records);
}

/// A record's octets, and its values.
fn record(fields: &[Field], octets: &mut Copied<Iter<'_, u8>>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut out = vec![0; 20_000];
    let mut writer = Writer::new(&mut out);
    let mut values = Vec::new();
    for field in fields {
        let len = match field.length {
            // Around 255 the length is written in another form.
            VARIABLE => match octets.next().unwrap_or_default() {
                long @ 250.. => 250 + usize::from(long % 8),
                short => usize::from(short % 32),
            },
            length => usize::from(length),
        };
        let value: Vec<u8> = (0..len).map(|_| octets.next().unwrap_or(0x55)).collect();
        put_field(&mut writer, field.length, &value).unwrap();
        values.push(value);
    }
    let len = writer.len();
    out.truncate(len);
    (out, values)
}

fn check(sets: weir_wire::template::Sets<'_>, fields: &[Field], records: &[(Vec<u8>, Vec<Vec<u8>>)]) {
    let sets: Vec<_> = sets.map(Result::unwrap).collect();
    let template = sets[0].templates().next().unwrap().unwrap();
    assert!(template.fields().eq(fields.iter().copied()));
    assert_eq!((sets.len(), template.id, sets[1].kind()), (2, 300, SetKind::Data(300)));
    let mut left = records.iter();
    for record in template.records(&sets[1]) {
        let record = record.unwrap();
        let (octets, values) = left.next().unwrap();
        assert_eq!(record.bytes, octets);
        assert!(record.values().zip(values).all(|((_, value), expected)| value == expected));
    }
    assert_eq!(left.count(), 0);
}
