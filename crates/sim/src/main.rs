//! `sim`: runs worlds by their seeds, and says of each how it ended.

use sim::world::{Order, Summary};
use sim::{commit, run_many};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str =
    "usage: sim [--seed N | --seeds COUNT [--from N]] [--hours H] [--deadly] [--jobs J] [--tell]
  --seed N      one world, of this seed
  --seeds COUNT so many worlds (10), of the seeds from N (0) on
  --hours H     each lasts so many simulated hours; otherwise some hundred steps
  --deadly      things go wrong five times as often
  --jobs J      so many at once (1)
  --tell        say on stderr what happens";

/// Which worlds.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    first: Order,
    count: u64,
    jobs: u64,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan { first: Order::default(), count: 10, jobs: 1 };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--tell" => plan.first.tells = true,
            "--deadly" => plan.first.is_deadly = true,
            "--seed" | "--seeds" | "--from" | "--jobs" | "--hours" => {
                let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
                let value = value.ok_or_else(|| format!("{name} wants a number\n{USAGE}"))?;
                match name.as_str() {
                    "--seed" => (plan.first.seed, plan.count) = (value, 1),
                    "--seeds" => plan.count = value,
                    "--from" => plan.first.seed = value,
                    "--jobs" => plan.jobs = value.max(1),
                    _ => plan.first.hours = Some(u32::try_from(value).map_err(|_| "too many hours")?),
                }
            }
            _ => return Err(format!("{name} is not known\n{USAGE}")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<u64, String> {
    println!("commit {}", commit());
    let begun = Instant::now();
    let mut failed = 0;
    let mut sum = Summary::default();
    run_many(plan.first, plan.count, plan.jobs, |order, result| match result {
        Ok(summary) => {
            sum += *summary;
            println!("seed {} ok: {summary}", order.seed);
        }
        Err(failure) => {
            println!("{failure}\n  commit {}", commit());
            failed += 1;
        }
    })?;
    println!(
        "{} seeds in {} s, {failed} failed: {sum}; commit {}",
        plan.count,
        begun.elapsed().as_secs(),
        commit()
    );
    Ok(failed)
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|plan| run(&plan)) {
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
    fn plans_are_read() {
        let parse = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        let first = Order { seed: 7, hours: Some(48), is_deadly: false, tells: true };
        assert_eq!(parse("--tell --seed 7 --hours 48"), Ok(Plan { first, count: 1, jobs: 1 }));
        let first = Order { seed: 5, is_deadly: true, ..Order::default() };
        assert_eq!(parse("--seeds 20 --from 5 --jobs 2 --deadly"), Ok(Plan { first, count: 20, jobs: 2 }));
        assert!(parse("--seeds").is_err() && parse("--size 3").is_err());
    }
}
