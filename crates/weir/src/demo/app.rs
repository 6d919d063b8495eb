//! What people and machines do on the network: how large it is, how fast, how long, and with whom.

/// A way of using the network: one session of it is one conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct App {
    /// The IP protocol.
    pub(super) proto: u8,
    /// The server's port, and the last one where there are several.
    pub(super) ports: (u16, u16),
    /// Who is on the other side.
    pub(super) with: With,
    /// Which way most of it goes.
    pub(super) mostly: Mostly,
    /// How much or how long.
    pub(super) extent: Extent,
    /// How fast, in thousands of bits a second.
    pub(super) kbit: (u64, u64),
    /// Octets that go the other way, for a thousand that go the main way.
    pub(super) back_permille: (u64, u64),
    /// Octets of a packet on average, on the main way and on the other.
    pub(super) packet_octets: (u64, u64),
    /// The type of service.
    pub(super) tos: u8,
}

/// Which way most octets of a session go, seen from the client that opened it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Mostly {
    Down,
    Up,
}

/// How a session is measured out.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Extent {
    /// So many octets on the main way: then it is done.
    Octets(u64, u64),
    /// For so many seconds.
    Seconds(u64, u64),
}

/// Who serves.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum With {
    /// A site of the internet of this kind.
    Site(Trade),
    /// Anybody's computer at home.
    Home,
    /// A server of another tenant.
    Neighbour,
    /// A printer.
    Printer,
    /// A server of one's own, seen from outside.
    Server,
}

/// What a site of the internet offers.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Trade {
    Web,
    Video,
    Call,
    Mail,
    Storage,
    Office,
    Game,
    Updates,
    Names,
    Time,
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const KB: u64 = 1_000;
const MB: u64 = 1_000_000;
const GB: u64 = 1_000_000_000;

/// What most apps are, to be changed where they are not.
const BASE: App = App {
    proto: TCP,
    ports: (443, 443),
    with: With::Site(Trade::Web),
    mostly: Mostly::Down,
    extent: Extent::Octets(10 * KB, 64 * MB),
    kbit: (2_000, 40_000),
    back_permille: (25, 90),
    packet_octets: (1_300, 90),
    tos: 0,
};

/// Pages, by TLS.
pub(super) static WEB: App = BASE;
/// Pages, by QUIC.
pub(super) static QUIC: App = App { proto: UDP, extent: Extent::Octets(8 * KB, 96 * MB), ..BASE };
/// Pages in the clear.
pub(super) static HTTP: App = App { ports: (80, 80), extent: Extent::Octets(2 * KB, 8 * MB), ..BASE };
/// A question to the name server.
pub(super) static DNS: App = App {
    proto: UDP,
    ports: (53, 53),
    with: With::Site(Trade::Names),
    extent: Extent::Octets(90, 420),
    kbit: (60, 600),
    back_permille: (300, 600),
    packet_octets: (420, 120),
    ..BASE
};
/// What time it is.
pub(super) static NTP: App = App {
    ports: (123, 123),
    with: With::Site(Trade::Time),
    extent: Extent::Octets(76, 76),
    back_permille: (1000, 1000),
    ..DNS
};
/// Reading mail.
pub(super) static MAIL: App = App {
    ports: (993, 993),
    with: With::Site(Trade::Mail),
    extent: Extent::Octets(4 * KB, 24 * MB),
    kbit: (500, 20_000),
    ..BASE
};
/// Sending mail.
pub(super) static SUBMIT: App = App { ports: (587, 587), mostly: Mostly::Up, ..MAIL };
/// Watching films and clips.
pub(super) static VIDEO: App = App {
    proto: UDP,
    with: With::Site(Trade::Video),
    extent: Extent::Seconds(180, 2_700),
    kbit: (1_200, 4_500),
    back_permille: (12, 30),
    ..BASE
};
/// A conference with pictures.
pub(super) static CALL: App = App {
    proto: UDP,
    ports: (3478, 3481),
    with: With::Site(Trade::Call),
    extent: Extent::Seconds(600, 3_600),
    kbit: (300, 1_500),
    back_permille: (500, 1_000),
    packet_octets: (950, 820),
    tos: 0x88,
    ..BASE
};
/// A tunnel to the head office.
pub(super) static VPN: App = App {
    proto: UDP,
    ports: (51_820, 51_820),
    with: With::Site(Trade::Office),
    extent: Extent::Seconds(3_600, 18_000),
    kbit: (60, 900),
    back_permille: (150, 600),
    packet_octets: (900, 400),
    ..BASE
};
/// Putting files into the cloud.
pub(super) static SYNC: App = App {
    with: With::Site(Trade::Storage),
    mostly: Mostly::Up,
    extent: Extent::Octets(100 * KB, 400 * MB),
    kbit: (5_000, 40_000),
    ..BASE
};
/// Work on a distant machine.
pub(super) static SSH: App = App {
    ports: (22, 22),
    with: With::Site(Trade::Office),
    extent: Extent::Seconds(60, 2_400),
    kbit: (4, 300),
    back_permille: (200, 500),
    packet_octets: (500, 120),
    tos: 0x10,
    ..BASE
};
/// The file share of somebody else in the house.
pub(super) static SHARE: App = App {
    ports: (445, 445),
    with: With::Neighbour,
    extent: Extent::Octets(20 * KB, 500 * MB),
    kbit: (20_000, 80_000),
    ..BASE
};
/// A print job.
pub(super) static PRINT: App = App {
    ports: (9_100, 9_100),
    with: With::Printer,
    mostly: Mostly::Up,
    extent: Extent::Octets(30 * KB, 60 * MB),
    kbit: (4_000, 30_000),
    back_permille: (10, 25),
    ..BASE
};
/// What an operating system fetches.
pub(super) static UPDATE: App = App {
    ports: (80, 80),
    with: With::Site(Trade::Updates),
    extent: Extent::Octets(4 * MB, 700 * MB),
    kbit: (10_000, 60_000),
    back_permille: (15, 25),
    ..BASE
};
/// The nightly copy to another house.
pub(super) static BACKUP: App = App {
    ports: (22, 22),
    with: With::Site(Trade::Storage),
    mostly: Mostly::Up,
    extent: Extent::Octets(50 * MB, 6 * GB),
    kbit: (15_000, 60_000),
    back_permille: (15, 25),
    ..BASE
};
/// A game with others.
pub(super) static GAME: App = App {
    proto: UDP,
    ports: (27_015, 27_050),
    with: With::Site(Trade::Game),
    extent: Extent::Seconds(1_200, 9_000),
    kbit: (60, 320),
    back_permille: (300, 600),
    packet_octets: (320, 140),
    ..BASE
};
/// A new game, or its update.
pub(super) static DOWNLOAD: App = App {
    with: With::Site(Trade::Game),
    extent: Extent::Octets(500 * MB, 16 * GB),
    kbit: (40_000, 85_000),
    back_permille: (15, 25),
    ..BASE
};
/// One peer of a swarm.
pub(super) static SWARM: App = App {
    ports: (6_881, 51_413),
    with: With::Home,
    extent: Extent::Seconds(120, 3_000),
    kbit: (200, 3_200),
    back_permille: (250, 1_100),
    packet_octets: (1_380, 1_200),
    tos: 0x20,
    ..BASE
};
/// Somebody reads what is served from the house.
pub(super) static VISIT: App =
    App { with: With::Server, extent: Extent::Octets(4 * KB, 48 * MB), kbit: (1_000, 30_000), ..BASE };
/// Somebody knocks at every door.
pub(super) static SCAN: App = App {
    ports: (22, 8_080),
    with: With::Server,
    mostly: Mostly::Up,
    extent: Extent::Octets(40, 60),
    back_permille: (0, 0),
    packet_octets: (60, 60),
    ..BASE
};

/// Is it still there?
pub(super) static PING: App = App {
    proto: ICMP,
    ports: (0, 0),
    extent: Extent::Octets(84, 336),
    kbit: (1, 2),
    back_permille: (1000, 1000),
    packet_octets: (84, 84),
    ..BASE
};

/// What everybody at a desk does: how often in a thousand hours.
pub(super) static DESK: &[(&App, u64)] =
    &[(&WEB, 2_100), (&QUIC, 900), (&HTTP, 250), (&DNS, 1_800), (&MAIL, 700), (&SUBMIT, 160), (&UPDATE, 20)];
/// What a computer does by itself when nobody is there: how often in a thousand hours.
pub(super) static IDLE: &[(&App, u64)] = &[(&HTTP, 120), (&WEB, 60), (&DNS, 180), (&NTP, 60), (&UPDATE, 2)];
/// What the offender's computer does in a night of offence: how often in a thousand hours.
pub(super) static OFFENCE: &[(&App, u64)] = &[(&SWARM, 19_500), (&DNS, 4_000)];
