"""Raises."""

from aic_model.policy import Policy


class Broken(Policy):
    def insert_cable(self, task, get_observation, move_robot, send_feedback):
        raise RuntimeError("my network is missing")
