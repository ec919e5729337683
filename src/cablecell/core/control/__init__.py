"""Arm control as pure step functions: impedance, admittance, trajectories, commands, limits and watchdog."""
