"""A UR controller as its clients meet it: RTDE, dashboard, script and gripper ports, with any arm behind them.

It speaks what was measured of `ur-rtde` 1.6.5 and what the maker documents; no real controller was compared with it.
"""
