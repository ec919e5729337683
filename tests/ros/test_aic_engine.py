"""The engine says what is missing or against the rules, and which code that has."""

import sys
import time

import pytest
import yaml
from aic_task_interfaces.action import InsertCable
from aic_task_interfaces.msg import Task
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.action import ActionServer, GoalResponse

from cablecell.core.config.aic import AicEngineParameters
from cablecell.evaluation.aic_model_client import AicModelError, ModelClient
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

SHORT = AicEngineParameters(
    model_discovery_timeout_seconds=1.0, model_configure_timeout_seconds=5.0, endpoint_ready_timeout_seconds=5.0
)


class FakeModel(GraphClient):
    """Answers as it is told to, right or wrong."""

    def __init__(self, *, state=State.PRIMARY_STATE_UNCONFIGURED, configures=True):
        super().__init__("aic_model")
        self.state, self.configures = state, configures
        self.node.create_service(GetState, "/aic_model/get_state", self.get)
        self.node.create_service(ChangeState, "/aic_model/change_state", self.change)
        self.server = ActionServer(self.node, InsertCable, "/insert_cable", execute_callback=self.execute)

    def close(self):
        self.run(self.server.destroy)
        super().close()

    def get(self, _, response):
        response.current_state.id = self.state
        return response

    def change(self, _, response):
        response.success = self.configures
        return response

    def execute(self, handle):
        handle.abort()
        return InsertCable.Result()


@pytest.fixture
def model():
    with GraphClient("engine") as graph:

        def spin_until(condition, limit_s):
            end_s = time.monotonic() + limit_s
            while not condition():
                if time.monotonic() > end_s:
                    return False
                time.sleep(0.01)
            return True

        client = ModelClient(graph.node, spin_until, SHORT)
        yield client
        graph.run(client.destroy)


def test_no_model(model):
    with pytest.raises(AicModelError, match="no node aic_model within 1 s") as caught:
        model.find()
    assert caught.value.code == 860


def test_a_model_that_takes_goals_before_it_is_active(model):
    with FakeModel():
        model.find()
        with pytest.raises(AicModelError, match="takes goals before it is active"):
            model.prepare(Task())


def test_a_model_that_is_configured_already(model):
    with FakeModel(state=State.PRIMARY_STATE_INACTIVE):
        model.find()
        with pytest.raises(AicModelError, match="must begin unconfigured"):
            model.prepare(Task())


def test_a_model_that_cannot_be_configured(model):
    with FakeModel(configures=False):
        model.find()
        with pytest.raises(AicModelError, match="refuses to configure"):
            model.prepare(Task())


def test_two_models(model):
    with FakeModel(), FakeModel():
        wait_until(lambda: model._count() == 2)
        with pytest.raises(AicModelError, match="there are 2 nodes"):
            model.find()


def test_without_a_model_every_trial_fails_in_tier_1(tmp_path):
    parameters = ("-p", "model_discovery_timeout_seconds:=1.0", "-p", f"results_dir:={tmp_path}")
    with Process(sys.executable, "-m", "cablecell.evaluation.aic_engine", "--ros-args", *parameters) as engine:
        assert engine.wait() == 1
    document = yaml.safe_load((tmp_path / "scoring.yaml").read_text())
    assert document["total"] == 0.0
    assert [document[f"trial_{i}"]["tier_1"]["score"] for i in (1, 2, 3)] == [0.0] * 3
    assert "code 860" in engine.output


def test_without_a_simulation_no_trial_is_set_up(tmp_path):
    parameters = ("-p", "endpoint_ready_timeout_seconds:=1.0", "-p", f"results_dir:={tmp_path}")
    with (
        RefusingModel(),
        Process(sys.executable, "-m", "cablecell.evaluation.aic_engine", "--ros-args", *parameters) as engine,
    ):
        assert engine.wait() == 1
    assert "code 861: no node aic_adapter_node within 1 s" in engine.output


class RefusingModel(FakeModel):
    """Keeps to the rules: it refuses goals."""

    def __init__(self):
        super().__init__()
        self.server.register_goal_callback(lambda _: GoalResponse.REJECT)
