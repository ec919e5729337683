"""The checks of the benchmark `control`: the arm at rest, in motion, in contact."""
