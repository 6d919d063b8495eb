//! Where weir differs from `../shared/captures/truth.tsv` on purpose. The tests of sessions and those of the
//! program share this list.

/// Where weir differs from the truth: file, counter, what is right, why.
pub(crate) const DIFFER: &[(&str, &str, i64, &str)] = &[
    ("nf5-invalid-01.pcap", "records", 0, COUNT),
    ("nf5-invalid-01.pcap", "measured_octets", 0, COUNT),
    ("nf5-invalid-01.pcap", "measured_packets", 0, COUNT),
    ("nf5-invalid-02.pcap", "records", 0, COUNT),
    ("nf5-invalid-02.pcap", "measured_octets", 0, COUNT),
    ("nf5-invalid-02.pcap", "measured_packets", 0, COUNT),
    ("nf9-cisco-asa.pcap", "measured_octets", 888, TOTAL),
    ("nf9-cisco-asa-2.pcap", "measured_octets", 65_603, DELETE),
    ("ipfix-yaf-basic-with-applabel.pcap", "measured_octets", 304 + 292, TOTAL),
    ("ipfix-yaf-basic-with-applabel.pcap", "measured_packets", 6 + 4, TOTAL),
    ("ipfix-telegraf-example.pcap", "measured_octets", 111_492 + 465_945, TOTAL),
    ("ipfix-telegraf-example.pcap", "measured_packets", 457 + 613, TOTAL),
    ("nf9-graylog-nprobe-4.pcap", "records", 15, HELD),
    ("nf9-graylog-nprobe-4.pcap", "measured_octets", 33_915, HELD),
    ("nf9-graylog-nprobe-4.pcap", "measured_packets", 74, HELD),
    ("ipfix-vflow-variable-length.pcap", "records", 4, HELD),
    ("ipfix-vflow-variable-length.pcap", "measured_octets", 2_038, HELD),
    ("ipfix-vflow-variable-length.pcap", "measured_packets", 22, HELD),
];
const COUNT: &str = "the header's count cannot be true: the datagram is refused whole, it must not be billed";
const TOTAL: &str = "the only counter of the record is a total (85, 86) and its reverse (RFC 5103)";
const DELETE: &str =
    "each connection's update comes again in the total of its end: the sum of the eight totals is right";
const HELD: &str = "data before its template waits for it; decoders that forget it see less";
