//! What an access point knows of a radio frame ("sFlow 802.11 Structures").
//!
//! A BSSID is 6 octets and, being opaque data in XDR, 2 of padding. Agents are known that leave the padding out: a
//! record that is two octets too short for it is read without.

use super::{RawHeader, opaque};
use crate::error::Error;
use crate::reader::Reader;

/// What a frame holds, decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The cipher suite it had: vendor (3 octets) and number.
    pub cipher_suite: u32,
    /// Its first octets, from the LLC header on.
    pub header: RawHeader<'a>,
}

impl<'a> Payload<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { cipher_suite: reader.u32()?, header: RawHeader::parse(reader)? })
    }
}

/// How a frame was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// The network's name.
    pub ssid: &'a [u8],
    /// The cell's address.
    pub bssid: [u8; 6],
    /// 1 a, 2 b, 3 g, 4 n.
    pub version: u32,
    /// Channel.
    pub channel: u32,
    /// Bits per second.
    pub speed_bps: u64,
    /// Signal to noise ratio (`dot11FrameRprtRSNI`).
    pub rsni: u32,
    /// Channel power (`dot11FrameRprtLastRCPI`).
    pub rcpi: u32,
    /// Microseconds on the air.
    pub duration_us: u32,
}

impl<'a> Received<'a> {
    /// Octets behind the BSSID.
    const AFTER: usize = 28;

    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let ssid = opaque(reader)?;
        let bssid = bssid(reader, Self::AFTER)?;
        Ok(Self {
            ssid,
            bssid,
            version: reader.u32()?,
            channel: reader.u32()?,
            speed_bps: reader.u64()?,
            rsni: reader.u32()?,
            rcpi: reader.u32()?,
            duration_us: reader.u32()?,
        })
    }
}

/// How a frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmitted<'a> {
    /// The network's name.
    pub ssid: &'a [u8],
    /// The cell's address.
    pub bssid: [u8; 6],
    /// 1 a, 2 b, 3 g, 4 n.
    pub version: u32,
    /// How often it was sent; 0 is unknown.
    pub transmissions: u32,
    /// Microseconds on the air of the transmission that succeeded.
    pub duration_us: u32,
    /// Microseconds on the air of those that failed.
    pub failed_us: u32,
    /// Channel.
    pub channel: u32,
    /// Bits per second.
    pub speed_bps: u64,
    /// Milliwatts.
    pub power_mw: u32,
}

impl<'a> Transmitted<'a> {
    /// Octets behind the BSSID.
    const AFTER: usize = 32;

    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let ssid = opaque(reader)?;
        let bssid = bssid(reader, Self::AFTER)?;
        Ok(Self {
            ssid,
            bssid,
            version: reader.u32()?,
            transmissions: reader.u32()?,
            duration_us: reader.u32()?,
            failed_us: reader.u32()?,
            channel: reader.u32()?,
            speed_bps: reader.u64()?,
            power_mw: reader.u32()?,
        })
    }
}

/// A BSSID, and its padding if there is room for it before the octets that follow.
fn bssid(reader: &mut Reader<'_>, after: usize) -> Result<[u8; 6], Error> {
    let bssid = reader.array()?;
    if reader.len() >= after.saturating_add(2) {
        reader.skip(2)?;
    }
    Ok(bssid)
}
