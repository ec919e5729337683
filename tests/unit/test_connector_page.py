"""docs/connectors.md: its tables are those of the files, and its example lines are what loading says."""

from __future__ import annotations

import re

import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.connector import parse_connector
from cablecell.core.config.documents import DocumentError
from cablecell.evaluation.connector_page import PAGE, insert, render
from tests.unit.test_connector_checks import put, shipped

BODY = {"name": "body", "axis": "x", "centre_m": [0.0, 0.0, -0.040], "width_m": 13.75e-3, "size_m": [4e-3, 8e-3]}
MISTAKES = [
    (("forces", "damage_n"), ...),
    (("friction",), -0.1),
    (("plug", "parts", 0, "size_m"), [0.0146, 0.00845, 0.0473]),
    (("plug", "parts", 1, "centre_m"), [0.0, 0.75e-3, -0.0450]),
    (("port",), {**shipped("sfp")["port"], "rim_depth_m": 1.5e-3, "stop_depth_m": 1.0e-3}),
    (("grasp", "surfaces"), [BODY]),
    (("clearance", "y_m"), 0.45e-3),
    (("sources", "forces"), ...),
]


def test_the_tables_are_those_of_the_files():
    page = PAGE.read_text()
    assert page == insert(page, render()), "run `python -m cablecell.evaluation.connector_page`"
    for name in load_connectors():
        assert page.count(f"| `{name}` |") == 2


@pytest.mark.parametrize(("path", "value"), MISTAKES)
def test_every_line_that_is_quoted_is_what_loading_says(path, value):
    with pytest.raises(DocumentError) as caught:
        parse_connector(put(shipped("sfp"), path, value), "new.yaml")
    assert f"| `{caught.value}` |" in PAGE.read_text()


def test_no_quoted_line_is_without_a_test():
    quoted = re.findall(r"\| `new\.yaml: ", PAGE.read_text())
    assert len(quoted) == len(MISTAKES)
