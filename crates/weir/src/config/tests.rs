use super::*;

const WHOLE: &str = r#"
[store]
path = "/var/lib/weir"
disk = "200 GB"

[[listen]]
udp = "[::]:2055"

[[listen]]
udp = "0.0.0.0:9995"

[[exporter]]
name = "core"
address = "192.0.2.1"
sampling = 100
count = ["vlan31", 32]
interfaces = { vlan31 = 31 }

[[tenant]]
name = "avtotrade"
networks = ["192.168.31.0/24", "2001:db8:31::/64"]
mail = ["rent@example.com"]

[[tenant]]
name = "inner \"shop\""
networks = ["192.168.31.128/25"]
nested = true

[accounting]
own = ["192.168.0.0/16"]
sampling_default = 1

[billing]
zone = "Europe/Berlin"
day = 31
unit = 1024
"#;

#[test]
fn the_whole_file_is_understood() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.disk, Some(200_000_000_000));
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.exporters[0].count, Count::Interfaces([31, 32].into()));
    assert_eq!(config.tenants.lookup("192.168.31.200".parse().unwrap()).unwrap().name, "inner \"shop\"");
    assert_eq!(config.tenants.lookup("192.168.31.2".parse().unwrap()).unwrap().name, "avtotrade");
    assert_eq!(config.settings().sampling.get(&"192.0.2.1".parse().unwrap()), Some(&100));
    assert_eq!((config.zone.name(), config.day), ("Europe/Berlin", 31));
}

#[test]
fn the_dump_reads_back_to_itself() {
    let dump = read(WHOLE).unwrap().dump();
    assert_eq!(read(&dump).unwrap().dump(), dump);
    let default = Config::default().dump();
    assert_eq!(read(&default).unwrap().dump(), default);
}

/// What `check` prints for a text, without the file's name.
fn mistakes(text: &str) -> Vec<String> {
    let path = std::path::Path::new("w");
    let mistakes = read(text).unwrap_err();
    mistake::render(path, text, &mistakes).lines().map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_said_with_its_line_and_a_cure() {
    let text = r#"[store]
pth = "/x"
[[exporter]]
name = "core"
adress = "192.0.2.1"
[[exporter]]
address = "192.0.2.300"
count = ["wan"]
[[tenant]]
name = "a"
networks = ["10.0.0.0/8", "10.0.0.1/8"]
[[tenant]]
name = "b"
networks = ["10.1.0.0/16"]
[billing]
zone = "Europe/Berlim"
day = 32
unit = 1
"#;
    let got = mistakes(text);
    let expected = [
        "w:2: unknown key \"pth\" in [store]; did you mean \"path\"?",
        "w:3: [[exporter]] has no address; add address = \"192.0.2.1\"",
        "w:5: unknown key \"adress\" in [[exporter]]; did you mean \"address\"?",
        "w:7: \"192.0.2.300\" is no address; write an IPv4 or IPv6 address, as \"192.0.2.1\"",
        "w:8: the interface \"wan\" has no number; add interfaces = { wan = 31 } with its ifIndex, or write the number",
    ];
    assert_eq!(&got[..5], expected);
    assert!(got[5].starts_with("w:11: ") && got[5].contains("10.0.0.0/8"), "{}", got[5]);
    assert!(got[6].starts_with("w:14: ") && got[6].contains("nested = true"), "{}", got[6]);
    assert!(got[7].starts_with("w:16: there is no time zone \"Europe/Berlim\"; did you mean"), "{}", got[7]);
    assert_eq!(
        got[8],
        "w:17: day is no whole number from 1 to 31; 29 to 31 mean the month's end where it is shorter"
    );
    assert_eq!(got[9], "w:18: unit is neither 1000 nor 1024; write unit = 1000 or unit = 1024");
    assert_eq!(got.len(), 10);
}

#[test]
fn a_broken_file_names_its_line() {
    let got = mistakes("[store]\npath = \n");
    assert!(got[0].starts_with("w:2: "), "{got:?}");
}
