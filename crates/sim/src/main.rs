//! `weir-sim`: runs worlds by their seeds, and says of each how it ended.

use std::process::ExitCode;
use std::time::Instant;
use weir_sim::world;

const USAGE: &str = "usage: weir-sim [--seed N [--tell] | --seeds COUNT [--from N]]";

/// Which seeds: the first, and how many.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    from: u64,
    count: u64,
    /// Say on stderr what happens.
    tells: bool,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    let mut order = Order { from: 0, count: 10, tells: false };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        if name == "--tell" {
            order.tells = true;
            continue;
        }
        let value = arguments.next().and_then(|value| value.parse().ok());
        let value: u64 = value.ok_or_else(|| format!("{name} wants a number; {USAGE}"))?;
        match name.as_str() {
            "--seed" => (order.from, order.count) = (value, 1),
            "--seeds" => order.count = value,
            "--from" => order.from = value,
            _ => return Err(format!("{name} is not known; {USAGE}")),
        }
    }
    Ok(order)
}

fn run(order: &Order) -> Result<u64, String> {
    let mut failed = 0;
    for seed in order.from..order.from.saturating_add(order.count) {
        let begun = Instant::now();
        let folder = world::folder().map_err(|error| format!("no folder to work in: {error}"))?;
        match world::run(seed, folder.path(), order.tells) {
            Ok(summary) => println!("seed {seed} ok: {summary}, {} ms", begun.elapsed().as_millis()),
            Err(failure) => {
                println!("{failure}");
                failed += 1;
            }
        }
    }
    Ok(failed)
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|order| run(&order)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} seeds failed");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let parse = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        assert_eq!(parse("--tell --seed 7"), Ok(Order { from: 7, count: 1, tells: true }));
        assert_eq!(parse("--seeds 20 --from 5"), Ok(Order { from: 5, count: 20, tells: false }));
        assert!(parse("--seeds").is_err() && parse("--size 3").is_err());
    }
}
