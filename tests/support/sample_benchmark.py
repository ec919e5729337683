"""A benchmark for the tests of the benchmark contract."""

from __future__ import annotations


def run(*, n: int, seed: int, workers: int) -> tuple[list[dict[str, int]], dict[str, float]]:
    """Return n rows that depend on the seed."""
    return [{"trial": i, "value": seed + i} for i in range(n)], {"workers": float(workers)}
