"""The errors of kinematics and planning: one code each, in their families."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError
from cablecell.core.motion import errors


def test_codes_are_unique_and_in_their_family() -> None:
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, WorkcellError)]
    found.remove(WorkcellError)
    codes = {c.code: c for c in found}
    assert len(codes) == len(found) == 14
    for code, cls in codes.items():
        family = errors.KinematicsError if code < 200 else errors.PlanningError
        assert issubclass(cls, family)
        assert code // 100 in (1, 2)
