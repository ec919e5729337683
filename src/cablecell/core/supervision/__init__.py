"""Supervision: link health, and later PackML, jobs, recovery and OEE."""
