//! `weir exporter-config`: how a router is told to export, ready to be pasted.

use crate::advice::order::{Order, Wish};
use crate::advice::{self, Protocol, snippet};
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::report::table::{Align, Columns};
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir exporter-config --list\n  \
    weir exporter-config mikrotik --collector 192.0.2.10\n  \
    weir exporter-config cisco-ios-xe --collector 192.0.2.10:9995 --interface Gi0/0/0 --interface Gi0/0/1\n  \
    weir exporter-config junos --collector 192.0.2.10 --source 198.51.100.1 --sampling 100\n  \
    weir exporter-config softflowd --collector 192.0.2.10 --interface eth0 --bare | sh")]
pub(super) struct Arguments {
    /// What exports: cisco-ios, junos, mikrotik, … (--list has all)
    #[arg(value_name = "KIND", required_unless_present = "list")]
    kind: Option<String>,
    /// The machine that runs weir, as the exporter reaches it; the port is 2055 unless said
    #[arg(long, value_name = "ADDR[:PORT]", required_unless_present = "list")]
    collector: Option<String>,
    /// What it is to speak; its best if nothing is said
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    /// An interface whose traffic is metered; again for each
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
    /// Measure 1 packet in N; as exact as the device can if nothing is said
    #[arg(long, value_name = "N")]
    sampling: Option<u32>,
    /// Where its datagrams come from: an address or the name of an interface, as the device takes it
    #[arg(long, value_name = "ADDR|IFNAME")]
    source: Option<String>,
    /// Seconds after which a flow that goes on is told
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    active: u32,
    /// Seconds of silence after which a flow is told
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    inactive: u32,
    /// Only the lines themselves, without a word of explanation
    #[arg(long)]
    bare: bool,
    /// The kinds there are
    #[arg(long, conflicts_with_all = ["kind", "collector"])]
    list: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (Some(kind), Some(collector)) = (&arguments.kind, &arguments.collector) else {
        return report::print(&list());
    };
    let device = advice::device(kind).ok_or_else(|| unknown(kind))?;
    let wish = Wish {
        collector: collector.clone(),
        protocol: arguments.protocol,
        interfaces: arguments.interface.clone(),
        sampling: arguments.sampling,
        source: arguments.source.clone(),
        active_s: arguments.active,
        inactive_s: arguments.inactive,
    };
    let order = Order::new(device, &wish).map_err(Failure::usage)?;
    report::print(&if arguments.bare {
        snippet::bare(device, &order)
    } else {
        snippet::render(device, &order)
    })
}

/// Every kind, a line each.
fn list() -> String {
    let mut table =
        Columns::new([("kind", Align::Left), ("what it is", Align::Left), ("speaks", Align::Left)]);
    for device in advice::devices() {
        table.row([device.name.to_owned(), device.title.to_owned(), device.protocol_words()]);
    }
    table.render()
}

/// There is no such kind.
pub(super) fn unknown(kind: &str) -> Failure {
    let near = advice::suggestion(kind).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Failure::usage(format!(
        "there is no exporter \"{kind}\" here{near} (weir exporter-config --list has all)"
    ))
}
