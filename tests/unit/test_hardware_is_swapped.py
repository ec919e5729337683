"""Nothing above the ports knows which machine it drives: no comparison with the name of a kind, no import of one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cablecell.composition.machines import MACHINES

SOURCE = Path(__file__).parents[2] / "src/cablecell"
ABOVE = sorted(path for layer in ("core", "ros") for path in (SOURCE / layer).rglob("*.py"))
# The simulated cameras and the loop-back robot are the machine, not above it; the reference only lists parameters.
MACHINE_SIDE = {"sim_camera.py", "sim_robot.py", "robot_loop.py", "reference.py"}
NAMES = {"hardware", "is_sim", "is_simulated", "use_sim", "is_mock", "simulated", "simulation", "make_extras"}
KINDS = set(MACHINES)


def _decisions(tree: ast.AST):
    """Yield every expression that chooses a branch."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test
        elif isinstance(node, ast.Match):
            yield node.subject
        elif isinstance(node, ast.comprehension):
            yield from node.ifs


def _suspicious(test: ast.AST) -> str | None:
    for node in ast.walk(test):
        if isinstance(node, ast.Name) and node.id in NAMES:
            return node.id
        if isinstance(node, ast.Attribute) and node.attr in NAMES:
            return node.attr
        if isinstance(node, ast.Constant) and node.value in KINDS:
            return repr(node.value)
    return None


def find_decisions(text: str) -> list[str]:
    return [f"line {test.lineno}: {word}" for test in _decisions(ast.parse(text)) if (word := _suspicious(test))]


@pytest.mark.parametrize("path", ABOVE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_branch_depends_on_the_kind_of_machine(path):
    assert find_decisions(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "if hardware == 'sim':\n    pass",
        "x = 1 if self.settings.hardware else 2",
        "if kind == 'ros2_control':\n    pass",
        "match settings.hardware:\n    case 'mock':\n        pass",
        "if values.is_simulated:\n    pass",
        "if backend.simulation is not None:\n    pass",
    ],
)
def test_the_search_finds_one(text):
    assert find_decisions(text)


def _imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports, and what it takes of one."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@pytest.mark.parametrize(
    "text",
    [
        "import cablecell.hardware.mock",
        "import cablecell.hardware.mock as mock",
        "from cablecell.hardware import mock",
        "from cablecell.hardware.mock import MockArm",
    ],
)
def test_every_way_to_import_one_is_seen(text):
    assert any(module.startswith("cablecell.hardware.mock") for module in _imported(ast.parse(text).body[0]))


def test_what_counts_as_the_machine_exists():
    assert {path.name for path in ABOVE} >= MACHINE_SIDE


def test_what_is_above_imports_no_machine():
    for path in ABOVE:
        if path.name in MACHINE_SIDE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in _imported(node):
                assert not module.startswith("cablecell.hardware.mock"), path
                assert not module.startswith("cablecell.simulation.machine"), path
