"""Every way an insertion can end has a code of its own; only failures that may pass are repeated."""

import pytest

from cablecell.core.errors import CancelledError
from cablecell.core.insertion.errors import REPEATABLE, error_of
from cablecell.core.insertion.outcome import Outcome


def test_a_seat_is_no_error():
    assert error_of(Outcome.SEATED, "deep enough") is None


def test_failures_have_different_codes_of_the_family():
    errors = {outcome: error_of(outcome, "why") for outcome in Outcome if outcome is not Outcome.SEATED}
    codes = [error.code for error in errors.values()]
    assert len(set(codes)) == len(codes)
    assert isinstance(errors.pop(Outcome.CANCELLED), CancelledError)
    assert all(400 < error.code < 500 for error in errors.values())
    assert all(str(error) == "why" for error in errors.values())


@pytest.mark.parametrize("outcome", [Outcome.OVER_FORCE, Outcome.CANCELLED, Outcome.TIMED_OUT, Outcome.NOT_FREE])
def test_what_must_not_go_on_is_not_repeated(outcome):
    assert outcome not in REPEATABLE
