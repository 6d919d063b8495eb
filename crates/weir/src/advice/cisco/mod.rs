//! Cisco: IOS in both its ways, IOS-XE, IOS-XR, Nexus and ASA.

mod asa;
mod ios;
mod nexus;
mod xr;

use super::Device;

pub(super) const DEVICES: &[Device] =
    &[ios::FLEXIBLE, ios::CLASSIC, ios::XE, xr::DEVICE, nexus::N9000, nexus::N7000, asa::DEVICE];
