//! `docs/exporters.md` is written from the devices. After a change here: `WEIR_WRITE_DOCS=1 cargo test -p weir page`.

use super::order::{Order, Wish};
use super::{Device, Protocol, Sampling, devices, snippet};
use std::fmt::Write;

const HEAD: &str = "# Exporters

How routers, firewalls, switches and probes are told to export to weir. This page is written from the table that
`weir exporter-config` prints from; the command puts your addresses, interfaces and sampling interval into the lines:

```sh
weir exporter-config --list
weir exporter-config cisco-ios-xe --collector 192.0.2.10 --interface Gi0/0/0 --interface Gi0/0/1
weir exporter-config junos --collector 192.0.2.10:9995 --source 198.51.100.1 --sampling 100
```

What weir asks of every exporter, and why:

| | because |
|---|---|
| an active timeout of 60 s | accounts are kept in bins of five minutes; a flow told after half an hour is spread over six of them by guess |
| templates and options every 60 s | without its template a data set cannot be read, without its sampling interval not multiplied; both wait |
| input only, on all interfaces | a packet comes in once, and so is counted once |
| one source address | an exporter is known by it |
| its clock set by NTP | flows are put into bins by the exporter's clock |

| kind | what it is | speaks | samples | tells its sampling | tells interface names | templates |
|---|---|---|---|---|---|---|
";

fn page() -> String {
    let mut out = HEAD.to_owned();
    for d in devices() {
        let yes = |is: bool| if is { "yes" } else { "no" };
        let samples = match d.sampling {
            Sampling::Never => "never".to_owned(),
            Sampling::Optional(_) => "if asked".to_owned(),
            Sampling::Always(n, _) => format!("always, 1 in {n}"),
        };
        let is_sflow = d.protocols == [Protocol::Sflow];
        let tells = if d.sampling == Sampling::Never { "–" } else { yes(d.tells.sampling || is_sflow) };
        let templates = if d.templates.is_empty() { "–" } else { d.templates };
        writeln!(
            out,
            "| [`{}`](#{}) | {} | {} | {samples} | {tells} | {} | {templates} |",
            d.name,
            d.name.replace('.', ""),
            d.title,
            d.protocol_words(),
            yes(d.tells.names && !is_sflow),
        )
        .unwrap();
    }
    devices().for_each(|d| section(d, &mut out));
    out
}

fn section(device: &Device, out: &mut String) {
    writeln!(out, "\n## {}\n\n{}. Counted once: {}.\n", device.name, device.title, device.once).unwrap();
    for note in device.notes {
        writeln!(out, "- {note}").unwrap();
    }
    let wish = Wish {
        collector: "192.0.2.10".to_owned(),
        protocol: None,
        interfaces: Vec::new(),
        sampling: None,
        source: None,
        active_s: 60,
        inactive_s: 15,
    };
    let order = Order::new(device, &wish).unwrap();
    writeln!(out, "\nPut {}:\n\n```\n{}```", device.place, snippet::bare(device, &order)).unwrap();
    let checks: Vec<_> = device.check.iter().map(|command| format!("`{command}`")).collect();
    writeln!(out, "\nCheck with {}.", checks.join(", ")).unwrap();
}

#[test]
fn the_page_says_what_the_devices_say() {
    let path = weir_testkit::repository().join("docs/exporters.md");
    if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page(),
        "docs/exporters.md is not what the devices say: write it again, see the top of this file"
    );
}
