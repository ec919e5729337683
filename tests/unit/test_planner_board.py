"""The planner's board: as designed, swept until it is seen, and nothing read of where the trial puts its modules."""

import itertools

import numpy as np
import pytest
from cablecell_interfaces.msg import PortEstimate, PortEstimateArray

from cablecell.composition.board_modules import design_bodies, slot_of
from cablecell.composition.planning_board import PlanningBoard, SeenBoard
from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import slot_arguments
from cablecell.configuration import load_trials
from cablecell.core.config.trial import MOUNT_RAILS, NIC_RAILS, SC_RAILS
from cablecell.core.geometry import make_pose
from cablecell.core.motion.errors import UnknownFrameError
from cablecell.core.motion.scene import obstacles_from_urdf
from cablecell.core.perception.layout import read_layout
from cablecell.ros.conversions import fill_pose
from cablecell.ros.estimator_layout import BoardLayout, load_layout
from cablecell.ros.planner_scene import PlanningScene
from tests.support.motion import model

PORT = "nic_card_mount_0/sfp_port_0"
X_MOVED = make_pose(np.eye(3), (0.01, -0.2, 0.15))
X_BASE_BOARD = make_pose(np.diag([-1.0, -1.0, 1.0]), (0.35, 0.1, -0.02))
SEEN = SeenBoard(X_BASE_BOARD)


def planning_board(layout):
    return PlanningBoard(layout.bodies, layout.ports, layout.X_world_board, 0.02)


def drawn(rng):
    """A board with everything on it, each somewhere on its rail and turned as far as it may be."""
    trial = load_trials(None).trials["trial_1"]
    board, limits = trial.scene.task_board, trial.task_board_limits
    changes = {}
    for rails, limit, turn in (
        (NIC_RAILS, limits.nic_rail, 0.1745),
        (SC_RAILS, limits.sc_rail, 0.1745),
        (MOUNT_RAILS, limits.mount_rail, 1.047),
    ):
        for name in rails:
            pose = board.nic_rail_0.entity_pose.model_copy(
                update={
                    "translation": rng.uniform(limit.min_translation, limit.max_translation),
                    "yaw": rng.uniform(-turn, turn),
                }
            )
            changes[name] = board.nic_rail_0.model_copy(update={"entity_present": True, "entity_pose": pose})
    return board.model_copy(update=changes)


def corners(obstacle):
    points = np.array(list(itertools.product(*((-0.5, 0.5),) * 3))) * np.array(obstacle.shape.size)
    return points @ obstacle.X_base_shape[:3, :3].T + obstacle.X_base_shape[:3, 3]


def see(board, truth, names):
    """What cameras have found that know of some of the ports."""
    return board.seen(X_BASE_BOARD, {name: X_BASE_BOARD @ truth[name].X_board_entrance for name in names})


@pytest.fixture(scope="module")
def full():
    """The layout with every slot used: what a planner may know of `drawn`, whatever is drawn."""
    trial = load_trials(None).trials["trial_1"]
    bodies = design_bodies(drawn(np.random.default_rng(0)), trial.task_board_limits)
    return BoardLayout("full", bodies, read_layout(bodies.urdf), np.eye(4), "sfp_tip", None)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_anywhere_on_its_rail_is_inside_of_what_is_kept_away_from(full, seed):
    board = planning_board(full)
    kept = {}
    for obstacle in board.obstacles(SEEN):
        kept.setdefault(slot_of(obstacle.name), []).append(obstacle)
    real = obstacles_from_urdf(
        load_task_board_description(**slot_arguments(drawn(np.random.default_rng(seed)))), X_BASE_BOARD
    )
    assert {slot_of(obstacle.name) for obstacle in real} == set(kept)
    for slot, group in itertools.groupby(real, key=lambda obstacle: slot_of(obstacle.name)):
        for body, place in zip(group, kept[slot], strict=True):
            inside = corners(body) - place.X_base_shape[:3, 3]
            inside = inside @ place.X_base_shape[:3, :3]
            assert np.all(np.abs(inside) <= 0.5 * np.array(place.shape.size) + 1e-9), body.name


def test_a_module_that_was_seen_is_where_it_was_seen_and_the_others_may_be_anywhere(full):
    rng = np.random.default_rng(5)
    urdf = load_task_board_description(**slot_arguments(drawn(rng)))
    truth = read_layout(urdf)
    board = planning_board(full)
    seen = see(board, truth, ["nic_card_mount_2/sfp_port_1"])
    real = {id(o): o for o in obstacles_from_urdf(urdf, X_BASE_BOARD) if slot_of(o.name) == "nic_card_mount_2"}
    kept = [o for o in board.obstacles(seen) if slot_of(o.name) == "nic_card_mount_2"]
    for body, place in zip(real.values(), kept, strict=True):
        assert np.allclose(body.X_base_shape, place.X_base_shape, atol=1e-9), body.name
        assert body.shape == place.shape
    free = {slot_of(o.name): o.shape for o in board.obstacles(seen)}
    assert free["sc_port_0"] == {slot_of(o.name): o.shape for o in board.obstacles(SEEN)}["sc_port_0"]


def test_goals_may_name_the_ports_of_modules_that_were_seen_only(full):
    truth = read_layout(load_task_board_description(**slot_arguments(drawn(np.random.default_rng(7)))))
    board = planning_board(full)
    assert board.frames(SeenBoard()) == {}
    assert set(board.frames(SEEN)) == {"task_board"}
    frames = board.frames(see(board, truth, ["nic_card_mount_2/sfp_port_1"]))
    assert set(frames) == {
        "task_board",
        "nic_card_mount_2/sfp_port_0_entrance",
        "nic_card_mount_2/sfp_port_1_entrance",
    }
    name = "nic_card_mount_2/sfp_port_0"  # of the same card, and not seen itself
    assert np.allclose(frames[f"{name}_entrance"], X_BASE_BOARD @ truth[name].X_board_entrance, atol=1e-9)


def test_where_a_trial_puts_its_modules_is_not_read():
    layout = load_layout("", "trial_1")
    trial = load_trials(None).trials["trial_1"]
    real = read_layout(load_task_board_description(**slot_arguments(trial.scene.task_board)))
    name = "nic_card_mount_0/sfp_port_0"
    offset = layout.ports[name].X_board_entrance[:3, 3] - real[name].X_board_entrance[:3, 3]
    # The trial has the card at 36 mm; its rail goes from -48 to 36 mm.
    assert offset == pytest.approx((-0.042, 0.0, 0.0), abs=1e-9)


def test_a_board_that_was_not_seen_is_kept_away_from_where_it_is_put():
    layout = load_layout("", "trial_1")
    board = planning_board(layout)
    unseen, seen = board.obstacles(SeenBoard()), board.obstacles(SeenBoard(layout.X_world_board))
    for wide, tight in zip(unseen, seen, strict=True):
        assert np.allclose(np.array(wide.shape.size), np.array(tight.shape.size) + 0.04)
        assert np.allclose(wide.X_base_shape, tight.X_base_shape)


def test_what_another_layout_calls_its_ports_is_not_taken(full):
    assert planning_board(full).seen(X_BASE_BOARD, {"other/port": np.eye(4)}).moves == {}


def test_a_message_tells_the_planner_of_board_and_modules():
    scene = PlanningScene(model(), load_layout("", "trial_1"), assume_held=True, unseen_margin_m=0.02)
    message = PortEstimateArray(ports=[PortEstimate(port_name=PORT, sources=PortEstimate.SOURCE_BOARD_MODEL)])
    fill_pose(message.ports[0].pose.pose, X_BASE_BOARD @ X_MOVED)
    fill_pose(message.board.pose, X_BASE_BOARD)
    scene.take_ports(message)
    assert not scene.is_seen
    message.board_looks = 1
    scene.take_ports(message)
    assert np.allclose(scene.frame("task_board"), X_BASE_BOARD)
    with pytest.raises(UnknownFrameError, match="when its module is seen"):
        scene.frame(f"{PORT}_entrance")
    message.ports[0].sources |= PortEstimate.SOURCE_CAMERA
    scene.take_ports(message)
    assert np.allclose(scene.frame(f"{PORT}_entrance"), X_BASE_BOARD @ X_MOVED)
