"""Every launch file of the corpus does what its expectation says, with our engine or (on request) with `ros2 launch`.

`CABLECELL_LAUNCH_ENGINE=ros2 pytest tests/launch/test_corpus.py` checks the expectations themselves against the real
engine; docs/launcher.md records when that was done.
"""

from __future__ import annotations

import pytest

from tests.support.launch_corpus import (
    DATA,
    Corpus,
    assert_case,
    case_names,
    has_pseudo_terminals,
    load_expectation,
    run_case,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("name", case_names())
def test_launch_file_has_its_expected_effects(corpus, name):
    if load_expectation(name).get("needs") == "pseudo terminals" and not has_pseudo_terminals():
        pytest.skip("this machine has no pseudo terminals")
    expected, outcome = run_case(corpus, name)

    assert_case(expected, outcome)


def test_every_launch_file_of_the_corpus_has_an_expectation():
    files = {path.name.removesuffix(".launch.xml") for path in DATA.glob("*.launch.xml")}

    assert files == set(case_names())
    assert len(files) >= 45
