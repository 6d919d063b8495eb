//! Hour by hour: who is there, and what they do.
//!
//! Every host's every hour has dice of its own, seeded by the office's seed, the host and the hour: what one
//! does never depends on what another did.

use super::app::{self, App, With};
use super::dice::Dice;
use super::flow::Flow;
use super::internet;
use super::office::{self, Host, PRINTERS, Role, STUDIO, Tenant, Uplink};
use super::session::{Party, Session};

/// Milliseconds of an hour, and of a day.
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// An hour of the month, by the clock on the wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hour {
    /// Its first instant, ms since 1970, UTC.
    pub(super) at_ms: i64,
    /// Days since 1970 by the local calendar.
    pub(super) day: i64,
    /// 0 to 23.
    pub(super) hour: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayKind {
    Work,
    Saturday,
    Sunday,
}

impl Hour {
    /// The hour that begins at `at_ms`, where the clocks are `offset_ms` ahead of UTC.
    pub(super) fn new(at_ms: i64, offset_ms: i64) -> Self {
        let local_ms = at_ms + offset_ms;
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        Self { at_ms, day: local_ms.div_euclid(DAY_MS), hour: hour.unsigned_abs() }
    }

    fn kind(&self) -> DayKind {
        // The first of January 1970 was a Thursday.
        match (self.day + 4).rem_euclid(7) {
            0 => DayKind::Sunday,
            6 => DayKind::Saturday,
            _ => DayKind::Work,
        }
    }

    /// Monday to Friday.
    pub(super) fn is_workday(&self) -> bool {
        self.kind() == DayKind::Work
    }

    fn is_night(&self) -> bool {
        self.hour >= 20 || self.hour < 6
    }
}

/// The traffic of an office.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) seed: u64,
    /// Sessions, for a hundred that the model has by itself.
    pub(super) scale_percent: u64,
    /// The end of the month: nothing happens after.
    pub(super) to_ms: i64,
    /// The local days in whose nights the offender is at it.
    pub(super) offence: std::ops::Range<i64>,
}

/// Which dice: hosts have their place among the hosts, others these.
const PRINTER_DICE: u64 = 1_000_001;
const ROUTER_DICE: u64 = 1_000_002;
const PRESENCE_DICE: u64 = 1_000_003;

impl Traffic {
    /// Adds the records of all sessions that begin in this hour.
    pub(super) fn hour(&self, hour: Hour, flows: &mut Vec<Flow>) {
        for (place, host) in (0..).zip(office::hosts()) {
            let mut dice = self.dice(place, hour);
            let mut scene = Scene { traffic: self, hour, dice: &mut dice, flows: &mut *flows };
            match host.role {
                Role::Desk if self.is_at_desk(place, host.owner(), hour) => scene.desk(host),
                Role::Desk => scene.empty_desk(host),
                Role::Server => scene.server(host),
            }
            if host == office::offender() && hour.is_night() && self.is_offending(hour) {
                scene.often(host, app::OFFENCE);
            }
        }
        let mut dice = self.dice(PRINTER_DICE, hour);
        Scene { traffic: self, hour, dice: &mut dice, flows: &mut *flows }.printers();
        let mut dice = self.dice(ROUTER_DICE, hour);
        Scene { traffic: self, hour, dice: &mut dice, flows: &mut *flows }.router();
    }

    fn dice(&self, who: u64, hour: Hour) -> Dice {
        Dice::of(&[self.seed, who, hour.at_ms.unsigned_abs()])
    }

    /// A night belongs to the day on which it begins.
    fn is_offending(&self, hour: Hour) -> bool {
        let evening = if hour.hour < 6 { hour.day - 1 } else { hour.day };
        self.offence.contains(&evening)
    }

    /// Whether somebody sits there: people come at seven to ten and go nine or so hours later, if they come.
    fn is_at_desk(&self, place: u64, tenant: &Tenant, hour: Hour) -> bool {
        let mut dice = Dice::of(&[self.seed, PRESENCE_DICE, place, hour.day.unsigned_abs()]);
        let present_permille = match hour.kind() {
            DayKind::Work => 880,
            DayKind::Saturday => tenant.saturday_permille,
            DayKind::Sunday => tenant.saturday_permille / 10,
        };
        let arrives = dice.between((7, 10));
        let stays = if hour.kind() == DayKind::Work { dice.between((7, 10)) } else { dice.between((3, 6)) };
        dice.permille(present_permille) && (arrives..arrives + stays).contains(&hour.hour)
    }
}

/// One host's hour, or one thing's.
struct Scene<'a> {
    traffic: &'a Traffic,
    hour: Hour,
    dice: &'a mut Dice,
    flows: &'a mut Vec<Flow>,
}

impl Scene<'_> {
    fn desk(&mut self, host: Host) {
        self.often(host, app::DESK);
        self.often(host, host.owner().habits);
    }

    fn empty_desk(&mut self, host: Host) {
        // Most computers are switched off over night.
        if self.dice.permille(350) {
            self.often(host, app::IDLE);
        }
        let evening = self.hour.hour >= 18 || self.hour.hour < 2;
        if host.tenant == STUDIO && evening {
            self.often(host, &[(&app::GAME, 120), (&app::DOWNLOAD, 3), (&app::CALL, 15), (&app::DNS, 250)]);
        }
    }

    fn server(&mut self, host: Host) {
        self.often(host, &[(&app::DNS, 700), (&app::NTP, 500), (&app::HTTP, 150), (&app::UPDATE, 4)]);
        // Each server has its own hour for the nightly copy; on Sundays there is none.
        let copy_hour = (u64::from(host.number) + u64::from(host.owner().vlan)) % 4 + 1;
        if self.hour.hour == copy_hour && self.hour.kind() != DayKind::Sunday {
            self.often(host, &[(&app::BACKUP, 1_000)]);
        }
        if host.tenant == office::HOSTING {
            let visits = visits_permille(self.hour.hour);
            let weekend = self.hour.kind() != DayKind::Work;
            self.sessions(host, &app::VISIT, if weekend { visits * 7 / 10 } else { visits });
            self.sessions(host, &app::SCAN, 1_500);
        }
    }

    /// The printers' makers want to know how the ink is.
    fn printers(&mut self) {
        for number in 1..=PRINTERS {
            for _ in 0..self.times(900) {
                let server = Party::outside(internet::machine(app::Trade::Updates, false, self.dice));
                let client = Party::printer(9 + number);
                let app = if self.dice.permille(20) { &app::UPDATE } else { &app::HTTP };
                self.session(client, server, app);
            }
        }
    }

    /// The router asks for the time, and the world knocks at its door.
    fn router(&mut self) {
        for uplink in [Uplink::North, Uplink::South] {
            for _ in 0..self.times(1_000) {
                let server = Party::outside(internet::machine(app::Trade::Time, false, self.dice));
                self.session(Party::router(uplink), server, &app::NTP);
            }
            for _ in 0..self.times(7_000) {
                let client = Party::outside(internet::home(false, self.dice));
                self.session(client, Party::router(uplink), &app::SCAN);
            }
            for _ in 0..self.times(2_000) {
                let client = Party::outside(internet::machine(app::Trade::Office, false, self.dice));
                self.session(client, Party::router(uplink), &app::PING);
            }
        }
    }

    /// How often something happens in this hour, in an office of this scale.
    fn times(&mut self, permille: u64) -> u64 {
        self.dice.times(permille * self.traffic.scale_percent / 100)
    }

    fn often(&mut self, host: Host, apps: &[(&'static App, u64)]) {
        for (app, permille) in apps {
            self.sessions(host, app, *permille);
        }
    }

    fn sessions(&mut self, host: Host, app: &'static App, permille: u64) {
        for _ in 0..self.times(permille) {
            if let Some((client, server)) = self.parties(host, app) {
                self.session(client, server, app);
            }
        }
    }

    fn session(&mut self, client: Party, server: Party, app: &'static App) {
        let late_ms = i64::try_from(self.dice.below(HOUR_MS.unsigned_abs())).unwrap_or_default();
        let session = Session { client, server, app, start_ms: self.hour.at_ms + late_ms };
        session.cut(self.traffic.to_ms, self.dice, self.flows);
    }

    /// Who opens the session, and who is asked.
    fn parties(&mut self, host: Host, app: &App) -> Option<(Party, Party)> {
        let is_v6 = self.dice.permille(host.owner().ipv6_permille) && app.with != With::Printer;
        let here = Party::inside(host, is_v6);
        let there = match app.with {
            With::Site(trade) => Party::outside(internet::machine(trade, is_v6, self.dice)),
            With::Home => Party::outside(internet::home(is_v6, self.dice)),
            With::Server => return Some((Party::outside(internet::home(is_v6, self.dice)), here)),
            With::Printer => Party::printer(10 + u8::try_from(self.dice.below(PRINTERS.into())).ok()?),
            With::Neighbour => Party::inside(self.neighbour(host)?, is_v6),
        };
        Some((here, there))
    }

    /// A server of somebody else in the house: mostly one of the hosting people.
    fn neighbour(&mut self, host: Host) -> Option<Host> {
        let elsewhere = self.dice.below(office::TENANTS.len().try_into().ok()?);
        let tenant =
            if self.dice.permille(700) { office::HOSTING } else { usize::try_from(elsewhere).ok()? };
        let servers: Vec<Host> = office::servers(tenant).collect();
        let found = self.dice.choose(&servers).copied();
        found.filter(|server| server.tenant != host.tenant)
    }
}

/// Visitors of a served machine in a thousand hours, by the hour of the day: most after work.
const fn visits_permille(hour: u64) -> u64 {
    match hour {
        0..6 => 2_500,
        6..9 => 6_000,
        9..17 => 11_000,
        17..22 => 16_000,
        _ => 7_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_the_clock_on_the_wall() {
        // Midnight of the first of October 2026, a Thursday, in Berlin; the clocks go back on Sunday the 25th.
        let midnight_ms = 1_790_805_600_000;
        let at = |ms: i64, offset: i64| {
            let hour = Hour::new(midnight_ms + ms, offset * HOUR_MS);
            (hour.day - 20_727, hour.hour, hour.kind())
        };
        assert_eq!(at(0, 2), (0, 0, DayKind::Work));
        assert_eq!(at(2 * DAY_MS + 9 * HOUR_MS, 2), (2, 9, DayKind::Saturday));
        assert_eq!(at(24 * DAY_MS + 2 * HOUR_MS, 2), (24, 2, DayKind::Sunday));
        assert_eq!(at(24 * DAY_MS + 3 * HOUR_MS, 1), (24, 2, DayKind::Sunday));
        assert_eq!(at(25 * DAY_MS + HOUR_MS, 1), (25, 0, DayKind::Work));
        // Half an hour beside the others, before 1970, west of Greenwich.
        assert_eq!(Hour::new(DAY_MS - HOUR_MS, 5 * HOUR_MS + HOUR_MS / 2).hour, 4);
        let before = Hour::new(-HOUR_MS, -HOUR_MS);
        assert_eq!((before.day, before.hour, before.kind()), (-1, 22, DayKind::Work));
    }

    #[test]
    fn the_nights_of_the_offence_begin_in_the_evening() {
        let traffic = Traffic { seed: 1, scale_percent: 100, to_ms: i64::MAX, offence: 10..12 };
        let is_at_it = |day: i64, hour: i64| {
            let hour = Hour::new(day * DAY_MS + hour * HOUR_MS, 0);
            hour.is_night() && traffic.is_offending(hour)
        };
        assert_eq!([is_at_it(10, 3), is_at_it(10, 19), is_at_it(10, 20)], [false, false, true]);
        assert_eq!(
            [is_at_it(11, 5), is_at_it(11, 6), is_at_it(12, 5), is_at_it(12, 20)],
            [true, false, true, false]
        );
    }
}
