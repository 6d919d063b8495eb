//! What happens in a world, rarely.

use super::{UPTIME_MS_MIN, World};
use crate::message::{Delivery, Sense};
use crate::network::Care;
use weir_flow::Addr;
use weir_wire::netflow::v9;

impl World {
    /// What happens rarely: of a thousand steps so many.
    pub(super) fn happen(&mut self) -> Result<(), String> {
        // Bad times pass.
        if self.collector.drive.is_full() && self.dice.permille(60) {
            return self.fill();
        }
        if self.collector.drive.is_slow() && self.dice.permille(100) {
            return self.slow();
        }
        match self.dice.below(self.calm) {
            0..6 => self.die(),
            6..22 => self.doom(),
            22..30 => self.fill(),
            30..38 => self.slow(),
            38..46 => self.stumble(),
            46..52 => self.step_clock(),
            52..56 => self.rot(),
            56..62 => self.retire(),
            62..72 => self.restart(),
            72..82 => self.redefine(),
            82..110 => self.intrude(),
            110..120 => self.import(),
            120..130 => self.check(),
            130..140 => self.settle().map(drop),
            140..145 => {
                // A quiet while.
                self.now_ms += self.dice.between::<i64>(60_000, 3_600_000);
                Ok(())
            }
            145..155 => {
                let drops: u16 = self.dice.between(1, 500);
                self.ledger.count_drops(self.clock(), drops.into());
                self.collector.count_drops(self.clock(), drops.into())
            }
            _ => Ok(()),
        }
    }

    /// Somebody sets the collector's clock.
    fn step_clock(&mut self) -> Result<(), String> {
        let far = self.dice.pick([2_000, 120_000, 21_600_000]);
        self.ahead_ms = self.dice.between::<i64>(0, far * 2) - i64::try_from(far).unwrap_or_default();
        self.tell(format_args!("the collector's clock is set to {} ms ahead", self.ahead_ms));
        // The store goes by the time it is told. What it was told to be later than now it makes durable at once; the
        // rest is due when it would have been, for a clock that went back a little is not seen to have gone back.
        let now = self.clock();
        self.appended.values_mut().for_each(|at| *at = now.max(*at));
        self.due = 0;
        Ok(())
    }

    /// An exporter is switched off and on.
    fn restart(&mut self) -> Result<(), String> {
        let at = self.dice.between::<usize>(0, self.exporters.len() as u64 - 1);
        let Some(exporter) = self.exporters.get(at) else { return Ok(()) };
        if !exporter.restarts() || exporter.uptime_ms(self.now_ms) < UPTIME_MS_MIN {
            return Ok(());
        }
        let arrivals = self.network.drain(exporter.address);
        self.deliver(arrivals)?;
        if let Some(exporter) = self.exporters.get_mut(at) {
            exporter.restart(self.now_ms, &mut self.dice);
            let address = exporter.address;
            self.tell(format_args!("{address} is restarted"));
        }
        Ok(())
    }

    /// An exporter gives its templates other layouts, when nobody waits for the old ones.
    fn redefine(&mut self) -> Result<(), String> {
        let at = self.dice.between::<usize>(0, self.exporters.len() as u64 - 1);
        let Some(exporter) = self.exporters.get(at) else { return Ok(()) };
        let arrivals = self.network.drain(exporter.address);
        self.deliver(arrivals)?;
        let Some(exporter) = self.exporters.get_mut(at) else { return Ok(()) };
        let known: Vec<bool> =
            exporter.templates().map(|(id, ids)| self.ledger.knows(id, &ids, self.synced)).collect();
        if known.is_empty() || known.contains(&false) {
            return Ok(());
        }
        self.redefined.insert(at);
        let messages =
            exporter.redefine(&self.town, self.now_ms, &mut self.dice).map_err(|e| format!("emit: {e:?}"))?;
        for message in messages {
            self.network.send(self.now_ms, &message, Care::Registered, &mut self.dice);
        }
        let arrivals = self.network.arrivals(self.now_ms);
        self.deliver(arrivals)
    }

    /// Somebody sends what is no export.
    fn intrude(&mut self) -> Result<(), String> {
        self.strangers += 1;
        let from = Addr::v4([192, 0, 2, 240 + self.dice.between::<u8>(0, 3)]);
        let port = 10_000 + self.strangers;
        let mut bytes: Vec<u8> =
            (0..self.dice.between::<usize>(0, 200)).map(|_| self.dice.between(0, 255)).collect();
        let mut sense = Sense::None;
        if self.dice.percent(30) {
            let domain: u32 = self.dice.between(0, 5);
            let mut out = [0; v9::HEADER_LEN];
            let header =
                v9::Header { source_id: domain, sequence: self.dice.between(0, 99), ..v9::Header::default() };
            v9::Writer::new(&mut out, header)
                .and_then(v9::Writer::finish)
                .map_err(|e| format!("emit: {e:?}"))?;
            bytes = [&out[..], &[0, 5, 0, 8, 1, 2, 3, 4]].concat();
            sense = Sense::Hollow(domain);
        } else if let Some(first) = bytes.first_mut() {
            // No protocol begins so.
            *first |= 0x40;
        }
        self.network.post(self.now_ms, Delivery { from, port, bytes, sense });
        Ok(())
    }
}
