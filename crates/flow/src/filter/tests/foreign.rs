//! nfdump's and tcpdump's spellings mean what ours beside them do.

use super::super::Filter;
use super::names;

/// Theirs, and ours.
const SAME: &[(&str, &str)] = &[
    // nfdump
    ("inet6", "ipv6"),
    ("proto 6", "tcp"),
    ("PROTO TCP AND (SRC IP 1.2.3.4 OR DST PORT 53)", "tcp and (src host 1.2.3.4 or dst port 53)"),
    ("src ip 10.0.0.1", "src host 10.0.0.1"),
    ("ip in [10.0.0.1 10.0.0.0/24]", "host in [10.0.0.1, 10.0.0.0/24]"),
    ("src in [10.0.0.1]", "src host in [10.0.0.1]"),
    ("dst ip [10.0.0.1]", "dst host 10.0.0.1"),
    ("net 10.0.0.0 255.0.0.0", "net 10.0.0.0/8"),
    ("src net 10/8", "src net 10.0.0.0/8"),
    ("port > 1023", "port in [1024-65535]"),
    ("src port EQ 80", "src port 80"),
    ("bytes > 1k", "octets > 1000"),
    ("in bytes > 1k", "octets > 1000"),
    ("packets GE 1m", "packets >= 1000000"),
    ("in packets lt 5", "packets < 5"),
    ("icmp-type 8", "proto in [icmp, icmp6] and icmp_type 8"),
    ("icmp-code 1", "proto in [icmp, icmp6] and icmp_code 1"),
    ("in if 5 or out if 6", "ingress_if 5 or egress_if 6"),
    ("as in [64500 64501]", "as in [64500, 64501]"),
    ("src mask 24", "src_mask 24"),
    ("flags S and not flags A", "flags S and not flags A"),
    ("flags X", "flags SAFRPU"),
    ("router ip 192.0.2.1", "exporter 192.0.2.1"),
    ("next ip 10.0.0.1", "next_hop 10.0.0.1"),
    ("bgpnext ip 10.0.0.1", "bgp_next_hop 10.0.0.1"),
    ("mac 02:00:5e:00:00:01", "mac 02-00-5e-00-00-01"),
    ("in src mac 02:00:5e:00:00:01", "src mac 02:00:5e:00:00:01"),
    ("in dst mac 02:00:5e:00:00:01", "dst mac 02:00:5e:00:00:01"),
    ("mpls label1 100", "mpls_label 100"),
    ("tos 16", "tos 16"),
    ("flowdir ingress", "flow_direction ingress"),
    ("observation domain id 7", "domain 7"),
    ("asa event deny", "event flow_denied"),
    ("nat event add", "event nat_created"),
    ("src xip 10.0.0.1", "nat_src_addr 10.0.0.1"),
    ("xip 10.0.0.1", "nat host 10.0.0.1"),
    ("dst xnet 10.0.0.0/8", "nat_dst_addr 10.0.0.0/8"),
    ("nport 80", "nat port 80"),
    ("src or dst nport 80", "nat port 80"),
    ("src nport 80", "nat_src_port 80"),
    ("ingress vrf 5", "ingress_vrf 5"),
    ("any", ""),
    // tcpdump
    ("ip host 10.0.0.1", "ipv4 and host 10.0.0.1"),
    ("ip6 host ::1", "ipv6 and host ::1"),
    ("ip and tcp", "ipv4 and tcp"),
    ("ip6 and not tcp", "ipv6 and not tcp"),
    ("ip proto 17", "ipv4 and udp"),
    ("ip6 proto udp", "ipv6 and udp"),
    ("ip multicast", "dst_addr 224.0.0.0/4"),
    ("ip6 multicast", "dst_addr ff00::/8"),
    ("net 10", "net 10.0.0.0/8"),
    ("net 192.168", "net 192.168.0.0/16"),
    ("dst net 10.0.0.0 mask 255.0.0.0", "dst net 10.0.0.0/8"),
    ("tcp port 80", "tcp and port 80"),
    ("tcp src or dst port 80", "tcp and port 80"),
    ("udp dst portrange 1-1024", "udp and dst port in [1-1024]"),
    ("sctp port 80", "sctp and port 80"),
    ("src or dst net 10.0.0.0/8", "net 10.0.0.0/8"),
    ("src and dst net 10.0.0.0/8", "src net 10.0.0.0/8 and dst net 10.0.0.0/8"),
    ("tcp && !(port 80 || port 443)", "tcp and not port in [80, 443]"),
    (
        "tcp dst port ftp or ftp-data or https",
        "(tcp and dst port 21) or (tcp and dst port 20) or (tcp and dst port 443)",
    ),
    ("ether host 02:00:5e:00:00:01", "mac 02:00:5e:00:00:01"),
    ("ether src 02:00:5e:00:00:01", "src mac 02:00:5e:00:00:01"),
    ("ether src host 02:00:5e:00:00:01", "src mac 02:00:5e:00:00:01"),
    ("vlan 100", "vlan 100"),
    ("mpls 1024", "mpls_label 1024"),
    ("tcp[tcpflags] & tcp-syn != 0", "flags S"),
    ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "flags F or flags S"),
    ("tcp[13] & 2 != 0", "flags S"),
    ("tcp[tcpflags] & (tcp-rst|tcp-ack) == (tcp-rst|tcp-ack)", "flags RA"),
    ("tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "flags S/SA"),
    ("tcp[tcpflags] & (tcp-syn|tcp-ack) != tcp-syn", "tcp_flags <= 65535 and not flags S/SA"),
    ("tcp[tcpflags] & tcp-ack = 0", "flags 0/A"),
    ("tcp[tcpflags] == tcp-syn", "flags S/0xff"),
    ("icmp[icmptype] == icmp-echo", "proto icmp and icmp_type 8"),
    ("icmp[0] != 8 and icmp[1] = 0", "proto icmp and icmp_type != 8 and proto icmp and icmp_code 0"),
    ("icmp6[icmp6type] = icmp6-echo", "proto icmp6 and icmp_type 128"),
    // both, and ours
    ("octets/packets > 1000", "bpp > 1000"),
    ("bytes / packets > 1000", "bpp > 1000"),
    ("packets/duration > 10", "pps > 10"),
    ("service dns", "port 53"),
];

#[test]
fn spellings_mean_the_same() {
    for (theirs, ours) in SAME {
        let theirs_read =
            Filter::parse_with(theirs, &names()).unwrap_or_else(|m| panic!("{}", m.render(theirs)));
        let ours_read = Filter::parse_with(ours, &names()).unwrap_or_else(|m| panic!("{}", m.render(ours)));
        assert_eq!(theirs_read.to_string(), ours_read.to_string(), "{theirs}");
        assert_eq!(Filter::parse(&theirs_read.to_string()), Ok(theirs_read), "{theirs}");
    }
}
