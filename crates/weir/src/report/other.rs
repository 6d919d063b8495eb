//! Elements without a column of their own, by name: the value of `other`.

use serde_json::{Map, Value as Json, json};
use weir_flow::other::{Element, Elements};
use weir_wire::element::{Type, enterprise, lookup, lookup_v9};
use weir_wire::value;

/// The elements of a record as members of an object, by the registry's names; one that the registry does not know
/// is `enterprise.number`. What a record has several times is an array.
pub(crate) fn members(run: &[u8]) -> Json {
    let mut members = Map::new();
    for element in Elements::new(run) {
        let value = json(&element);
        match members.entry(name(&element)) {
            serde_json::map::Entry::Vacant(entry) => drop(entry.insert(value)),
            serde_json::map::Entry::Occupied(mut entry) => {
                let before = entry.get_mut().take();
                let mut all = match before {
                    Json::Array(all) => all,
                    one => vec![one],
                };
                all.push(value);
                entry.insert(Json::Array(all));
            }
        }
    }
    Json::Object(members)
}

fn known(element: &Element<'_>) -> Option<&'static weir_wire::element::Element> {
    let found = lookup(element.enterprise, element.number);
    // NetFlow v9 has no enterprises: vendors number their own from 32,768 on.
    found.or_else(|| (element.enterprise == enterprise::IANA).then(|| lookup_v9(element.number)).flatten())
}

fn name(element: &Element<'_>) -> String {
    known(element).map_or_else(|| format!("{}.{}", element.enterprise, element.number), ToString::to_string)
}

/// A value by its type: numbers are numbers, text is text, what is unknown or has a strange length is
/// hexadecimal.
fn json(element: &Element<'_>) -> Json {
    let octets = element.value;
    let known = match known(element).map(|e| e.data_type) {
        Some(
            Type::Unsigned8
            | Type::Unsigned16
            | Type::Unsigned32
            | Type::Unsigned64
            | Type::DateTimeSeconds
            | Type::DateTimeMilliseconds,
        ) => value::unsigned(octets).map(|n| json!(n)),
        Some(Type::Signed8 | Type::Signed16 | Type::Signed32 | Type::Signed64) => {
            value::signed(octets).map(|n| json!(n))
        }
        Some(Type::Boolean) => value::boolean(octets).map(|truth| json!(truth)),
        Some(Type::String) => str::from_utf8(octets).ok().map(|text| json!(text.trim_end_matches('\0'))),
        Some(Type::Ipv4Address | Type::Ipv6Address) => {
            weir_flow::Addr::from_slice(octets).map(|addr| json!(addr.to_string()))
        }
        Some(Type::MacAddress) => {
            octets.try_into().ok().map(|mac| json!(weir_flow::Mac::from_octets(mac).to_string()))
        }
        _ => None,
    };
    known.unwrap_or_else(|| json!(octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::other::push;

    #[test]
    fn elements_are_members_by_the_registrys_names() {
        let mut run = Vec::new();
        for (enterprise, number, value) in [
            (0, 192, &[64][..]),                // ipTTL, unsigned8
            (0, 434, &[0xff]),                  // mibObjectValueInteger, signed32, shortened
            (0, 276, &[1]),                     // dataRecordsReliability, boolean
            (0, 82, b"Gi0/1\0\0"),              // interfaceName, padded
            (0, 130, &[192, 0, 2, 1]),          // exporterIPv4Address
            (0, 56, &[2, 0, 0x5e, 0, 1, 0xfe]), // sourceMacAddress
            (0, 70, &[0, 1, 0x21]),             // mplsTopLabelStackSection, octetArray
            (29305, 1, &[1, 0]),                // reverse octetDeltaCount, shortened
            (64_999, 7, &[0xab]),               // nobody's
            (64_999, 7, &[0xcd]),
        ] {
            push(&mut run, Element { enterprise, number, value });
        }
        let want = json!({
            "ipTTL": 64, "mibObjectValueInteger": -1, "dataRecordsReliability": true,
            "interfaceName": "Gi0/1", "exporterIPv4Address": "192.0.2.1",
            "sourceMacAddress": "02:00:5e:00:01:fe", "mplsTopLabelStackSection": "000121",
            "reverseOctetDeltaCount": 256, "64999.7": ["ab", "cd"],
        });
        assert_eq!(members(&run), want);
    }
}
