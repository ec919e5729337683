"""Modules and their ports' rims: drawings, edges in sight, the search along the rail, the state they become part of.

Images are rendered of nothing but the module's boxes on a dark ground, so where everything is is known exactly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import BoardState, CameraRig
from cablecell.core.fusion.module_find import find_module, follow_module
from cablecell.core.fusion.module_looks import ModuleFinder
from cablecell.core.fusion.module_update import SCHEDULE, ModuleLook, fit_module, put_module
from cablecell.core.fusion.ports import PortOnBoard, port_estimate
from cablecell.core.fusion.view_choice import ViewProblem, choose_view
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, make_pose, pose_from_xyz_rpy
from cablecell.core.perception.boxes import Boxes
from cablecell.core.perception.edge_equations import edge_rows, normal_equations
from cablecell.core.perception.edge_kernels import contested, sight
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.module_search import Place, search_module, slid
from cablecell.core.perception.module_structure import structure_fit
from cablecell.core.perception.module_views import ModuleView, noise_levels
from cablecell.core.perception.modules import Freedom, design_module, port_walls, rim_edges
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.core.perception.reprojection import project
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.render_scene import Box, RenderScene
from tests.support.board_scene import BOARDS, MOUNTS, PATCHES

SIZE = (1152, 1024)
CONNECTORS = load_connectors()
ERRORS = EstimatorSettings()
VISION = PortVisionSettings()
FREEDOM = Freedom((1.0, 0.0, 0.0), 0.03, 0.15)
PORT = "card/port_0"
TWIN = "card/port_1"
# The tool 0.12 m above the ports, looking straight down at a card in the middle of the board.
X_BASE_TCP = BOARDS[1] @ pose_from_xyz_rpy((0.0, 0.0, 0.22), (np.pi, 0.0, 0.0))


def card(family: str = "sfp", *, twin: bool = True, freedom=FREEDOM, others: Boxes | None = None):
    """A module with one port or two of a family, 23.2 mm apart, and what else belongs to it."""
    places = {PORT: 0.0116, TWIN: -0.0116} if twin else {PORT: 0.0}
    ports = {
        name: NominalPort(name, pose_from_xyz_rpy((x, 0.0, 0.1), (np.pi, 0.0, 0.0)), 0.04) for name, x in places.items()
    }
    return ports, design_module("card", np.zeros(3), freedom, ports, dict.fromkeys(ports, CONNECTORS[family]), others)


def bezel() -> Boxes:
    """A bezel round both cages of a card, its board and its foot; nothing of it repeats at the ports' distance."""
    sizes = [
        (0.11, 0.005, 0.001),
        (0.11, 0.002, 0.001),
        (0.035, 0.011, 0.001),
        (0.045, 0.011, 0.001),
        (0.09, 0.02, 0.015),
    ]
    centres = [
        (-0.007, 0.009, 0.098),
        (-0.007, -0.007, 0.098),
        (0.04, 0.0, 0.098),
        (-0.041, 0.0, 0.098),
        (0.0, 0.0, 0.03),
    ]
    return Boxes.of(np.array(sizes), np.array([make_pose(np.eye(3), centre) for centre in centres]))


def state(X_base_board=BOARDS[1], sigma_m: float = 1e-4, sigma_rad: float = 2e-4) -> BoardState:
    """A board that is known well, with calibrated cameras."""
    rig = CameraRig.calibrated(MOUNTS, ERRORS)
    P = np.zeros((24, 24))
    P[:6, :6] = np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3)
    P[6:, 6:] = 0.01 * rig.covariance
    return BoardState(0.0, X_base_board, dict(MOUNTS), P, 1, 0.0)


def draw(design, X_board_module, seed, *, X_base_tcp=X_BASE_TCP, cover=None):
    """Images of the module's boxes, and of a cover given as (centre, size) in the module's frame."""
    boxes, scene = design.boxes, RenderScene()
    visuals = [
        Box(tuple(2.0 * half), (0.6, 0.62, 0.65, 1.0), make_pose(rotation, centre))
        for centre, rotation, half in zip(boxes.centre, boxes.rotation, boxes.half, strict=True)
    ]
    ground = Box((1.0, 1.0, 0.01), (0.2, 0.2, 0.22, 1.0), make_pose(np.eye(3), (0.0, 0.0, -0.12)))
    scene.add_body("module", [*visuals, ground], BOARDS[1] @ X_board_module)
    if cover is not None:
        centre, size = cover
        scene.add_body(
            "cover", [Box(size, (0.5, 0.3, 0.2, 1.0), make_pose(np.eye(3), centre))], BOARDS[1] @ X_board_module
        )
    views = {}
    errors = ImageErrors(blur_sigma_px=0.7)
    light = RenderSettings(light_direction=(0.4, -0.3, 1.0))
    for name, mount in MOUNTS.items():
        pose = CameraPose(0.0, X_base_tcp @ mount)
        eye = SimulatedCamera(name, name, scene, lambda pose=pose: pose, errors=errors, settings=light, seed=seed)
        views[name] = ModuleView(eye.capture(), SIZE)
    return views


def look(views) -> ModuleLook:
    return ModuleLook(0.0, X_BASE_TCP, views)


@pytest.mark.parametrize("family", [name for name, c in CONNECTORS.items() if c.port.walls])
def test_every_rim_edge_is_an_edge_of_its_walls(family):
    walls = port_walls(CONNECTORS[family])
    low, high = walls.centre - walls.half, walls.centre + walls.half
    for ends in rim_edges(CONNECTORS[family]):
        for point in ends:
            on_a_corner = np.all(np.isclose(point, low) | np.isclose(point, high), axis=1)
            assert on_a_corner.any()


def test_a_seam_between_two_walls_is_no_edge_and_a_rim_is_one():
    _, design = card(twin=False)
    eye = np.array([0.02, 0.03, 0.3])
    edges, boxes = design.edges, design.boxes
    seen = sight(edges.points, edges.along, eye, 3e-4, boxes.centre, boxes.rotation, boxes.half)
    walls = CONNECTORS["sfp"].port.walls
    right = next(wall for wall in walls if wall.name == "plus_x")
    inner = np.isclose(edges.points[:, 0], right.x_m[0], atol=1e-6) & (np.abs(edges.points[:, 1]) < 4.0e-3)
    assert np.all(seen[inner] > 0)
    top = next(wall for wall in walls if wall.name == "plus_y")
    # Where plus_x crosses under plus_y both tops are one face (y of the board runs against y of the port).
    seam = np.isclose(edges.points[:, 0], right.x_m[0], atol=1e-6) & (-edges.points[:, 1] > top.y_m[0] + 2e-4)
    assert np.all(seen[seam & (-edges.points[:, 1] < top.y_m[1] - 2e-4)] == 0)


def test_an_edge_found_nearer_to_another_edge_is_that_one():
    pixels = np.array([[10.0, 10.0], [10.0, 14.0], [10.0, 30.0]])
    normals = np.tile([0.0, 1.0], (3, 1))
    edges = np.array([1, 2, 3])
    assert contested(pixels, normals, edges, np.array([3.5, 0.1, np.nan]), 2.5).tolist() == [True, False, False]


def test_rows_of_edges_are_the_derivative_of_what_a_camera_sees():
    rng = np.random.default_rng(3)
    points, along = rng.uniform(-0.02, 0.02, (12, 3)), rng.normal(size=(12, 3))
    X, K = pose_from_xyz_rpy((0.01, -0.02, 0.3), (0.2, -0.1, 0.7)), CameraIntrinsics().matrix()
    pixels, normals, rows = edge_rows(points, along, X, K)
    np.testing.assert_allclose(pixels, project(points, X, K)[0], atol=1e-9)
    ahead = project(points + 1e-7 * along, X, K)[0] - pixels
    np.testing.assert_allclose(np.einsum("ni,ni->n", ahead, normals) / np.linalg.norm(ahead, axis=1), 0.0, atol=1e-5)
    for i, step in enumerate(1e-7 * np.eye(6)):
        moved = project(points, X @ exp_se3(step), K)[0] - project(points, X @ exp_se3(-step), K)[0]
        np.testing.assert_allclose(np.einsum("ni,ni->n", moved, normals) / 2e-7, rows[:, i], rtol=1e-5, atol=1e-3)


def test_the_points_of_an_edge_share_an_error():
    """The sums are those of least squares with the covariance s^2 I + b^2 1 1^T of every edge."""
    rng = np.random.default_rng(4)
    rows, r, edges = rng.normal(size=(30, 6)), rng.normal(size=30), np.sort(rng.integers(0, 4, 30))
    sigma, shared = rng.uniform(0.2, 0.5, 30), 0.3
    H, g, _, _ = normal_equations(rows, r, 1.0 / sigma**2, edges, shared)
    W = np.linalg.inv(np.diag(sigma**2) + shared**2 * (edges[:, None] == edges[None, :]))
    np.testing.assert_allclose(H, rows.T @ W @ rows, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(g, rows.T @ W @ r, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", ["sfp", "sc", "rj45", "usb_c", "lc", "jst_ph_4", "peg_rect"])
def test_a_module_is_found_wherever_it_is_on_its_rail(family):
    rng = np.random.default_rng([7, sorted(CONNECTORS).index(family)])
    _, design = card(family, twin=False)
    doubts = []
    for _ in range(3):
        X_true = slid(design, rng.uniform(-0.028, 0.028), rng.uniform(-0.14, 0.14))
        answer = find_module(state(), design, look(draw(design, X_true, 5)), ERRORS, VISION)
        if isinstance(answer, NoEstimate):
            doubts.append(answer)
            continue
        found, sight_of = answer
        error = log_se3(invert_pose(X_true) @ found.modules["card"])
        assert np.linalg.norm(error[:2]) < 1.5e-4
        assert abs(error[2]) < 4e-4
        assert abs(error[5]) < 0.01
        assert sight_of.share > 0.7
    # A wall as thin as a pixel may leave it open which of its edges is which; then it is said, not guessed.
    assert len(doubts) <= 1
    assert all(doubt.reason is Reason.AMBIGUOUS for doubt in doubts)


def test_the_search_ranks_the_true_place_first_and_twins_do_not_swap():
    """A card with two ports is like itself shifted by their distance; the pair decides."""
    rng = np.random.default_rng(11)
    ports, design = card()
    for _ in range(10):
        X_true = slid(design, rng.uniform(-0.028, 0.028), rng.uniform(-0.14, 0.14))
        views = draw(design, X_true, 5)
        boards = {name: invert_pose(X_BASE_TCP @ X) @ BOARDS[1] for name, X in MOUNTS.items()}
        places = search_module(design, views, boards, VISION)
        assert np.linalg.norm((places[0].X_board_module - X_true)[:3, 3]) < 0.0015
        after, _ = find_module(state(), design, look(views), ERRORS, VISION)
        for name in ports:
            X = after.modules["card"] @ design.ports[name]
            distances = {other: np.linalg.norm((X_true @ design.ports[other] - X)[:3, 3]) for other in ports}
            assert min(distances, key=distances.get) == name


def test_a_covered_port_is_unknown_and_its_twin_is_not():
    ports, design = card(freedom=Freedom((1.0, 0.0, 0.0), 0.01, 0.1))  # too short a rail to be mistaken by one port
    X_true = slid(design, 0.008, 0.05)
    cover = design.ports[PORT][:3, 3] + [0.0, 0.0, 0.002], (0.0225, 0.02, 0.002)
    finder = ModuleFinder({"card": design}, ERRORS, VISION)
    after, answers = finder.see(state(), look(draw(design, X_true, 5, cover=cover)), adds_nothing=False)
    assert not isinstance(answers["card"], NoEstimate), answers
    assert finder.problem(after, ports[PORT]).reason is Reason.COVERED
    assert finder.problem(after, ports[TWIN]) is None
    after, _ = finder.see(after, look(draw(design, X_true, 5)), adds_nothing=False)
    assert finder.problem(after, ports[PORT]) is None  # taken away again


def test_a_covered_port_on_a_long_rail_is_never_answered_with_its_twin():
    ports, design = card()
    cover = design.ports[PORT][:3, 3] + [0.0, 0.0, 0.002], (0.0225, 0.02, 0.002)
    for slide_m in (-0.02, 0.0, 0.02):
        finder = ModuleFinder({"card": design}, ERRORS, VISION)
        views = draw(design, slid(design, slide_m, 0.03), 5, cover=cover)
        after, _ = finder.see(state(), look(views), adds_nothing=False)
        assert finder.problem(after, ports[PORT]) is not None


@pytest.mark.parametrize("others", [None, bezel()], ids=["cages alone", "card"])
def test_of_a_card_with_one_covered_port_neither_is_answered_wrongly(others):
    """The open port is answered where it is or not at all, the covered one never; the rail is long enough for both.

    What else a card is made of says which of the two is covered; where it is not in sight, that is left open.
    """
    rng = np.random.default_rng(31)
    ports, design = card(others=others)
    answered = 0
    for _ in range(6):
        X_true = slid(design, rng.uniform(-0.028, 0.028), rng.uniform(-0.14, 0.14))
        covered, open_port = (PORT, TWIN) if rng.random() < 0.5 else (TWIN, PORT)
        cover = design.ports[covered][:3, 3] + [0.0, 0.0, 0.002], (*rng.uniform([0.02, 0.018], [0.0225, 0.03]), 0.002)
        finder = ModuleFinder({"card": design}, ERRORS, VISION)
        after, _ = finder.see(state(), look(draw(design, X_true, 5, cover=cover)), adds_nothing=False)
        assert finder.problem(after, ports[covered]) is not None
        if finder.problem(after, ports[open_port]) is None:
            answered += 1
            found = after.modules["card"] @ design.ports[open_port]
            assert np.linalg.norm((found - X_true @ design.ports[open_port])[:3, 3]) < 1e-3
    assert others is None or answered >= 3


def test_the_structure_of_a_module_fits_in_its_place_and_not_beside_it():
    _, design = card(others=bezel())
    X_true = slid(design, 0.004, -0.06)
    views = draw(design, X_true, 5)
    rims = design.edges.points
    assert min(np.linalg.norm(rims - p, axis=1).min() for p in design.structure.points) > 1e-4

    def fit(X, shift):
        boards = {name: invert_pose(X_BASE_TCP @ mount) @ BOARDS[1] @ X for name, mount in MOUNTS.items()}
        return structure_fit(design, views, boards, shift, VISION)

    for shift in ([0.001, 0.0, 0.0], [0.0, 0.001, 0.0], [0.0232, 0.0, 0.0]):
        t = np.array(shift)
        there, elsewhere = fit(X_true, t), fit(X_true @ make_pose(np.eye(3), t), -t)
        assert min(there.asked, elsewhere.asked) >= VISION.min_structure_points
        assert there.fit - elsewhere.fit > 1.5 * VISION.min_structure_lead
    assert fit(X_true, np.zeros(3)).asked == 0  # what does not move tells nothing


@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_noise_is_measured_where_edges_are_and_shows_no_rim(sigma):
    """A cover of one colour shows no rim however noisy the image is; the noise itself is found to a tenth."""
    rng = np.random.default_rng(41)
    image = np.full((200, 300, 3), 120.0)
    image[:, 150:] = 60.0
    noisy = np.clip(np.round(image + rng.normal(0.0, sigma, image.shape)), 0, 255).astype(np.uint8)
    assert noise_levels(noisy) == pytest.approx(sigma, rel=0.15)
    _, design = card("rj45", twin=False)
    X_true = slid(design, 0.004, -0.06)
    everything = (0.0, 0.0, 0.002), (0.12, 0.1, 0.002)
    views = {}
    for name, view in draw(design, X_true, 5, cover=everything).items():
        pixels = view.frame.pixels + rng.normal(0.0, sigma, view.frame.pixels.shape)
        frame = replace(view.frame, pixels=np.clip(np.round(pixels), 0, 255).astype(np.uint8))
        views[name] = replace(view, frame=frame)
    there = put_module(state(), design, Place(X_true, 0.0))
    _, sight_of = fit_module(there, there, design, look(views), ERRORS, VISION, SCHEDULE[1:])
    assert sight_of.mouth_near[PORT] < 0.5 * VISION.min_port_share * sight_of.mouth_asked[PORT]


def test_an_empty_rail_and_a_covered_module_give_no_estimate():
    ports, design = card(twin=False)
    everything = (0.0, 0.0, 0.002), (0.12, 0.1, 0.002)
    views = draw(design, slid(design, 0.0, 0.0), 5, cover=everything)
    finder = ModuleFinder({"card": design}, ERRORS, VISION)
    before = state()
    assert finder.problem(before, ports[PORT]).reason is Reason.NOTHING_SEEN
    after, answers = finder.see(before, look(views), adds_nothing=False)
    assert isinstance(answers["card"], NoEstimate)
    assert "card" not in after.modules
    assert finder.problem(after, ports[PORT]) is not None


def test_the_covariance_of_a_found_port_is_honest():
    """Board and mounts drawn from their covariance: the mean NEES of the port stays below its 99.9 % bound."""
    rng = np.random.default_rng(21)
    ports, design = card("rj45", twin=False)
    known = state()
    values = []
    for _ in range(24):
        X_true = slid(design, rng.uniform(-0.028, 0.028), rng.uniform(-0.14, 0.14)) @ exp_se3(
            rng.normal(0.0, [FREEDOM.sigma_m] * 3 + [FREEDOM.sigma_rad] * 3)
        )
        believed = known.moved(rng.multivariate_normal(np.zeros(24), known.covariance))
        answer = find_module(believed, design, look(draw(design, X_true, 5)), ERRORS, VISION)
        assert not isinstance(answer, NoEstimate), answer
        place = PortOnBoard.on_module(answer[0], ports[PORT], design, VISION)
        port = port_estimate(answer[0], ports[PORT], ERRORS, place)
        error = log_se3(invert_pose(port.X_base_entrance) @ BOARDS[1] @ X_true @ design.ports[PORT])
        values.append(float(error @ np.linalg.solve(port.covariance, error)))
    assert np.mean(values) < 8.6  # chi-square of 6, mean of 24
    assert np.mean(values) > 1.0


def test_a_second_look_makes_the_port_more_certain_and_moves_it_little():
    ports, design = card()
    X_true = slid(design, -0.012, 0.03)
    first, _ = find_module(state(), design, look(draw(design, X_true, 5)), ERRORS, VISION)
    X_there = X_BASE_TCP @ exp_se3(np.array([0.03, 0.0, 0.0, 0.0, 0.12, 0.3]))
    views = draw(design, X_true, 5, X_base_tcp=X_there)
    second, _ = follow_module(first, design, ModuleLook(0.0, X_there, views), ERRORS, VISION)
    sigmas = []
    for board in (first, second):
        place = PortOnBoard.on_module(board, ports[PORT], design, VISION)
        sigmas.append(port_estimate(board, ports[PORT], ERRORS, place).position_sigma_m)
    assert sigmas[1] < sigmas[0]
    error = log_se3(invert_pose(X_true) @ second.modules["card"])
    assert np.linalg.norm(error[:3]) < 2e-4


def test_moving_the_base_moves_the_port_and_nothing_else():
    _, design = card()
    views = draw(design, slid(design, 0.005, -0.04), 5)
    here, _ = find_module(state(), design, look(views), ERRORS, VISION)
    shift = pose_from_xyz_rpy((0.3, -0.2, 0.1), (0.0, 0.0, 0.7))
    moved_look = ModuleLook(0.0, shift @ X_BASE_TCP, views)
    there, _ = find_module(state(shift @ BOARDS[1]), design, moved_look, ERRORS, VISION)
    np.testing.assert_allclose(there.modules["card"], here.modules["card"], atol=1e-9)
    np.testing.assert_allclose(there.X_base_board, shift @ here.X_base_board, atol=1e-9)


def test_a_module_can_leave_the_state_and_what_it_taught_stays():
    _, design = card()
    found, _ = find_module(state(), design, look(draw(design, slid(design, 0.0, 0.0), 5)), ERRORS, VISION)
    without = found.without_module("card")
    assert without.modules == {}
    np.testing.assert_allclose(without.covariance, found.covariance[:24, :24])


def view_problem(held=None):
    viewer = Viewer(CameraRig.calibrated(MOUNTS, ERRORS), {name: CameraIntrinsics() for name in MOUNTS}, palm_outline())
    return ViewProblem(viewer, np.zeros((0, 3)) if held is None else held, PATCHES, ERRORS, VISION, LookSettings())


def test_the_chosen_view_leaves_the_port_as_certain_as_was_predicted():
    """What a look from the chosen pose really leaves is near the prediction, and better than before."""
    ports, design = card()
    X_true = slid(design, -0.012, 0.03)
    before, _ = find_module(state(), design, look(draw(design, X_true, 5)), ERRORS, VISION)
    place = PortOnBoard.on_module(before, ports[PORT], design, VISION)

    def sigma(board):
        covariance = place.M @ board.covariance @ place.M.T
        return float(np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1]))

    # Rims only: there is no fiducial in these images.
    problem = replace(view_problem(), looks=LookSettings(min_corners=1000))
    choice = choose_view(problem, before, design, place, X_BASE_TCP)
    views = draw(design, X_true, 6, X_base_tcp=choice.X_base_tcp)
    after, _ = follow_module(before, design, ModuleLook(0.0, choice.X_base_tcp, views), ERRORS, VISION)
    assert choice.port_sigma_m < sigma(before)
    taken = replace(problem, is_known=lambda X: bool(np.allclose(X, choice.X_base_tcp)))
    assert not np.allclose(choose_view(taken, before, design, place, X_BASE_TCP).X_base_tcp, choice.X_base_tcp)
    assert choose_view(replace(problem, is_known=lambda X: True), before, design, place, X_BASE_TCP) is None
    assert sigma(after) == pytest.approx(choice.port_sigma_m, rel=0.25)


def test_what_is_held_before_a_camera_is_looked_past():
    """With a plate held under the palm the chosen pose shows more of the rail than the one straight above."""
    _, design = card()
    plate = np.array([[x, y, 0.05] for x in (-0.05, 0.05) for y in (-0.05, 0.05)])
    free = choose_view(view_problem(), state(), design, None, X_BASE_TCP)
    past = choose_view(view_problem(plate), state(), design, None, X_BASE_TCP)
    assert 0 <= past.points <= free.points
    assert free.points > 200
