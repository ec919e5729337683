"""An arm without dynamics behind the UR controller of the simulation, in a process of its own, with knobs for tests."""
