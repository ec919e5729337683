"""Benchmarks, trials and scoring."""
