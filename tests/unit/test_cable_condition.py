"""What is wrong with a cable, at its limits."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cablecell.core.cable.condition import CableFault, CableLimits, judge_cable
from cablecell.core.config.simulation import CableSettings, FarEnd

LIMITS = CableLimits(min_radius_m=0.02, pull_n=5.0, reach=0.99, hold_n=10.0)


@pytest.mark.parametrize(
    ("radius_m", "tension_n", "reach", "far_pull_n", "fault"),
    [
        (0.0199, 1.0, 0.5, 1.0, CableFault.OVERBENT),
        (0.0201, 5.1, 0.5, 1.0, CableFault.PULLED),
        (0.0201, 4.9, 0.991, 1.0, CableFault.TAUT),
        (0.0201, 4.9, 0.989, 10.1, CableFault.CLIP_PULLED),
        (0.0201, 4.9, 0.989, 9.9, None),
    ],
)
def test_each_limit_has_its_fault(radius_m, tension_n, reach, far_pull_n, fault):
    condition = judge_cable(radius_m, tension_n, reach, far_pull_n, LIMITS)
    assert condition.faults == ({fault} if fault else frozenset())
    # A cable that is bent too far does not hold the plug back.
    assert condition.is_snagged == (fault not in (None, CableFault.OVERBENT))


def test_a_held_end_says_where_and_a_free_one_does_not():
    FarEnd(kind="clipped", position_m=[0.4, 0.2, 1.2], direction=[0.0, 0.0, 1.0])
    for wrong in (
        {"kind": "clipped"},
        {"kind": "plugged", "position_m": [0.4, 0.2, 1.2]},
        {"position_m": [0.4, 0.2, 1.2], "direction": [0.0, 0.0, 1.0]},
    ):
        with pytest.raises(ValidationError, match="position_m and direction belong to a held end"):
            FarEnd(**wrong)
    with pytest.raises(ValidationError, match="direction has no length"):
        FarEnd(kind="clipped", position_m=[0.4, 0.2, 1.2], direction=[0.0, 0.0, 0.0])
    with pytest.raises(ValidationError, match="greater than or equal to 24"):
        CableSettings(segments=12)
