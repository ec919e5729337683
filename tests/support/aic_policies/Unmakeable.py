"""Cannot be made: its weights are not there."""

from aic_model.policy import Policy


class Unmakeable(Policy):
    def __init__(self, parent_node):
        super().__init__(parent_node)
        raise FileNotFoundError("weights.pt")

    def insert_cable(self, task, get_observation, move_robot, send_feedback):
        return True
