//! The lists against what RFCs say, and the ways into them.

use super::*;
use std::string::ToString;

#[test]
fn iana_elements_are_those_of_the_rfcs() {
    use {Semantics as S, Type as T, Unit as U};
    for (id, name, data_type, semantics, unit) in [
        (1, "octetDeltaCount", T::Unsigned64, S::DeltaCounter, Some(U::Octets)),
        (2, "packetDeltaCount", T::Unsigned64, S::DeltaCounter, Some(U::Packets)),
        (4, "protocolIdentifier", T::Unsigned8, S::Identifier, None),
        (8, "sourceIPv4Address", T::Ipv4Address, S::Default, None),
        (27, "sourceIPv6Address", T::Ipv6Address, S::Default, None),
        (56, "sourceMacAddress", T::MacAddress, S::Default, None),
        (82, "interfaceName", T::String, S::Default, None),
        (85, "octetTotalCount", T::Unsigned64, S::TotalCounter, Some(U::Octets)),
        (152, "flowStartMilliseconds", T::DateTimeMilliseconds, S::Default, Some(U::Milliseconds)),
        (225, "postNATSourceIPv4Address", T::Ipv4Address, S::Default, None),
        (231, "initiatorOctets", T::Unsigned64, S::DeltaCounter, Some(U::Octets)),
        (291, "basicList", T::BasicList, S::List, None),
        (305, "samplingPacketInterval", T::Unsigned32, S::Quantity, Some(U::Packets)),
        (352, "layer2OctetDeltaCount", T::Unsigned64, S::DeltaCounter, Some(U::Octets)),
    ] {
        let enterprise = 0;
        let expected = Element { id, enterprise, name, data_type, semantics, unit, reverse: false };
        assert_eq!(lookup(0, id), Some(&expected));
        assert_eq!(by_name(name), Some(&expected));
    }
}

#[test]
fn constants_are_numbers_of_their_names() {
    assert_eq!(iana::OCTET_DELTA_COUNT, 1);
    assert_eq!(iana::SOURCE_IPV4_ADDRESS, 8);
    assert_eq!(iana::FLOW_LABEL_IPV6, 31);
    assert_eq!(iana::IPV6_EXTENSION_HEADERS, 64);
    assert_eq!(iana::WLAN_SSID, 147);
    assert_eq!(iana::POST_NAT_SOURCE_IPV4_ADDRESS, 225);
    assert_eq!(iana::POST_NAPT_SOURCE_TRANSPORT_PORT, 227);
    assert_eq!(iana::INGRESS_VRFID, 234);
    assert_eq!(iana::DOT1Q_VLAN_ID, 243);
    assert_eq!(iana::SAMPLING_PACKET_INTERVAL, 305);
    assert_eq!(iana::MESSAGE_MD5_CHECKSUM, 262);
    assert_eq!(cisco::FIREWALL_EXTENDED_EVENT, 234);
    assert_eq!(juniper::COMMON_PROPERTIES_ID, 137);
    assert_eq!(ntop::L7_PROTO_NAME, 119);
    assert_eq!(vmware::TENANT_SOURCE_IPV4, 881);
}

#[test]
fn lists_are_whole_and_sorted() {
    for enterprise in ENTERPRISES.into_iter().chain([enterprise::REVERSE]) {
        let table = table(enterprise);
        assert!(table.windows(2).all(|pair| pair[0].id < pair[1].id), "{enterprise}");
        for element in table {
            assert_eq!(element.enterprise, enterprise);
            assert_eq!(lookup(enterprise, element.id), Some(element));
            // The bit of an enterprise; Palo Alto has none in version 9.
            assert!(element.id < 0x8000 || enterprise == enterprise::PALOALTO, "{element}");
            assert!(!element.name.is_empty() && element.name.is_ascii());
        }
    }
    assert_eq!(table(0).len(), 502);
    assert_eq!(table(29305).len(), 502);
}

/// Facts of vendors' documents and of what was seen on the wire.
#[test]
fn vendors_elements() {
    use Type as T;
    for (enterprise, id, name, data_type) in [
        (637, 91, "aluInsideServiceId", T::Unsigned16),
        (2011, 1, "ingressGponGemPortId", T::Unsigned16),
        (3054, 110, "ixiaL7AppId", T::Unsigned32),
        (5951, 129, "transactionId", T::Unsigned32),
        (6871, 14, "initialTCPFlags", T::Unsigned16),
        (6871, 33, "silkAppLabel", T::Unsigned16),
        (10_704, 2, "LogOp", T::Unsigned8),
        (13_745, 100, "client_ip_v4", T::Ipv4Address),
        (15_397, 3, "proceraIncomingOctets", T::Unsigned64),
        (26_866, 1, "HttpReqUrl", T::String),
        (35_632, 118, "L7_PROTO", T::Unsigned16),
        (39_499, 1, "httpHost", T::String),
    ] {
        let found = lookup(enterprise, id).unwrap();
        assert_eq!((found.name, found.data_type), (name, data_type), "{enterprise}/{id}");
    }
}

#[test]
fn unknown_elements_are_none() {
    // Reserved, kept for NetFlow, unassigned, no such enterprise.
    for (enterprise, id) in [(0, 0), (0, 97), (0, 110), (0, 416), (0, 32_767), (9, 1), (12_345, 1)] {
        assert_eq!(lookup(enterprise, id), None);
    }
    for name in ["", "octetdeltacount", "reverse", "reverseoctetDeltaCount", "reverseNothing"] {
        assert_eq!(by_name(name), None, "{name}");
    }
}

#[test]
fn reverse_elements_are_those_of_iana() {
    let reverse = lookup(29305, 1).unwrap();
    assert!(reverse.reverse);
    assert_eq!((reverse.enterprise, reverse.name), (29305, "octetDeltaCount"));
    assert_eq!(reverse.to_string(), "reverseOctetDeltaCount");
    assert_eq!(by_name("reverseOctetDeltaCount"), Some(reverse));
    assert_eq!(lookup(0, 1).unwrap().to_string(), "octetDeltaCount");
    for (forward, reverse) in table(0).iter().zip(table(29305)) {
        assert_eq!(Element { enterprise: 0, reverse: false, ..*reverse }, *forward);
        assert_eq!(by_name(&reverse.to_string()), Some(reverse));
    }
}

#[test]
fn version_9_field_types() {
    assert_eq!(lookup_v9(1).unwrap().name, "octetDeltaCount");
    // Cisco ASA: extended firewall event, user name.
    assert_eq!(lookup_v9(33_002).unwrap().name, "firewallExtendedEvent");
    assert_eq!(lookup_v9(40_000).unwrap().name, "aaaUsername");
    // nProbe: layer 7 protocol.
    assert_eq!(lookup_v9(57_590).unwrap().name, "L7_PROTO");
    assert_eq!(lookup_v9(40_001).unwrap().name, "xlateSourceIPv4Address");
    assert_eq!(lookup_v9(56_701).unwrap().name, "panAppId");
    assert_eq!(lookup_v9(32_768), None);
    assert_eq!(lookup_v9(u16::MAX), None);
}

#[test]
fn sizes_of_types() {
    for data_type in Type::ALL {
        let digits: std::string::String = data_type.as_str().chars().filter(char::is_ascii_digit).collect();
        match (data_type.size(), digits.parse::<u16>()) {
            // The number in a name is bits, but for addresses.
            (Some(size), Ok(bits)) if bits >= 8 => assert_eq!(size * 8, bits, "{data_type:?}"),
            (None, Ok(_)) => panic!("{data_type:?}"),
            _ => {}
        }
    }
    assert_eq!(Type::Ipv6Address.size(), Some(16));
}
