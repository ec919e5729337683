"""Kinematics, collision, planning and timing of one arm: from a pose that is wanted to a trajectory that may be run."""
