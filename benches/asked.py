"""Do questions slow down what listens? The highest pace at which `weir run` loses less than one flow in ten thousand, and its
processor time a flow, while nobody asks and while ten processes ask the store that is written to, one question after the
other. The store holds millions of flows already, so that every question has something to read."""

import os
import subprocess
import threading

import data
import highest
import imports
import nfacctd
import receive
import setting
import table

AT_ONCE = int(os.environ.get("ASKED_AT_ONCE", "10"))
QUESTIONS = [
    ["top", "--no-cache", "dst_addr"],
    ["top", "--no-cache", "proto", "octets > 100000"],
    ["top", "--no-cache", "src_addr,dst_addr"],
    ["usage", "--last", "1h"],
    ["top", "--no-cache", "dst_port", "port 443"],
]


def main():
    flowgen = data.generator()
    pcap = data.capture("v9", max(setting.FLOWS))
    if flowgen is None or pcap is None:
        return table.skipped("asked", "there is no flowgen")
    nfacctd.adopt_orphans()
    rows = []
    for at_once in (0, AT_ONCE):
        askers = Askers(at_once)
        cells = highest.climb(flowgen, "v9", f"{at_once} ask", lambda what, askers=askers: take(what, pcap, askers))
        rows.append([f"{at_once} questions at once" if at_once else "nobody asks", *cells, f"{len(askers.answered):,}"])
    table.publish("asked", "Receiving while questions are asked",
                  table.markdown(["weir, v9", "thousand flows a second", "CPU s a million flows there", "lost there",
                                  "lost one step higher", "questions answered in all steps"], rows),
                  f"{highest.SECONDS} s a step, the better of {highest.TRIES} tries; steps of "
                  f"{', '.join(map(str, highest.STEPS))} thousand flows a second, into a store of {max(setting.FLOWS):,}; "
                  "generator and questions share the two cores.")


def take(what, pcap, askers):
    """Has weir take what is offered into a store that holds much already, and be asked meanwhile."""
    imports.weir(pcap)
    store = setting.WORK / "weir"
    held = receive.octets(store)
    port = receive.free_port()
    askers.begin(store)
    run = receive.hear(what, port, [setting.WEIR, "run", "-c", what.configuration, "--store", store,
                                    "--listen", f"127.0.0.1:{port}"])
    askers.end()
    run.value = receive.lost(what, receive.octets(store) - held)
    return run


class Askers:
    """Processes that ask one question after the other, so many at once."""

    def __init__(self, at_once):
        self.at_once, self.answered, self.ending, self.threads = at_once, [], threading.Event(), []

    def begin(self, store):
        self.ending.clear()
        self.threads = [threading.Thread(target=self.ask, args=(store, first)) for first in range(self.at_once)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def ask(self, store, number):
        while not self.ending.is_set():
            question = QUESTIONS[number % len(QUESTIONS)]
            subprocess.run([setting.WEIR, *question, "--store", store, "-o", "json"], check=True, stdout=subprocess.DEVNULL)
            number += 1
            self.answered.append(question)


if __name__ == "__main__":
    main()
