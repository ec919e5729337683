"""Generates and compiles ROS 2 interface packages at `pip install`, without CMake.

Entry point for build front ends: `rosidl_pip.backend` (PEP 517 and PEP 660).
"""
