//! Messages of NetFlow v9 and IPFIX: templates before their data, in one message with them, or after them;
//! options that tell the sampling; templates given another layout.

use super::layout::Layout;
use super::{DATAGRAM_LEN_MAX, Moment};
use crate::chance::Dice;
use crate::message::{Content, Definition, Message, Number, Record, Said, SessionId, Set, What};
use crate::traffic::Flow;
use std::rc::Rc;
use weir_flow::names::Version;
use weir_wire::netflow::v9;
use weir_wire::template::{Field, Role};
use weir_wire::{Error, Protocol, ipfix};

/// The template of the options record that tells the interval of the domain, and of the one for samplers.
const OF_DOMAIN: u16 = 300;
const OF_SAMPLER: u16 = 301;
/// The first template of flows.
const OF_FLOWS: u16 = 256;
/// Octets that are left free at the end of a message.
const MARGIN: usize = 200;

/// What one domain has defined, and how it goes about telling it.
#[derive(Debug)]
pub(super) struct Templated {
    layouts: Vec<Layout>,
    /// Messages until templates are sent (again).
    announce_in: u32,
    /// So often are they.
    announce_every: u32,
    /// Whether a message with templates carries flows as well.
    together: bool,
    /// The interval that options tell, of the domain and of the samplers; 0 says nothing.
    of_domain: u32,
    of_sampler: u32,
}

impl Templated {
    /// A domain's templates, if the protocol has any.
    pub(super) fn of(protocol: Protocol, dice: &mut Dice) -> Option<Self> {
        matches!(protocol, Protocol::NetflowV9 | Protocol::Ipfix).then(|| Self {
            layouts: layouts(protocol, dice),
            announce_in: dice.between(0, 4),
            announce_every: dice.between(4, 20),
            together: dice.percent(50),
            of_domain: dice.pick([0, 1, 10, 64]),
            of_sampler: dice.pick([0, 2, 50]),
        })
    }

    /// The ids of the templates of flows and options.
    pub(super) fn ids(&self) -> Vec<u16> {
        self.layouts.iter().map(|layout| layout.id).chain([OF_DOMAIN, OF_SAMPLER]).collect()
    }

    /// It was restarted: with the next messages it tells its templates again, if `at_once` the very next.
    pub(super) fn forget_announcing(&mut self, at_once: bool, dice: &mut Dice) {
        self.announce_in = if at_once { 0 } else { dice.between(0, 4) };
    }

    /// Gives the templates other layouts, which the next message tells.
    pub(super) fn redefine(&mut self, protocol: Protocol, dice: &mut Dice) {
        self.layouts = layouts(protocol, dice);
        self.announce_in = 0;
        self.of_domain = dice.pick([0, 1, 20]);
    }

    /// Writes a message.
    pub(super) fn emit(
        &mut self,
        session: SessionId,
        number: Number,
        interval: u32,
        moment: &Moment<'_>,
        dice: &mut Dice,
    ) -> Result<Message, Error> {
        let announces = self.announce_in == 0;
        self.announce_in = if announces { self.announce_every } else { self.announce_in - 1 };
        let mut draft = Draft { sets: Vec::new(), records: 0 };
        let mut out = [0; DATAGRAM_LEN_MAX];
        let (sequence, export_s) = (number.value, moment.seconds());
        let is_v9 = session.protocol == Protocol::NetflowV9;
        macro_rules! message {
            ($writer:expr) => {{
                let mut writer = $writer;
                if announces {
                    self.announce(is_v9, &mut writer, &mut draft)?;
                }
                if !announces || self.together {
                    self.flows(is_v9, interval, moment, &mut writer, &mut draft, dice)?;
                }
                writer.finish()?
            }};
        }
        let (len, header_len, version) = if is_v9 {
            let uptime_ms = moment.uptime(moment.now_ms);
            let header = v9::Header { count: 0, uptime_ms, export_s, sequence, source_id: session.domain };
            (message!(v9::Writer::new(&mut out, header)?), v9::HEADER_LEN, Version::V9)
        } else {
            let header = ipfix::Header { length: 0, export_s, sequence, domain: session.domain };
            (message!(ipfix::Writer::new(&mut out, header)?), ipfix::HEADER_LEN, Version::Ipfix)
        };
        let units = if is_v9 { 1 } else { draft.records };
        Ok(Message {
            session,
            version,
            number: Some(Number { units, ..number }),
            export_ms: (!moment.is_unset).then_some(moment.now_ms),
            indivisible: header_len,
            sets: draft.sets,
            bytes: out.get(..len).unwrap_or_default().to_vec(),
        })
    }

    /// Writes the templates and what the options say.
    fn announce(&self, is_v9: bool, writer: &mut impl Parts, draft: &mut Draft) -> Result<(), Error> {
        let at = draft.begin(is_v9, writer.len());
        let mut definitions = Vec::new();
        for layout in &self.layouts {
            writer.template(layout.id, &layout.fields)?;
            definitions.push(Definition { id: layout.id, is_options: false, end: writer.len() });
        }
        draft.sets.push(Set { at, content: Content::Templates(definitions) });
        let at = draft.begin(is_v9, writer.len());
        let scope = if is_v9 {
            Field { element: v9::scope::SYSTEM, enterprise: 0, length: 4, role: Role::V9Scope }
        } else {
            Field { role: Role::Scope, ..Field::new(149, 4) }
        };
        let of_domain =
            if is_v9 { vec![Field::new(34, 4)] } else { vec![Field::new(305, 4), Field::new(306, 4)] };
        let mut definitions = Vec::new();
        for (id, fields) in [(OF_DOMAIN, of_domain), (OF_SAMPLER, vec![Field::new(48, 2), Field::new(50, 4)])]
        {
            writer.options_template(id, &[scope], &fields)?;
            definitions.push(Definition { id, is_options: true, end: writer.len() });
        }
        draft.sets.push(Set { at, content: Content::Templates(definitions) });
        self.announce_sampling(is_v9, writer, draft)
    }

    fn announce_sampling(
        &self,
        is_v9: bool,
        writer: &mut impl Parts,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let mut record = vec![0, 0, 0, 0];
        if is_v9 {
            record.extend(self.of_domain.to_be_bytes());
        } else {
            // One packet taken, the others left out; of nothing, nothing.
            record.extend(self.of_domain.min(1).to_be_bytes());
            record.extend(self.of_domain.saturating_sub(1).to_be_bytes());
        }
        let said = Said { sampler: None, interval: self.of_domain };
        draft.data(is_v9, OF_DOMAIN, writer, [(record, What::Sampling(said))])?;
        if self.of_sampler > 0 {
            let mut record = vec![0, 0, 0, 0, 0, 1];
            record.extend(self.of_sampler.to_be_bytes());
            let said = Said { sampler: Some(1), interval: self.of_sampler };
            draft.data(is_v9, OF_SAMPLER, writer, [(record, What::Sampling(said))])?;
        }
        Ok(())
    }

    /// Writes records of one or two templates.
    fn flows(
        &self,
        is_v9: bool,
        interval: u32,
        moment: &Moment<'_>,
        writer: &mut impl Parts,
        draft: &mut Draft,
        dice: &mut Dice,
    ) -> Result<(), Error> {
        let first: usize = dice.between(0, self.layouts.len() as u64 - 1);
        let second = if dice.percent(40) { Some((first + 1) % self.layouts.len()) } else { None };
        for at in [Some(first), second.filter(|second| *second != first)].into_iter().flatten() {
            let Some(layout) = self.layouts.get(at) else { continue };
            let mut records = Vec::new();
            for _ in 0..dice.between(1, 6) {
                let flow = Flow::new(moment.town, &layout.bounds(moment), dice);
                let what = What::Flow(Rc::new(layout.told(&flow, interval, moment)));
                records.push((layout.encode(&flow, interval, moment, dice), what));
            }
            draft.data(is_v9, layout.id, writer, records)?;
        }
        Ok(())
    }
}

/// One to three templates.
fn layouts(protocol: Protocol, dice: &mut Dice) -> Vec<Layout> {
    let count: u16 = dice.between(1, 3);
    (0..count).map(|at| Layout::new(OF_FLOWS + at, protocol, dice)).collect()
}

/// The meaning of a message being written.
struct Draft {
    sets: Vec<Set>,
    /// Data records, those of options among them.
    records: u32,
}

impl Draft {
    /// The octet at which the contents of a set begin that is begun now.
    fn begin(&self, is_v9: bool, len: usize) -> usize {
        // Sets of v9 end on a multiple of four; all of ours are longer than their padding.
        let start = if is_v9 { len.next_multiple_of(4) } else { len };
        start + 4
    }

    /// Writes a set of records; what does not fit is not sent.
    fn data(
        &mut self,
        is_v9: bool,
        id: u16,
        writer: &mut impl Parts,
        records: impl IntoIterator<Item = (Vec<u8>, What)>,
    ) -> Result<(), Error> {
        let at = self.begin(is_v9, writer.len());
        let mut written = Vec::new();
        writer.begin_data(id)?;
        for (record, what) in records {
            if writer.len() + record.len() + MARGIN > DATAGRAM_LEN_MAX {
                break;
            }
            writer.record(&record)?;
            written.push(Record { end: writer.len(), what });
            self.records += 1;
        }
        if !written.is_empty() {
            self.sets.push(Set { at, content: Content::Data(Some(id), written) });
        }
        Ok(())
    }
}

/// What the writers of both protocols can do.
trait Parts {
    fn len(&self) -> usize;
    fn template(&mut self, id: u16, fields: &[Field]) -> Result<(), Error>;
    fn options_template(&mut self, id: u16, scope: &[Field], fields: &[Field]) -> Result<(), Error>;
    fn begin_data(&mut self, id: u16) -> Result<(), Error>;
    fn record(&mut self, record: &[u8]) -> Result<(), Error>;
}

macro_rules! parts {
    ($writer:ty) => {
        impl Parts for $writer {
            fn len(&self) -> usize {
                self.len()
            }
            fn template(&mut self, id: u16, fields: &[Field]) -> Result<(), Error> {
                self.template(id, fields)
            }
            fn options_template(&mut self, id: u16, scope: &[Field], fields: &[Field]) -> Result<(), Error> {
                self.options_template(id, scope, fields)
            }
            fn begin_data(&mut self, id: u16) -> Result<(), Error> {
                self.begin_data(id)
            }
            fn record(&mut self, record: &[u8]) -> Result<(), Error> {
                self.record(record)
            }
        }
    };
}

parts!(v9::Writer<'_>);
parts!(ipfix::Writer<'_>);
