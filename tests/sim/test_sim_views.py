"""Pictures of a scenario: the camera looks where it should, and the picture shows what the seed has drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.configuration import config_folder
from cablecell.evaluation.scene_views import looking_at

FIXTURE = config_folder() / "scenarios" / "fixture.yaml"


def test_the_camera_has_its_target_in_the_middle_and_up_is_up():
    rng = np.random.default_rng(4)
    for eye, target in rng.uniform(-1.0, 1.0, (50, 2, 3)):
        X = looking_at(eye, target)
        assert X[:3, :3] @ X[:3, :3].T == pytest.approx(np.eye(3))
        assert np.linalg.det(X[:3, :3]) == pytest.approx(1.0)
        seen = np.linalg.inv(X) @ np.append(target, 1.0)
        assert seen[:3] == pytest.approx([0.0, 0.0, np.linalg.norm(target - eye)])
        assert X[2, 0] == pytest.approx(0.0)  # the horizon is level
        assert X[2, 1] < 0.0  # y of the picture goes down


def test_a_scenario_is_drawn_and_another_seed_looks_different(tmp_path):
    pictures = {}
    for seed in (0, 1):
        done = CliRunner().invoke(
            app, ["scene", "render", "--scenario", str(FIXTURE), "--seed", str(seed), "--out", str(tmp_path)]
        )
        assert done.exit_code == 0, done.output
        assert len(done.output.split()) == 2
        pictures[seed] = [cv2.imread(str(tmp_path / f"fixture_{seed}_{what}.png")) for what in ("cell", "port")]
    for one, other in zip(pictures[0], pictures[1], strict=True):
        assert one.shape == (960, 1280, 3)
        assert 0.01 < np.mean(np.any(one != other, axis=2)) < 0.9
    # The port's block is bright, and in the middle of its picture.
    assert pictures[0][1][480:700, 600:680].mean() > pictures[0][1].mean()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "scene render needs either --connector FILE or --scenario FILE"),
        (
            ["--connector", "sfp", "--scenario", "x.yaml"],
            "scene render needs either --connector FILE or --scenario FILE",
        ),
        (["--scenario", "nothing.yaml"], "nothing.yaml cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_exit_code_2(words, line):
    done = CliRunner().invoke(app, ["scene", "render", *words])
    assert done.exit_code == 2
    assert done.stderr == f"{line}\n"
