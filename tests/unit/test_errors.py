"""Every fault of the cell is a class with a code of its own."""

from collections import Counter

import pytest

from cablecell.core.errors import WorkcellError, all_error_classes
from cablecell.ros.error_codes import UNEXPECTED, fill_result
from cablecell.ros.reference import import_every_module

import_every_module()


class _Result:
    error_code = -1
    error_msg = "?"


def test_each_class_has_its_own_code_in_a_family():
    classes = [cls for cls in all_error_classes() if cls is not WorkcellError and "code" in vars(cls)]
    shared = {code: n for code, n in Counter(cls.code for cls in classes).items() if n > 1}
    assert not shared
    assert all(100 <= cls.code < 1000 for cls in classes)
    assert WorkcellError.code == 1
    assert all("code" in vars(cls) for cls in all_error_classes()), "a class inherits the code of its parent"


def test_each_class_says_what_it_means():
    assert all(cls.__doc__ and len(cls.__doc__) > 20 for cls in all_error_classes())


@pytest.mark.parametrize("cls", all_error_classes())
def test_result_carries_code_and_message(cls):
    result = fill_result(_Result(), cls("value 3 N is above the limit of 2 N", quantity="force", value=3, unit="N"))
    assert result.error_code == cls.code
    assert result.error_msg == "value 3 N is above the limit of 2 N"


def test_success_and_bug_are_told_apart():
    assert fill_result(_Result(), None).error_code == 0
    bug = fill_result(_Result(), KeyError("x"))
    assert bug.error_code == UNEXPECTED
    assert "KeyError" in bug.error_msg


def test_attributes_survive():
    error = WorkcellError("m", quantity="clearance", value=1e-5, limit=2e-5, unit="m", frame="tcp")
    assert (error.quantity, error.value, error.limit, error.unit, error.frame) == (
        "clearance",
        "1e-05",
        "2e-05",
        "m",
        "tcp",
    )
