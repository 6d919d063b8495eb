//! Plausible traffic from a seed: tenants' hosts talking with the outside, some of them much, most little.

use weir_flow::batch::{ALWAYS, Batch};
use weir_flow::names::{Direction, SamplingSource, TimeSource, Version};
use weir_flow::{Addr, Column};

/// Tenants, each with a /24 and a /64.
const TENANTS: u64 = 48;
/// Hosts of a tenant.
const HOSTS: u64 = 254;
/// Addresses outside, of both families.
const OUTSIDE: f64 = 1_200_000.0;
/// Records a second, which decides how long a span the records cover.
const RECORDS_A_SECOND: u64 = 2_000;

/// When the traffic begins: 2026-10-01T00:00:00Z.
pub(crate) const BEGIN_MS: i64 = 1_790_812_800_000;

/// Makes one record after the other.
pub(crate) struct Traffic {
    state: u64,
    made: u64,
    names: std::sync::Arc<[Box<str>]>,
}

impl Traffic {
    pub(crate) fn new(seed: u64) -> Self {
        let names = (0..TENANTS).map(|tenant| format!("tenant{tenant:02}").into_boxed_str()).collect();
        Self { state: seed, made: 0, names }
    }

    /// splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.random() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// A rank below `n`, rank k with a weight of about 1/k.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a power of n is below n + 1"
    )]
    fn rank(&mut self, n: f64) -> u64 {
        (n.powf(self.unit()) - 1.0) as u64
    }

    /// So many more records, in the order of their arrival.
    pub(crate) fn batch(&mut self, records: usize) -> Batch {
        let mut batch = Batch::new();
        batch.set_names(self.names.clone());
        for _ in 0..records {
            self.record(&mut batch);
        }
        batch.seal();
        batch
    }

    fn record(&mut self, batch: &mut Batch) {
        let arrived = BEGIN_MS + i64::try_from(self.made * 1000 / RECORDS_A_SECOND).unwrap_or(0);
        self.made += 1;
        let bits = self.random();
        let v6 = bits % 100 < 15;
        let host = self.rank(TENANTS as f64 * HOSTS as f64).wrapping_mul(7919) % (TENANTS * HOSTS);
        let tenant = host / HOSTS;
        let inside = inside(v6, host);
        let outside = outside(v6, self.rank(OUTSIDE));
        let incoming = bits >> 8 & 1 == 0;
        let (src, dst) = if incoming { (outside, inside) } else { (inside, outside) };
        let (proto, service) = [(6, 443), (6, 443), (6, 80), (17, 443), (17, 53), (6, 993), (6, 22), (1, 0)]
            [usize::try_from(bits >> 16 & 7).unwrap_or(0)];
        let client = 1024 + (bits >> 20) % 60_000;
        let (src_port, dst_port) = if incoming { (service, client) } else { (client, service) };
        let packets = 1 + self.rank(20_000.0);
        let octets = packets * (40 + (bits >> 36) % 1400);
        let lag = i64::try_from(1000 + (bits >> 40) % 14_000).unwrap_or(0);
        let duration = i64::try_from(self.rank(300_000.0)).unwrap_or(0);

        let numbered = [
            (Column::TimeSource, TimeSource::Flow.code().into()),
            (Column::Domain, 1),
            (Column::ProtocolVersion, Version::V9.code().into()),
            (Column::SrcPort, src_port),
            (Column::DstPort, dst_port),
            (Column::Proto, proto),
            (Column::TcpFlags, if proto == 6 { 0x1b } else { 0 }),
            (Column::Tos, 0),
            (Column::IngressIf, if incoming { 1 } else { 101 + tenant }),
            (Column::EgressIf, if incoming { 101 + tenant } else { 1 }),
            (Column::SrcAs, if incoming { outside_as(src) } else { 64_600 }),
            (Column::DstAs, if incoming { 64_600 } else { outside_as(dst) }),
            (Column::Octets, octets),
            (Column::Packets, packets),
            (Column::MeasuredOctets, octets),
            (Column::MeasuredPackets, packets),
            (Column::SamplingInterval, 1),
            (Column::SamplingSource, SamplingSource::Default.code().into()),
            (Column::Tenant, tenant),
            (Column::Direction, if incoming { Direction::In } else { Direction::Out }.code().into()),
        ];
        let addresses = [
            (Column::Exporter, Addr::v4([192, 0, 2, 1])),
            (Column::SrcAddr, src),
            (Column::DstAddr, dst),
            (Column::Host, inside),
        ];
        let times = [
            (Column::Start, arrived - lag - duration),
            (Column::End, arrived - lag),
            (Column::Received, arrived),
        ];
        let mask = numbered
            .iter()
            .map(|n| n.0)
            .chain(addresses.iter().map(|a| a.0))
            .fold(ALWAYS, |m, c| m | c.bit());
        batch.extend_rows(1, mask);
        for (column, value) in numbered {
            push(batch, column, value);
        }
        for (column, addr) in addresses {
            batch.addrs_mut(column).push(addr);
        }
        for (column, ms) in times {
            batch.times_mut(column).push(ms);
        }
    }
}

/// A number into a column of whatever width.
#[expect(clippy::cast_possible_truncation, reason = "made above to fit")]
fn push(batch: &mut Batch, column: Column, value: u64) {
    use weir_flow::Values;
    match batch.values_mut(column) {
        Values::U8(v) => v.push(value as u8),
        Values::U16(v) => v.push(value as u16),
        Values::U32(v) => v.push(value as u32),
        Values::U64(v) => v.push(value),
        Values::Time(_) | Values::Addr(_) | Values::Bytes(_) => {}
    }
}

/// A host of a tenant: 192.168.T.H, or 2001:db8:1TT::H.
fn inside(v6: bool, host: u64) -> Addr {
    let (tenant, host) = (host / HOSTS, host % HOSTS + 1);
    if v6 {
        Addr::from_bits(0x2001_0db8_0100 << 80 | u128::from(tenant) << 80 | u128::from(host))
    } else {
        Addr::from_bits(0xffff_c0a8_0000 | u128::from(tenant) << 8 | u128::from(host))
    }
}

/// An address outside by its rank, spread over the whole space.
fn outside(v6: bool, rank: u64) -> Addr {
    let spread = rank.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    if v6 {
        Addr::from_bits(0x2400 << 112 | u128::from(spread) << 32 | u128::from(rank))
    } else {
        Addr::from_bits(0xffff_0000_0000 | u128::from((spread >> 32) % 0xC000_0000 + 0x0100_0000))
    }
}

/// Some system for an address outside.
fn outside_as(addr: Addr) -> u64 {
    let [.., a, b, _, _] = *addr.octets();
    1 + (u64::from(a) << 8 | u64::from(b)) % 60_000
}
