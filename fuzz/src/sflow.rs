//! sFlow of versions 2, 4 and 5: an input is one datagram. Samples and records are followed to their ends, and what the writer
//! can say is written and read again.

use weir_wire::sflow::record::{Router, Switch};
use weir_wire::sflow::{Datagram, FlowHeader, FlowRecord, Header, RawHeader, Sample, Writer};
use weir_wire::{Error, Protocol, Reason, detect};

/// One datagram.
pub fn sflow(data: &[u8]) {
    let datagram = match Datagram::new_checked(data) {
        Ok(datagram) => datagram,
        Err(error) => return assert!(error.offset <= data.len()),
    };
    let expected = match datagram.version() {
        2 => Protocol::SflowV2,
        4 => Protocol::SflowV4,
        _ => Protocol::SflowV5,
    };
    assert_eq!(detect(data), Some(expected));
    // A sample has a format and a length at least: more items than fit would be a loop.
    let mut left = data.len() / 4 + 2;
    let mut samples = Vec::new();
    for sample in datagram.samples() {
        assert!(left > 0, "more samples than fit");
        left -= 1;
        match sample {
            Ok(Sample::Flow(sample)) => {
                let records: Vec<_> = sample.records().collect();
                assert!(records.len() <= data.len() / 4 + 2, "more records than fit");
                let good = records.into_iter().filter_map(|record| checked(data, record)).collect();
                samples.push((sample.header, good));
            }
            Ok(Sample::Counter(sample)) => {
                let errors = sample.records().filter_map(Result::err);
                errors.for_each(|error| assert!(error.offset <= data.len()));
            }
            Ok(Sample::Other { .. }) => {}
            Err(error) => assert!(error.offset <= data.len()),
        }
    }
    // What is written is version 5, in which an interface of the others may mean something else.
    if datagram.version() == 5 {
        emit_again(&datagram.header(), &samples);
    }
}

/// A flow sample with those of its records that can be written.
type Writable<'a> = (FlowHeader, Vec<Part<'a>>);

/// A record that can be written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part<'a> {
    Raw(RawHeader<'a>),
    Switch(Switch),
    Router(Router),
}

fn part(record: FlowRecord<'_>) -> Option<Part<'_>> {
    match record {
        FlowRecord::RawHeader(raw) => Some(Part::Raw(raw)),
        FlowRecord::Switch(switch) => Some(Part::Switch(switch)),
        FlowRecord::Router(router) => Some(Part::Router(router)),
        _ => None,
    }
}

fn checked<'a>(data: &'a [u8], record: Result<FlowRecord<'a>, Error>) -> Option<Part<'a>> {
    match record {
        Ok(record) => {
            if let FlowRecord::Gateway(gateway) = record {
                let numbers = gateway.path.numbers().count();
                assert!(numbers <= data.len() / 4 && gateway.communities.len() <= data.len() / 4);
                assert_eq!(gateway.dst_as, gateway.path.numbers().last());
            }
            if let FlowRecord::Mpls(mpls) = record {
                assert!(mpls.ingress.entries().chain(mpls.egress.entries()).count() <= data.len() / 4);
            }
            if let FlowRecord::RawHeader(raw) = record {
                assert!(raw.header.len() <= data.len());
                let packet = raw.dissect();
                assert!(packet.problem.is_none_or(|error| error.offset <= raw.header.len()));
                assert!(raw.ip_octets().is_none_or(|octets| octets <= raw.frame_length));
            }
            part(record)
        }
        Err(error) => {
            assert!(error.offset <= data.len());
            None
        }
    }
}

fn emit_again(header: &Header, samples: &[Writable<'_>]) {
    let mut out = vec![0; 100_000];
    let mut writer = Writer::new(&mut out, header).unwrap();
    let result = samples.iter().try_for_each(|(header, parts)| {
        writer.begin_flow(header)?;
        parts.iter().try_for_each(|part| match part {
            Part::Raw(raw) => writer.raw_header(raw),
            Part::Switch(switch) => writer.switch(switch),
            Part::Router(router) => writer.router(router),
        })
    });
    // What was read fits the form it was read from; only room may be wanting.
    match result {
        Ok(()) => {}
        Err(error) => return assert_eq!(error.reason, Reason::NoSpace),
    }
    let len = writer.finish().unwrap();
    let again = Datagram::new_checked(&out[..len]).unwrap();
    let count = u32::try_from(samples.len()).unwrap();
    assert_eq!(again.header(), Header { samples: count, ..*header });
    let mut seen = 0;
    for (sample, (header, parts)) in again.samples().zip(samples) {
        let Ok(Sample::Flow(sample)) = sample else { panic!("{sample:?}") };
        assert_eq!(sample.header, *header);
        let records: Vec<_> = sample.records().map(|record| part(record.unwrap()).unwrap()).collect();
        assert_eq!(records, *parts);
        seen += 1;
    }
    assert_eq!((seen, again.samples().count()), (samples.len(), samples.len()));
}
