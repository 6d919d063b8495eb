//! What tshark says of sFlow: every flow sample, with the headers of the packet in it.

use super::expect::Row;
use super::pdml::{self, Node};
use weir_flow::schema::Column;

/// A flow sample.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    node: Node,
    /// Whether tshark went through all its records: of one it does not know it reads the content as records.
    pub(crate) is_whole: bool,
}

/// The flow samples of a packet, if it is sFlow.
pub(crate) fn samples(packet: &Node) -> Option<Vec<Sample>> {
    let sflow = packet.children.iter().find(|node| node.name == "sflow")?;
    let is_sample = |node: &&Node| {
        let is_flow = node.show.starts_with("Flow sample") || node.show.starts_with("Expanded flow sample");
        node.name.is_empty() && is_flow
    };
    let samples = sflow.children.iter().filter(is_sample).map(|node| {
        let records: Vec<&Node> = node.children.iter().filter(|child| child.name.is_empty()).collect();
        let unknown = records.iter().position(|record| record.show.starts_with("Unknown"));
        let is_whole = unknown.is_none_or(|at| at + 1 == records.len());
        Sample { node: node.clone(), is_whole }
    });
    Some(samples.collect())
}

impl Sample {
    /// The row that the sample must give.
    pub(crate) fn row(&self, received: i64) -> Row {
        let mut row = Row::default();
        let mut set = |column: Column, field: &str, value: Option<String>| {
            if value.is_some() {
                row.columns.insert(column, value);
                row.fields.insert(column, field.into());
            }
        };
        let interval = self.node.number("sflow.flow_sample.sampling_rate").filter(|n| *n > 0);
        set(Column::SamplingInterval, "sflow.flow_sample.sampling_rate", interval.map(|n| n.to_string()));
        for (column, name) in [(Column::IngressIf, "input_interface"), (Column::EgressIf, "output_interface")]
        {
            let name = format!("sflow.flow_sample.{name}");
            set(column, &name, interface(&self.node, &name));
        }
        set(Column::MeasuredPackets, "one packet", Some("1".into()));
        set(Column::Start, "start", Some(received.to_string()));
        set(Column::End, "end", Some(received.to_string()));
        set(Column::TimeSource, "start", Some("received".into()));
        for record in &self.node.children {
            match record.show.as_str() {
                "Raw packet header" => header(record, &mut set),
                "Ethernet frame data" => {
                    for (column, end) in [(Column::SrcMac, "source"), (Column::DstMac, "destination")] {
                        let name = format!("sflow_245.ethernet.{end}_mac_address");
                        set(column, &name, record.find(&name).map(|node| node.show.clone()));
                    }
                }
                "Extended switch data" => {
                    for (column, end) in [(Column::SrcVlan, "in"), (Column::DstVlan, "out")] {
                        let name = format!("sflow_245.vlan.{end}");
                        let vlan = record.number(&name).filter(|vlan| *vlan > 0 && *vlan < 4096);
                        set(column, &name, vlan.map(|vlan| vlan.to_string()));
                    }
                }
                "Extended router data" => {
                    let hop =
                        record.all().into_iter().find(|node| node.name.starts_with("sflow_245.nexthop"));
                    let hop = hop.map(|node| node.show.clone()).filter(|hop| hop != "0.0.0.0" && hop != "::");
                    set(Column::NextHop, "sflow_245.nexthop", hop);
                    for (column, end) in [(Column::SrcMask, "src"), (Column::DstMask, "dst")] {
                        let name = format!("sflow_245.nexthop.{end}_mask");
                        let mask = record.number(&name).filter(|mask| *mask <= 128);
                        set(column, &name, mask.map(|mask| mask.to_string()));
                    }
                }
                _ => {}
            }
        }
        // The gateway's words are weaker than the router's.
        for record in self.node.children.iter().filter(|record| record.show == "Extended gateway data") {
            gateway(record, &mut row);
        }
        row
    }
}

/// An interface: unknown, the device itself, discarded, several, or one.
fn interface(sample: &Node, name: &str) -> Option<String> {
    let node = sample.find(name).or_else(|| sample.find(&format!("{name}_value")))?;
    let raw = pdml::number(&node.show)?;
    let format = sample.number(&format!("{name}_format")).unwrap_or(raw >> 30);
    match (format, raw & 0x3fff_ffff) {
        (0, 0x3fff_ffff) | (1, _) => Some("0".into()),
        (0, 0) => None,
        (0, index) => Some(index.to_string()),
        _ => None,
    }
}

/// The headers of the sampled packet: of several that are in each other the outermost.
fn header(record: &Node, set: &mut dyn FnMut(Column, &str, Option<String>)) {
    let Some(protos) = record.find("sflow_245.header").map(|header| &header.children) else { return };
    let shown = |name: &str| {
        let node = protos.iter().flat_map(|proto| &proto.children).find(|node| node.name == name)?;
        Some(node.show.clone())
    };
    set(Column::SrcMac, "eth.src", shown("eth.src"));
    set(Column::DstMac, "eth.dst", shown("eth.dst"));
    set(Column::SrcVlan, "vlan.id", shown("vlan.id").filter(|vlan| vlan != "0"));
    let Some(at) = protos.iter().position(|proto| proto.name == "ip" || proto.name == "ipv6") else { return };
    let (ip, inside) = (&protos[at], protos.get(at + 1));
    let number = |name: &str| ip.number(name);
    if ip.name == "ip" {
        set(Column::SrcAddr, "ip.src", shown("ip.src"));
        set(Column::DstAddr, "ip.dst", shown("ip.dst"));
        set(Column::Proto, "ip.proto", number("ip.proto").map(|proto| proto.to_string()));
        set(Column::Tos, "ip.dsfield", number("ip.dsfield").map(|tos| tos.to_string()));
        set(Column::MeasuredOctets, "ip.len", number("ip.len").map(|octets| octets.to_string()));
    } else {
        set(Column::SrcAddr, "ipv6.src", shown("ipv6.src"));
        set(Column::DstAddr, "ipv6.dst", shown("ipv6.dst"));
        // Extension headers name the next one; the last names the protocol.
        let next = |node: &&Node| node.name.starts_with("ipv6.") && node.name.ends_with("nxt");
        let proto = ip.all().into_iter().rfind(next).map(|node| node.show.clone());
        set(Column::Proto, "ipv6.nxt", proto);
        set(Column::Tos, "ipv6.tclass", number("ipv6.tclass").map(|tos| tos.to_string()));
        set(Column::MeasuredOctets, "ipv6.plen", number("ipv6.plen").map(|octets| (octets + 40).to_string()));
    }
    let Some(transport) = inside else { return };
    let number = |name: String| {
        let node = transport.children.iter().find(|node| node.name == name)?;
        Some(pdml::number(&node.show)?.to_string())
    };
    for (column, field) in [
        (Column::SrcPort, "srcport"),
        (Column::DstPort, "dstport"),
        (Column::TcpFlags, "flags"),
        (Column::IcmpType, "type"),
        (Column::IcmpCode, "code"),
    ] {
        let is_ports = matches!(transport.name.as_str(), "tcp" | "udp" | "sctp" | "dccp" | "udplite");
        let is_icmp = matches!(transport.name.as_str(), "icmp" | "icmpv6");
        let wanted = if matches!(column, Column::IcmpType | Column::IcmpCode) { is_icmp } else { is_ports };
        if wanted {
            let name = format!("{}.{field}", transport.name);
            set(column, &name, number(name.clone()));
        }
    }
}

fn gateway(record: &Node, row: &mut Row) {
    let mut set = |column: Column, field: &str, value: Option<String>| {
        if value.is_some() {
            row.columns.entry(column).or_insert(value);
            row.fields.entry(column).or_insert(field.into());
        }
    };
    let hop = record.all().into_iter().find(|node| node.name.starts_with("sflow_245.nexthop"));
    let hop = hop.map(|node| node.show.clone()).filter(|hop| hop != "0.0.0.0" && hop != "::");
    set(Column::BgpNextHop, "sflow_245.nexthop", hop.clone());
    set(Column::NextHop, "sflow_245.nexthop", hop);
    let known = |name: &str| record.number(name).filter(|number| *number > 0);
    set(Column::SrcAs, "sflow_245.srcAS", known("sflow_245.srcAS").map(|number| number.to_string()));
    let path = record.all().into_iter().rfind(|node| node.name == "sflow_245.dstAS");
    let last = path.and_then(|node| pdml::number(&node.show)).filter(|number| *number > 0);
    set(Column::DstAs, "sflow_245.dstAS", last.map(|number| number.to_string()));
}
