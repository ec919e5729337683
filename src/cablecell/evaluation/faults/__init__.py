"""Injected faults: a stand-in cell with a simulated clock under the cell's own supervision."""
