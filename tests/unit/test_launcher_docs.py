"""docs/launcher.md names everything the launcher accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cablecell.launcher.context import RESERVED_CONFIGURATIONS
from cablecell.launcher.elements import ACTIONS
from cablecell.launcher.process_actions import PROCESS_ATTRIBUTES, Node
from cablecell.launcher.substitution_functions import SUBSTITUTIONS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "launcher.md").read_text()


@pytest.mark.parametrize("tag", ACTIONS)
def test_element_is_documented(tag):
    assert f"`<{tag}>`" in DOCUMENT


@pytest.mark.parametrize("name", SUBSTITUTIONS)
def test_substitution_is_documented(name):
    assert f"`$({name}" in DOCUMENT


@pytest.mark.parametrize(
    "name", sorted({*PROCESS_ATTRIBUTES, *Node.required, *Node.optional, *RESERVED_CONFIGURATIONS})
)
def test_attribute_and_configuration_is_documented(name):
    assert f"`{name}" in DOCUMENT


def test_number_of_confirmed_cases_is_the_size_of_the_corpus():
    cases = list((Path(__file__).parents[1] / "data" / "launch").glob("*.yaml"))

    assert f"holds {len(cases)} launch files" in DOCUMENT
    assert f"{len(cases)} of {len(cases)}" in DOCUMENT
