"""What a Cartesian set-point may hold: every one of its numbers is looked at, whatever array it comes in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control import validation as check
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import CommandRangeError, CommandSizeError, NonFiniteCommandError

SETTINGS = ControlSettings()
GOOD = ComplianceCommand(0.0, np.eye(4), np.eye(4), np.diag([3000.0] * 3 + [60.0] * 3))
ARRAYS = {
    "X_base_target": ("target", SETTINGS.workspace_reach_m),
    "X_tcp_comp": ("compliance_frame", check.OFFSET_LIMIT_M),
    "stiffness": ("stiffness", check.STIFFNESS_LIMIT),
    "damping": ("damping", check.DAMPING_LIMIT),
    "feedforward": ("feedforward", check.WRENCH_LIMIT),
    "feedback_gains": ("feedback_gains", 1.0e6),
    "twist": ("twist", check.RATE_LIMIT),
    "acceleration": ("acceleration", check.ACCELERATION_LIMIT),
}


def look(command: ComplianceCommand) -> None:
    check.require_compliance(command, 0.0, -1.0, SETTINGS)


def places(array: np.ndarray) -> list[tuple[int, ...]]:
    """Return the indices that are looked at: the last row of a pose is never read."""
    return [place for place in np.ndindex(array.shape) if array.shape != (4, 4) or place[0] < 3]


@pytest.mark.parametrize("attribute", ARRAYS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_wherever_it_is(attribute, value):
    for place in places(getattr(GOOD, attribute)):
        array = getattr(GOOD, attribute).copy()
        array[place] = value
        with pytest.raises(NonFiniteCommandError):
            look(replace(GOOD, **{attribute: array}))


@pytest.mark.parametrize("attribute", ARRAYS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_each_number_may_be_as_large_as_its_limit_and_no_larger(attribute, sign):
    name, limit = ARRAYS[attribute]
    for place in places(getattr(GOOD, attribute)):
        is_rotation = getattr(GOOD, attribute).shape == (4, 4) and place[1] < 3
        here = 1.0e3 if is_rotation else limit
        own = float(np.eye(4)[place[:2]]) if is_rotation else 0.0  # of the other rotation, which is added
        array = getattr(GOOD, attribute).copy()
        array[place] = sign * here - own
        look(replace(GOOD, **{attribute: array}))
        array[place] = sign * 1.001 * here - own
        with pytest.raises(CommandRangeError) as refused:
            look(replace(GOOD, **{attribute: array}))
        assert refused.value.quantity == ("rotations" if is_rotation else name)


@pytest.mark.parametrize("attribute", ARRAYS)
def test_another_shape_is_refused_by_name(attribute):
    array = getattr(GOOD, attribute)
    for wrong in (array.ravel() if array.ndim == 2 else array[:, None], array[:-1], np.zeros(0), np.array(1.0)):
        with pytest.raises(CommandSizeError) as refused:
            look(replace(GOOD, **{attribute: wrong}))
        assert refused.value.quantity == ARRAYS[attribute][0]


def test_integers_other_orders_and_views_are_as_good():
    whole = np.diag([3000, 3000, 3000, 60, 60, 60])
    spaced = np.repeat(GOOD.stiffness, 2, axis=1)[:, ::2]
    for stiffness in (whole, np.asfortranarray(GOOD.stiffness), spaced, whole.astype("f4")):
        look(replace(GOOD, stiffness=stiffness))
