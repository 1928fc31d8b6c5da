"""A process of one Python library: answers what bench/remote.mjs asks. `serve.py <library> <threads> <wall or cpu>`.

A peer module has `kinds(library, threads)`: by kind of case, a function of its parameters that returns (step, check) or None.
"""

import gc
import importlib
import json
import math
import os
import re
import sys
import time

MB = 2**20


class Side:
    """A case of this library: its numbers, then its times."""

    def __init__(self, step, clock):
        self.step, self.clock, self.steps = step, clock, 1

    def loop(self, n):
        """ms a step, over n steps."""
        step = self.step
        start = self.clock()
        for _ in range(n):
            step()
        return (self.clock() - start) * 1e3 / n

    def warm(self, warm, sample, **_):
        gc.collect()
        start = time.process_time()
        n, each = 1, self.loop(1)
        while (left := warm - (time.process_time() - start) * 1e3) > 0:
            n = max(1, min(n * 2, math.ceil(left / max(each, 1e-6))))
            each = self.loop(n)
        self.steps = max(1, math.ceil(sample / max(each, 1e-6)))
        return each * self.steps


def resident(field):
    """VmRSS or VmHWM in MB; not getrusage's, which begins with the parent's."""
    with open("/proc/self/status") as status:
        return int(re.search(rf"{field}:\s+(\d+)", status.read())[1]) / 1024


def memory(step, steps, seconds):
    until = time.perf_counter() + seconds
    for _ in range(min(200, steps // 5)):
        step()
    before = most = resident("VmRSS")
    done = 0
    while done < steps and time.perf_counter() < until:
        step()
        done += 1
        if done % math.ceil(steps / 100) == 0:
            most = max(most, resident("VmRSS"))
    return {"growth": max(most, resident("VmRSS")) - before, "peak": resident("VmHWM"), "steps": done}


def main():
    library, threads, clock = sys.argv[1:]
    out = os.fdopen(3, "w", buffering=1)

    def answer(message):
        out.write(json.dumps(message) + "\n")

    # 'jax-jit' is a way to use jax.
    peer = importlib.import_module("peer_" + library.split("-")[0])
    kinds = peer.kinds(library, int(threads))
    answer({"value": {"kinds": list(kinds), "version": peer.VERSION}})
    side = None
    for line in sys.stdin:
        asked = json.loads(line)
        command = asked.pop("command")
        try:
            value = None
            if command in ("open", "memory"):
                made = kinds[asked["kind"]](**(asked.get("given") or {}))
                if command == "memory":
                    value = memory(made[0], int(asked["steps"]), asked["seconds"])
                elif made is not None:
                    side = Side(made[0], time.process_time if clock == "cpu" else time.perf_counter)
                    value = [x if math.isfinite(x) else None for x in map(float, made[1]())]
            elif command == "warm":
                value = side.warm(**asked)
            elif command == "sample":
                value = side.loop(side.steps)
            elif command == "close":
                side = made = None
                gc.collect()
            answer({"value": value})
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}".split("\n")[0]})


main()
