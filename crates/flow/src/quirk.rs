//! What exporters do that no standard says, and what is made of it: one table, in one place.
//!
//! Nothing here is chosen by a vendor's name. What an exporter does is recognised by what it sends, so a firmware
//! that mends its ways is read right from that day on; the code that does it is named in the last column.
//! `docs/quirks.md` is written from this table, by a test.

/// One peculiarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirk {
    /// Who was seen doing it.
    pub who: &'static str,
    /// What they do.
    pub does: &'static str,
    /// What weir makes of it.
    pub we: &'static str,
    /// A recording that shows it: of `testdata/captures`, or of the public collections that the tests know.
    pub capture: &'static str,
    /// The file that does it.
    pub place: &'static str,
}

const fn quirk(
    who: &'static str,
    does: &'static str,
    we: &'static str,
    capture: &'static str,
    place: &'static str,
) -> Quirk {
    Quirk { who, does, we, capture, place }
}

/// All that are known.
pub const QUIRKS: &[Quirk] = &[
    quirk(
        "Cisco ASA (NSEL)",
        "The event that ends a connection carries the total of its life in the fields in which updates carried what \
         passed since the last.",
        "Of the total only what no update said is counted: max(0, total − updates), by connection and direction.",
        "nf9-cisco-asa-2.pcap",
        "crates/flow/src/session/firewall.rs",
    ),
    quirk(
        "YAF, Telegraf's example",
        "Only totals (85, 86), which a flow that lasts may repeat.",
        "The last total of each living flow is remembered; the next report counts the difference.",
        "ipfix-yaf-basic-with-applabel.pcap",
        "crates/flow/src/session/total.rs",
    ),
    quirk(
        "softflowd (IPFIX), Open vSwitch (v5)",
        "The sequence number of a message counts the records in it, too.",
        "Which of the two is counted is learned from two messages of different size; no change of size looks like a loss.",
        "softflowd-v10",
        "crates/flow/src/session/sequence.rs",
    ),
    quirk(
        "some v9 exporters",
        "The sequence number counts records, as v5's did, and not datagrams (RFC 3954 §5.1).",
        "Two steps of the size of the datagram before show it; what was taken for a loss until then is taken back.",
        "none at hand; made in the file's tests",
        "crates/flow/src/session/v9.rs",
    ),
    quirk(
        "calmh's test program",
        "Every message has sequence number 0.",
        "Equal datagrams count again until the number is seen to move; from then on a copy is a duplicate.",
        "ipfix-calmh-parser17.pcap",
        "crates/flow/src/session/sequence.rs",
    ),
    quirk(
        "softflowd (v1)",
        "29 records in a datagram, where Cisco's limit is 24.",
        "As many are read as there are octets, up to 30.",
        "nf1-bitkeks-softflowd.pcap",
        "crates/wire/src/netflow/v1.rs",
    ),
    quirk(
        "damaged v5",
        "The count of records cannot be true.",
        "The datagram is refused whole: nobody can say which of it is records.",
        "nf5-invalid-01.pcap",
        "crates/wire/src/netflow/v5.rs",
    ),
    quirk(
        "H3C, Huawei",
        "Fields of variable length (65535) in NetFlow v9, which has none.",
        "Read as in IPFIX (RFC 7011 §7).",
        "nf9-h3c-netstream-with-varstring.pcap",
        "crates/wire/src/template.rs",
    ),
    quirk(
        "Juniper and others",
        "Fields of no octets.",
        "Stepped over; a template whose records would have no octets at all is refused.",
        "nf9-template-with-0-length-fields.pcap",
        "crates/wire/src/template.rs",
    ),
    quirk(
        "Juniper SRX (v9)",
        "An options template without a scope.",
        "Read: what it says is of the whole source id.",
        "nf9-juniper-srx-options-template-with-0-scope-field-length.pcap",
        "crates/wire/src/template.rs",
    ),
    quirk(
        "Palo Alto, and others that send whole buffers",
        "Zeros behind the last set, up to the end of the datagram.",
        "A tail of zeros only is no set and no fault.",
        "nf9-palo-alto-1-flowset-in-large-zero-filled-packet.pcap",
        "crates/wire/src/set.rs",
    ),
    quirk(
        "Palo Alto (v9)",
        "Application and user as types 56701 and 56702, which have no enterprise in v9; text filled up with zeros.",
        "The columns `application` and `user`; text ends at its first zero.",
        "nf9-palo-alto-pan-os-with-app-id.pcap",
        "crates/flow/src/session/plan/element.rs",
    ),
    quirk(
        "nProbe (v9)",
        "Its own elements as types from 57472 on.",
        "Named as ntop's (enterprise 35632) elements less 57472.",
        "nf9-nprobe-dpi-l7.pcap",
        "crates/wire/src/element/mod.rs",
    ),
    quirk(
        "Cisco IOS, NBAR",
        "Applications by engine and selector (95); their names come in options, every few minutes.",
        "`application` is the name once it is known, `engine:selector` before.",
        "nf9-cisco-wlc-8500-release-8-2.pcap",
        "crates/flow/src/session/name.rs",
    ),
    quirk(
        "Cisco ASR 9000",
        "The sampling interval comes in options (template 257), at an interval of its own: often after the first data.",
        "Rows before it are marked, and scaled when it comes, wherever they are stored by then.",
        "nf9-cisco-asr9k-opttpl257.pcap",
        "crates/flow/src/session/late.rs",
    ),
    quirk(
        "nProbe, vFlow's recordings",
        "Data before its template.",
        "The set waits, on disk and across a restart, and is read when the template comes, as of the time it arrived.",
        "nf9-graylog-nprobe-4.pcap",
        "crates/flow/src/session/hold.rs",
    ),
    quirk(
        "Open vSwitch (IPFIX)",
        "Every packet twice, entering and leaving (flowDirection 0 and 1); sampled counters scaled by itself, without \
         a word.",
        "`count = \"ingress\"` for the exporter counts once; what is scaled already is not scaled again, for no interval is said.",
        "ovs-v10",
        "crates/account/src/attribution.rs",
    ),
    quirk(
        "fprobe",
        "Its uptime goes back between datagrams without a restart.",
        "A minute back is not taken for a restart; a day before the wrap is not either.",
        "fprobe-v5",
        "crates/flow/src/session/mod.rs",
    ),
    quirk(
        "softflowd (IPFIX)",
        "Flow times by uptime (21, 22), and the start that they count from (160) only in options.",
        "The start is remembered; an uptime that wrapped is laid before the export.",
        "softflowd-v10",
        "crates/flow/src/session/clock.rs",
    ),
    quirk(
        "all of NetFlow",
        "Zero where nothing is known: AS 0, VLAN 0, next hop 0.0.0.0, a MAC of zeros.",
        "Unknown, not zero.",
        "nf5-juniper-mx80.pcap",
        "crates/flow/src/session/normal.rs",
    ),
    quirk(
        "most of NetFlow",
        "ICMP's type and code in the destination port, as type × 256 + code.",
        "The columns `icmp_type` and `icmp_code`; the record has no ports.",
        "nf5-dpkt.pcap",
        "crates/flow/src/session/normal.rs",
    ),
    quirk(
        "sFlow agents",
        "The length of the frame: with link headers, tags, padding and check sequence.",
        "Octets are the IP packet's, by its own header; of a packet that is too long for its header's field, the frame's \
         less what is not IP.",
        "sflow5-gopacket-records.pcap",
        "crates/flow/src/session/sflow.rs",
    ),
    quirk(
        "routers with a clock that was never set",
        "Flow times before 2000 or a day and more ahead.",
        "The time of export, or of arrival, instead; counted as a doubt about the clock.",
        "nf9-telegraf-example.pcap",
        "crates/flow/src/session/clock.rs",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_something_else() {
        for (i, quirk) in QUIRKS.iter().enumerate() {
            assert!(QUIRKS.iter().skip(i + 1).all(|other| other.does != quirk.does), "{}", quirk.does);
        }
    }
}
