"""Time random joint paths and judge each on a grid of 0.2 ms: `.venv/bin/python benchmarks/time_many.py 1000000`.

The grid is ten times finer than a controller's. A sample of the same problems is a property test.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from cablecell.evaluation.timing_problems import judge, random_problem


def main() -> None:
    """Print what the worst problems use of their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    use = np.empty((arguments.n, 3))
    begun, errors = time.process_time(), 0
    for k in range(arguments.n):
        verdict = judge(random_problem(arguments.seed, k))
        use[k] = verdict.velocity, verdict.acceleration, verdict.jerk
        errors += not verdict.is_on_path
    summary = {
        "n": arguments.n,
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
