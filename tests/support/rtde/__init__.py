"""A UR controller for tests, in a process of its own: RTDE, dashboard, script and gripper ports, an arm behind them.

It speaks what was measured of `ur-rtde` 1.6.5 and what the maker documents; no real controller was compared with it.
"""
