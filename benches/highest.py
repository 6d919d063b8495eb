"""The highest offered pace at which a collector loses less than one flow in ten thousand, the generator on the same
cores. Each step up a ladder offers a pace for some seconds; a collector's last step that it passes, and all before, is
its figure. What is lost is what was sent and is not in the store, whatever the collector says itself."""

import os

import data
import measure
import nfacctd
import receive
import setting
import table

# Flows a second, in thousands.
STEPS = [int(n) for n in os.environ.get("HIGHEST_STEPS", "200,300,400,500,600,800,1000,1200,1400,1600,1800,2000").split(",")]
SECONDS = int(os.environ.get("HIGHEST_SECONDS", "10"))
PROTOCOLS = os.environ.get("HIGHEST_PROTOCOLS", "v5,v9,ipfix").split(",")
# A step is taken if one of so many tries passes: the machine is shared.
TRIES = int(os.environ.get("HIGHEST_TRIES", "2"))
LOSS_MAX = 0.0001
# Flows in a datagram of 1500 octets, as flowgen makes them.
FLOWS_A_DATAGRAM = {"v5": 30.0, "v9": 24.63, "ipfix": 20.2}


def main():
    flowgen = data.generator()
    if flowgen is None:
        return table.skipped("highest", "there is no flowgen")
    nfacctd.adopt_orphans()
    rows = []
    for protocol in PROTOCOLS:
        first = offer(flowgen, protocol, STEPS[0])
        for name in receive.sides(first):
            rows.append([f"{protocol}, {name}", *climb(flowgen, protocol, name, lambda what, name=name: receive.sides(what)[name]())])
    table.publish("highest", "The highest pace with less than 0.01 % lost",
                  table.markdown(["protocol, program", "thousand flows a second", "CPU s a million flows there",
                                  "lost there", "lost one step higher"], rows),
                  f"{SECONDS} s a step, the better of {TRIES} tries; steps of {', '.join(map(str, STEPS))} thousand "
                  "flows a second; the generator shares the two cores.")


def offer(flowgen, protocol, thousands):
    pace = round(thousands * 1000 / FLOWS_A_DATAGRAM[protocol])
    return receive.Offer(flowgen, protocol, thousands * 1000 * SECONDS, pace)


def climb(flowgen, protocol, name, take):
    """The cells of a collector; `take` has it take what is offered."""
    best = ["none", "", ""]
    for thousands in STEPS:
        what = offer(flowgen, protocol, thousands)
        runs = []
        for _ in range(TRIES):
            runs.append(take(what))
            said = what.said()
            print(f"  {protocol} {name}: {thousands} k/s offered, {said['flows_per_s'] / 1000:.0f} k/s sent, "
                  f"lost {runs[-1].value:.4%}, CPU {runs[-1].cpu_s / what.flows * 1e6:.2f}", flush=True)
            if runs[-1].value < LOSS_MAX:
                break
        run = min(runs, key=lambda r: r.value)
        if run.value >= LOSS_MAX:
            return [*best, f"{run.value:.3%}"]
        best = [f"{said['flows_per_s'] / 1000:.0f}", f"{run.cpu_s / what.flows * 1e6:.2f}", f"{run.value:.4%}"]
    return [*best, "–"]


if __name__ == "__main__":
    main()
