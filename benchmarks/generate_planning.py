"""Draw the planning problems of `planning.json` again: `.venv/bin/python benchmarks/generate_planning.py`.

The result depends on the seed and on the shapes of arm, boards and plugs alone. No planner is asked, so a problem may
have no solution; the ones that none of the planners solves are in the denominator all the same.
"""

from __future__ import annotations

import json
import sys

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.model import RobotModel
from cablecell.evaluation.planning_problems import generate, problem_file

SEED = 20261122
COUNTS = {"home": 80, "ports": 120, "anywhere": 60, "narrow": 80}
BOARDS = 20


def main() -> None:
    """Write the file."""
    data = generate(SEED, COUNTS, BOARDS, RobotGeometry(RobotModel(load_robot_description())))
    head = {key: data[key] for key in ("seed", "margin_m")}
    lines = ",\n".join(json.dumps(item) for item in data["boards"])
    problems = ",\n".join(json.dumps(item) for item in data["problems"])
    text = f'{json.dumps(head)[:-1]}, "boards": [\n{lines}\n], "problems": [\n{problems}\n]}}\n'
    problem_file().write_text(text)
    sys.stdout.write(f"{len(data['problems'])} problems on {BOARDS} boards\n")


if __name__ == "__main__":
    main()
