//! Datagrams in the other direction: header, flow samples, counter samples, their records.

use core::net::IpAddr;
use core::num::NonZeroU32;

use super::counter;
use super::record::{Router, Switch, format};
use super::sample::{self, FlowHeader, Interface, Source};
use super::{Header, RawHeader, VERSION};
use crate::error::{Error, Reason};
use crate::writer;

/// Writes one datagram.
///
/// [`Writer::new`], then for every sample [`Writer::begin_flow`] or [`Writer::begin_counter`] and its records, then
/// [`Writer::finish`].
/// Lengths and counts are filled in.
#[derive(Debug)]
pub struct Writer<'a> {
    out: writer::Writer<'a>,
    /// Where the number of samples is.
    samples_at: usize,
    samples: u32,
    /// The sample being written: where its length is, where its number of records is, and that number.
    sample: Option<(usize, usize, u32)>,
}

impl<'a> Writer<'a> {
    /// Writes a header; its number of samples is counted, not taken.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn new(out: &'a mut [u8], header: &Header) -> Result<Self, Error> {
        let mut out = writer::Writer::new(out);
        out.u32(VERSION)?;
        address(&mut out, Some(header.agent))?;
        out.u32(header.sub_agent)?;
        out.u32(header.sequence)?;
        out.u32(header.uptime_ms)?;
        let samples_at = out.len();
        out.u32(0)?;
        Ok(Self { out, samples_at, samples: 0, sample: None })
    }

    /// Begins a flow sample, in the expanded form if the header says so.
    ///
    /// # Errors
    /// [`Reason::NoSpace`]; [`Reason::BadLength`] if an index does not fit into the compact form (24 bits of
    /// source, 30 bits of interface), or is one that means something else in version 5 (0, 2^30 − 1).
    pub fn begin_flow(&mut self, header: &FlowHeader) -> Result<(), Error> {
        self.end_sample()?;
        let kind = if header.expanded { sample::format::FLOW_EXPANDED } else { sample::format::FLOW };
        self.out.u32(kind)?;
        let length_at = self.out.len();
        self.out.u32(0)?;
        self.out.u32(header.sequence)?;
        self.packed((header.source.kind, header.source.index), 24, header.expanded)?;
        self.out.u32(header.sampling_interval.map_or(0, NonZeroU32::get))?;
        self.out.u32(header.pool)?;
        self.out.u32(header.drops)?;
        self.interface(header.ingress, header.expanded)?;
        self.interface(header.egress, header.expanded)?;
        self.sample = Some((length_at, self.out.len(), 0));
        self.samples = self.samples.saturating_add(1);
        self.out.u32(0)
    }

    /// Begins a counter sample, in the expanded form if asked to.
    ///
    /// # Errors
    /// [`Reason::NoSpace`]; [`Reason::BadLength`] if the source's index does not fit into the compact form.
    pub fn begin_counter(&mut self, sequence: u32, source: Source, expanded: bool) -> Result<(), Error> {
        self.end_sample()?;
        let kind = if expanded { sample::format::COUNTER_EXPANDED } else { sample::format::COUNTER };
        self.out.u32(kind)?;
        let length_at = self.out.len();
        self.out.u32(0)?;
        self.out.u32(sequence)?;
        self.packed((source.kind, source.index), 24, expanded)?;
        self.sample = Some((length_at, self.out.len(), 0));
        self.samples = self.samples.saturating_add(1);
        self.out.u32(0)
    }

    /// Adds the counters of an interface to the sample.
    ///
    /// # Errors
    /// [`Reason::NoSpace`], [`Reason::BadOrder`] outside a sample.
    pub fn interface_counters(&mut self, counters: &counter::Interface) -> Result<(), Error> {
        self.record(1, |out| counters.emit(out))
    }

    /// Adds a record of any format to the sample, its octets as they are (a multiple of four).
    ///
    /// # Errors
    /// [`Reason::NoSpace`], [`Reason::BadOrder`] outside a sample, [`Reason::BadLength`] for an enterprise of more
    /// than 20 bits or a format of more than 12.
    pub fn other(&mut self, enterprise: u32, format: u32, body: &[u8]) -> Result<(), Error> {
        if enterprise >> 20 != 0 || format >> 12 != 0 {
            return Err(self.out.error(Reason::BadLength));
        }
        self.record(enterprise << 12 | format, |out| out.bytes(body))
    }

    /// Adds the first octets of the frame to the sample.
    ///
    /// # Errors
    /// [`Reason::NoSpace`], [`Reason::BadOrder`] outside a sample, [`Reason::BadLength`] for more octets than
    /// 32 bits count.
    pub fn raw_header(&mut self, raw: &RawHeader<'_>) -> Result<(), Error> {
        let bad_length = self.out.error(Reason::BadLength);
        let len = u32::try_from(raw.header.len()).map_err(|_| bad_length)?;
        self.record(format::RAW_HEADER, |out| {
            out.u32(raw.protocol)?;
            out.u32(raw.frame_length)?;
            out.u32(raw.stripped)?;
            out.u32(len)?;
            out.bytes(raw.header)?;
            out.zeros(raw.header.len().wrapping_neg() % 4)
        })
    }

    /// Adds VLANs and priorities to the sample; what is not known is written as all ones.
    ///
    /// # Errors
    /// [`Reason::NoSpace`], [`Reason::BadOrder`] outside a sample.
    pub fn switch(&mut self, switch: &Switch) -> Result<(), Error> {
        self.record(format::SWITCH, |out| {
            out.u32(switch.src_vlan.map_or(u32::MAX, u32::from))?;
            out.u32(switch.src_priority.map_or(u32::MAX, u32::from))?;
            out.u32(switch.dst_vlan.map_or(u32::MAX, u32::from))?;
            out.u32(switch.dst_priority.map_or(u32::MAX, u32::from))
        })
    }

    /// Adds next hop and prefix lengths to the sample; a length that is not known is written as all ones.
    ///
    /// # Errors
    /// [`Reason::NoSpace`], [`Reason::BadOrder`] outside a sample.
    pub fn router(&mut self, router: &Router) -> Result<(), Error> {
        self.record(format::ROUTER, |out| {
            address(out, router.next_hop)?;
            out.u32(router.src_mask.map_or(u32::MAX, u32::from))?;
            out.u32(router.dst_mask.map_or(u32::MAX, u32::from))
        })
    }

    /// Ends the datagram and returns its octets.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn finish(mut self) -> Result<usize, Error> {
        self.end_sample()?;
        self.out.patch(self.samples_at, &self.samples.to_be_bytes())?;
        Ok(self.out.len())
    }

    /// Writes type, length and body of a record.
    fn record(
        &mut self,
        format: u32,
        body: impl FnOnce(&mut writer::Writer<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bad_order = self.out.error(Reason::BadOrder);
        let (_, _, records) = self.sample.as_mut().ok_or(bad_order)?;
        *records = records.saturating_add(1);
        self.out.u32(format)?;
        let length_at = self.out.len();
        self.out.u32(0)?;
        body(&mut self.out)?;
        self.patch_length(length_at)
    }

    /// Fills in the length and the number of records of the sample being written, if there is one.
    fn end_sample(&mut self) -> Result<(), Error> {
        if let Some((length_at, records_at, records)) = self.sample.take() {
            self.patch_length(length_at)?;
            self.out.patch(records_at, &records.to_be_bytes())?;
        }
        Ok(())
    }

    /// Fills in the length field at `at` with the octets written behind it.
    fn patch_length(&mut self, at: usize) -> Result<(), Error> {
        let bad_length = Error::new(Reason::BadLength, at);
        let len = self.out.len().saturating_sub(at).saturating_sub(4);
        self.out.patch(at, &u32::try_from(len).map_err(|_| bad_length)?.to_be_bytes())
    }

    fn interface(&mut self, interface: Interface, expanded: bool) -> Result<(), Error> {
        let (format, value) = interface.parts();
        // An index of versions 2 and 4 that version 5 has another meaning for.
        if Interface::from_parts(format, value) != interface {
            return Err(self.out.error(Reason::BadLength));
        }
        self.packed((format, value), 30, expanded)
    }

    /// Writes a pair of numbers as two words, or as one of which the second has the low `bits`.
    fn packed(&mut self, (high, low): (u32, u32), bits: u32, expanded: bool) -> Result<(), Error> {
        if expanded {
            self.out.u32(high)?;
            return self.out.u32(low);
        }
        let high_fits = high.checked_shl(bits).filter(|shifted| shifted >> bits == high);
        match high_fits {
            Some(shifted) if low >> bits == 0 => self.out.u32(shifted | low),
            _ => Err(self.out.error(Reason::BadLength)),
        }
    }
}

/// Writes an address with its type.
fn address(out: &mut writer::Writer<'_>, address: Option<IpAddr>) -> Result<(), Error> {
    match address {
        None => out.u32(0),
        Some(IpAddr::V4(address)) => {
            out.u32(1)?;
            out.bytes(&address.octets())
        }
        Some(IpAddr::V6(address)) => {
            out.u32(2)?;
            out.bytes(&address.octets())
        }
    }
}
