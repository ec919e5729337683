"""Time random joint paths and judge each on a grid of 0.2 ms: `.venv/bin/python benchmarks/time_many.py 1000000`.

The grid is ten times finer than a controller's. A sample of the same problems is a property test. Interrupted (SIGINT,
SIGTERM), it tells what it has seen so far; `--first` goes on from there.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time

import numpy as np

from cablecell.evaluation.timing_problems import judge, random_problem


def main() -> None:
    """Print what the worst problems use of their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first problem")
    arguments = parser.parse_args()
    use = np.empty((arguments.n, 3))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    begun, errors, n = time.process_time(), 0, 0
    try:
        while n < arguments.n:
            verdict = judge(random_problem(arguments.seed, arguments.first + n))
            use[n] = verdict.velocity, verdict.acceleration, verdict.jerk
            errors += not verdict.is_on_path
            n += 1
    except KeyboardInterrupt:
        if n == 0:
            raise
    use = use[:n]
    summary = {
        "seed": arguments.seed,
        "first": arguments.first,
        "n": n,
        "velocity_max": float(use[:, 0].max()),
        "acceleration_max": float(use[:, 1].max()),
        "jerk_p95": float(np.percentile(use[:, 2], 95)),
        "jerk_max": float(use[:, 2].max()),
        "violations": int(((use[:, :2] > 1.0 + 1e-6).any(axis=1)).sum()),
        "off_path": errors,
        "cpu_s": time.process_time() - begun,
    }
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
