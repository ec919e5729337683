"""Backends that are not simulated: an ideal arm, and any arm behind standard ros2_control interfaces."""
