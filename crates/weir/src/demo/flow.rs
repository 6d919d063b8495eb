//! A flow record as an exporter sees it, before any protocol has written it down.

use std::net::IpAddr;

/// Who measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meter {
    /// The router, NetFlow v9.
    Core,
    /// The firewall, IPFIX.
    Dmz,
    /// The old switch, NetFlow v5.
    Switch,
}

/// One end of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The address in the packets that were measured.
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The address and port in the packets that leave the box: others where it translates.
    pub(super) nat_address: IpAddr,
    pub(super) nat_port: u16,
    /// 0 inside.
    pub(super) as_number: u16,
    pub(super) mask: u8,
    /// 0 outside.
    pub(super) vlan: u8,
    /// The exporter's index of the interface on this side.
    pub(super) interface: u16,
    /// Whose host it really is: what the accounts must say in the end.
    pub(super) owner: Option<Owner>,
}

/// A tenant's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The place of the tenant among the tenants.
    pub(super) tenant: usize,
    /// The host's own address.
    pub(super) host: IpAddr,
}

/// A flow record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) meter: Meter,
    pub(super) src: End,
    pub(super) dst: End,
    pub(super) proto: u8,
    pub(super) tos: u8,
    pub(super) tcp_flags: u8,
    /// Whether it was metered where it leaves the box.
    pub(super) is_egress: bool,
    pub(super) octets: u32,
    pub(super) packets: u32,
    /// Its first packet, ms since 1970.
    pub(super) start_ms: i64,
    /// Its last packet, ms since 1970.
    pub(super) end_ms: i64,
    /// When it leaves the exporter's cache, a whole second, ms since 1970.
    pub(super) export_ms: i64,
}
