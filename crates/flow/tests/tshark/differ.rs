//! Where weir and tshark (4.0) do not agree: every place, what decides, and who is right. A difference that is not
//! here fails the test, and so does a line here that no longer occurs. `docs/decoding.md` has this table.

/// One disagreement.
pub(crate) struct Line {
    /// The capture; `random` are those of random templates.
    pub(crate) capture: &'static str,
    /// tshark's name of the field, `rows` for the number of records, `malformed` where tshark gives up.
    pub(crate) field: &'static str,
    pub(crate) tshark: &'static str,
    pub(crate) weir: &'static str,
    /// The document that decides, or weir's own rule where none does.
    pub(crate) decides: &'static str,
    pub(crate) right: &'static str,
}

const fn line(
    capture: &'static str,
    field: &'static str,
    (tshark, weir): (&'static str, &'static str),
    decides: &'static str,
    right: &'static str,
) -> Line {
    Line { capture, field, tshark, weir, decides, right }
}

const BOOLEAN: (&str, &str) = ("shows 2 as true", "reads 2 as false");
const BOOLEAN_RFC: &str = "RFC 7011 §6.1.5: 1 is true, 2 is false";
const COUNT: (&str, &str) =
    ("stops after as many records as the header's count says", "reads all that the message holds");
const COUNT_RFC: &str = "RFC 3954 §5.1: the count includes all records of all sets; this exporter counts less. What \
                         a message holds follows from its octets";
const V5_COUNT: (&str, &str) = ("shows records of zeros where there are none", "refuses the datagram");
const V5_RULE: &str = "weir's rule (Invariant 5): a v5 count that its octets contradict cannot be billed";

pub(crate) const LINES: &[Line] = &[
    line(
        "ipfix-calmh-aliasing.pcap",
        "rows",
        (
            "decodes nothing of a message that lacks its last octet",
            "reads the records that are whole, and says `truncated`",
        ),
        "weir's rule (Invariant 6): what is wrong costs itself only",
        "weir",
    ),
    line(
        "ipfix-calmh-bad-encoding.pcap",
        "malformed",
        (
            "gives up in the last record, whose string ends behind the set",
            "keeps the records before it (`field_overrun`)",
        ),
        "RFC 7011 §3.3.1: a record lies in its set; §7: the length covers the field",
        "weir",
    ),
    line(
        "ipfix-vflow-vmware-multitemplate.pcap",
        "rows",
        (
            "gives up at padding behind an options template",
            "steps over it, and reads the two records that follow",
        ),
        "RFC 7011 §3.3.1: a set may be padded",
        "weir",
    ),
    line("nf5-invalid-01.pcap", "rows", V5_COUNT, V5_RULE, "weir"),
    line("nf5-invalid-02.pcap", "rows", V5_COUNT, V5_RULE, "weir"),
    line("nf9-graylog-dat.pcap", "rows", COUNT, COUNT_RFC, "weir"),
    line("nf9-graylog.pcap", "rows", COUNT, COUNT_RFC, "weir"),
    line(
        "nf9-h3c.pcap",
        "malformed",
        (
            "gives up at element 43 of 2 octets, an IPv4 address in the registry",
            "keeps the octets in `other`",
        ),
        "RFC 7011 §9.2: a field of an unexpected length costs itself; the template says where the next one is",
        "weir",
    ),
    line(
        "nf9-h3c-netstream-with-varstring.pcap",
        "malformed",
        ("the same", "the same"),
        "RFC 7011 §9.2",
        "weir",
    ),
    line(
        "sflow5-gopacket-records.pcap",
        "sflow_245.nexthop",
        (
            "reads a record that ends 4 octets behind its sample",
            "keeps the sample without that record (`bad_length`)",
        ),
        "sFlow version 5, §5: a sample's data is opaque and of the length that it says",
        "weir",
    ),
    line("random", "cflow.data_records_reliability", BOOLEAN, BOOLEAN_RFC, "weir"),
    line("random", "cflow.dot1q_customer_dei", BOOLEAN, BOOLEAN_RFC, "weir"),
    line("random", "cflow.dot1q_dei", BOOLEAN, BOOLEAN_RFC, "weir"),
    line("random", "cflow.hash_digest_output", BOOLEAN, BOOLEAN_RFC, "weir"),
    line(
        "random",
        "cflow.min_flow_start_milliseconds",
        ("reads the high 4 octets as the time", "milliseconds since 1970 in 8 octets"),
        "RFC 7011 §6.1.8",
        "weir",
    ),
    line(
        "random",
        "malformed",
        (
            "looks for the end of a flow at a wrong place, and gives up where that is behind the message",
            "reads on",
        ),
        "RFC 7011 §3.4.1: a field is where the template says",
        "weir",
    ),
];

/// Datagrams of random templates in which tshark may give up: one in so many.
pub(crate) const GIVEN_UP: usize = 50;
