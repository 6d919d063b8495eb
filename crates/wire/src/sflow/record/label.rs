//! What an MPLS router knows of a packet.

use core::net::IpAddr;

use super::super::address;
use super::{Words, opaque};
use crate::error::Error;
use crate::reader::Reader;

/// Label stacks, before and behind the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mpls<'a> {
    /// The next router.
    pub next_hop: Option<IpAddr>,
    /// The stack it came with, top first.
    pub ingress: Labels<'a>,
    /// The stack it left with, top first.
    pub egress: Labels<'a>,
}

impl<'a> Mpls<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            next_hop: address(reader)?,
            ingress: Labels(Words::parse(reader)?),
            egress: Labels(Words::parse(reader)?),
        })
    }
}

/// A label stack, top first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels<'a>(Words<'a>);

/// An entry of a label stack (RFC 3032 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The label, 20 bits.
    pub label: u32,
    /// Traffic class, 3 bits.
    pub class: u8,
    /// Whether it is the last of the stack.
    pub is_bottom: bool,
    /// Time to live.
    pub ttl: u8,
}

impl<'a> Labels<'a> {
    /// The entries.
    pub fn entries(self) -> impl Iterator<Item = Label> + use<'a> {
        self.0.into_iter().map(|word| {
            let [_, _, class, ttl] = word.to_be_bytes();
            Label { label: word >> 12, class: (class >> 1) & 7, is_bottom: class & 1 == 1, ttl }
        })
    }
}

/// A tunnel or a virtual circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its number.
    pub id: u32,
    /// Class of service of its label.
    pub class: u32,
}

impl<'a> Named<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { name: opaque(reader)?, id: reader.u32()?, class: reader.u32()? })
    }
}

/// A forwarding class (`mplsFTNTable`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarding<'a> {
    /// Its description.
    pub description: &'a [u8],
    /// Which header fields decide.
    pub mask: u32,
}

impl<'a> Forwarding<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { description: opaque(reader)?, mask: reader.u32()? })
    }
}
