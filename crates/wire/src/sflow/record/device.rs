//! What a device or host knows besides routing: users, URLs, traps, sockets, and which side of a tunnel.

use super::{narrow, opaque};
use crate::error::Error;
use crate::reader::Reader;

/// Which side of the device a tunnel's record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The header was put on before the packet left.
    Egress,
    /// The header was on the packet when it came.
    Ingress,
}

impl Side {
    /// Formats of tunnels are in pairs, of which the odd one is the egress.
    pub(super) const fn of(format: u32) -> Self {
        if format % 2 == 1 { Self::Egress } else { Self::Ingress }
    }
}

/// Who is behind the addresses, as an access server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The character set of `src` (RFC 2978, 106 is UTF-8); `None` where the agent does not say.
    pub src_charset: Option<u32>,
    /// The source's user.
    pub src: &'a [u8],
    /// The character set of `dst`.
    pub dst_charset: Option<u32>,
    /// The destination's user.
    pub dst: &'a [u8],
}

impl<'a> User<'a> {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let said = |charset| Some(charset).filter(|charset| *charset != 0);
        Ok(Self {
            src_charset: said(reader.u32()?),
            src: opaque(reader)?,
            dst_charset: said(reader.u32()?),
            dst: opaque(reader)?,
        })
    }

    /// The form of versions 2 and 4, without character sets.
    pub(in crate::sflow) fn parse_legacy(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { src_charset: None, src: opaque(reader)?, dst_charset: None, dst: opaque(reader)? })
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// Whose it is: 1 the source's, 2 the destination's.
    pub direction: u32,
    /// The URL.
    pub url: &'a [u8],
    /// The host of the request; versions 2 and 4 do not say.
    pub host: Option<&'a [u8]>,
}

impl<'a> Url<'a> {
    pub(in crate::sflow) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let url = Self::parse_legacy(reader)?;
        Ok(Self { host: Some(opaque(reader)?), ..url })
    }

    /// The form of versions 2 and 4, without a host.
    pub(in crate::sflow) fn parse_legacy(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { direction: reader.u32()?, url: opaque(reader)?, host: None })
    }
}

/// The trap that dropped a packet (Linux devlink).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap<'a> {
    /// Its group.
    pub group: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
}

impl<'a> Trap<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self { group: opaque(reader)?, name: opaque(reader)? })
    }
}

/// The socket that a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket<A> {
    /// Protocol.
    pub proto: Option<u8>,
    /// The host's own address.
    pub local: A,
    /// The address of the other end.
    pub remote: A,
    /// The host's own port.
    pub local_port: Option<u16>,
    /// The port of the other end.
    pub remote_port: Option<u16>,
}

impl<A> Socket<A> {
    pub(super) fn parse<const N: usize>(reader: &mut Reader<'_>) -> Result<Self, Error>
    where
        A: From<[u8; N]>,
    {
        Ok(Self {
            proto: narrow(reader.u32()?),
            local: A::from(reader.array::<N>()?),
            remote: A::from(reader.array::<N>()?),
            local_port: narrow(reader.u32()?),
            remote_port: narrow(reader.u32()?),
        })
    }
}
