//! Exporters that we recorded ourselves (`testdata/captures`), against what the kernel, they themselves and
//! independent decoders counted.

use crate::run::{Place, number};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// Figures of `truth.json`, and of an import.
const FIGURES: [(&str, &str); 7] = [
    ("datagrams", "datagrams"),
    ("templates", "templates"),
    ("options_templates", "options_templates"),
    ("options_records", "options_records"),
    ("records", "records"),
    ("octets", "measured_octets"),
    ("packets", "measured_packets"),
];

/// The same for sFlow, where records are samples.
const SAMPLED: [(&str, &str); 7] = [
    ("datagrams", "datagrams"),
    ("records", "records"),
    ("counter_samples", "counter_samples"),
    ("ip_octets", "measured_octets"),
    ("packets", "measured_packets"),
    ("scaled_ip_octets", "octets"),
    ("scaled_packets", "packets"),
];

#[test]
fn every_recorded_exporter_is_exact() {
    let (mut fixtures, mut wrong) = (0, Vec::new());
    for folder in folders() {
        fixtures += 1;
        let name = folder.file_name().unwrap().to_str().unwrap();
        let truth: Value = serde_json::from_slice(&fs::read(folder.join("truth.json")).unwrap()).unwrap();
        let place = Place::new();
        place.bring(&folder.join("export.pcap"), "export.pcap");
        let import = place.json("import -o json export.pcap");
        let mut expect = |counter: &str, value: &Value| {
            if import[counter] != *value {
                wrong.push(format!("{name}: {counter} is {}, should be {value}", import[counter]));
            }
        };
        let figures = if name.contains("sflow") { SAMPLED } else { FIGURES };
        for (said, counter) in figures {
            // Of biflows the two directions are recorded apart.
            let reverse = truth.get(format!("reverse_{said}")).map_or(0, |n| n.as_u64().unwrap());
            expect(counter, &json!(number(&truth, said) + reverse));
        }
        for nothing in ["records_lost", "datagrams_lost", "restarts", "reordered", "duplicate_datagrams"] {
            expect(nothing, &json!(0));
        }
        for nothing in ["undecodable", "malformed"] {
            expect(nothing, &json!({}));
        }
        for nothing in ["records_awaiting_template", "clock_doubts", "other_frames"] {
            expect(nothing, &json!(0));
        }
    }
    assert!(fixtures >= 28, "only {fixtures} fixtures");
    assert!(wrong.is_empty(), "{} figures of {fixtures} fixtures differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where the exporter saw everything, each host's octets and packets, in and out, are the kernel's.
#[test]
fn every_host_has_what_the_kernel_counted() {
    let mut compared = 0;
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let truth: Value = serde_json::from_slice(&fs::read(folder.join("truth.json")).unwrap()).unwrap();
        let Some(family) = sees(&truth) else { continue };
        let place = Place::with(
            "[[tenant]]\nname = \"lan\"\nnetworks = [\"10.31.0.0/24\", \"10.32.0.0/24\", \"2001:db8:31::/64\", \
             \"2001:db8:32::/64\"]\n",
        );
        place.bring(&folder.join("export.pcap"), "export.pcap");
        place.done("import export.pcap");
        let usage = place.json("usage --hosts -o json");
        let hosts = usage.pointer("/tenants/0/hosts").unwrap().as_array().unwrap();
        let counted: Vec<_> = truth["kernel"]["hosts"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(a, _)| a.contains(family))
            .collect();
        assert_eq!(hosts.len(), counted.len(), "{name}");
        for (address, kernel) in counted {
            let host = hosts.iter().find(|host| host["address"] == **address).unwrap();
            for way in ["in", "out"] {
                for unit in ["octets", "packets"] {
                    assert_eq!(host[way][unit], kernel[way][unit], "{name}: {address} {way} {unit}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 150, "only {compared} figures");
}

/// What the hosts that an exporter saw all of have in their addresses; `None` where it did not see all.
fn sees(truth: &Value) -> Option<&'static str> {
    let reverse = |key: &str| truth.get(format!("reverse_{key}")).map_or(0, |n| n.as_u64().unwrap());
    let figures = json!({
        "octets": truth.get("octets")?.as_u64()? + reverse("octets"),
        "packets": truth.get("packets")?.as_u64()? + reverse("packets"),
    });
    let kernel = &truth["kernel"];
    let sum = |family: &str, unit: &str| {
        number(kernel, &format!("{family}.in.{unit}")) + number(kernel, &format!("{family}.out.{unit}"))
    };
    if figures == kernel["total"] {
        return Some("");
    }
    let v4 = json!({"octets": sum("ipv4", "octets"), "packets": sum("ipv4", "packets")});
    (figures == v4).then_some(".")
}

fn folders() -> Vec<PathBuf> {
    let all = fs::read_dir(weir_testkit::repository().join("testdata/captures")).unwrap();
    let mut folders: Vec<PathBuf> =
        all.map(|entry| entry.unwrap().path()).filter(|path| path.join("truth.json").is_file()).collect();
    folders.sort();
    folders
}
