"""The page `docs/physics.md`: all checks of the physics with their numbers, and figures.

`python -m cablecell.evaluation.physics_report` writes it anew. A test looks whether it is of these checks and whether
some of its numbers still come out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cablecell.evaluation import bench_physics
from cablecell.evaluation.bench import describe_machine
from cablecell.evaluation.physics_checks.check import Row
from cablecell.evaluation.physics_figures import clearances, force_depth, jamming

REPETITIONS, SEED = 3, 0

_HEAD = """\
# The physics of the simulator, checked

Made by `python -m cablecell.evaluation.physics_report`; do not edit. `./cell bench physics` runs the same checks with
other numbers of repetitions and seeds, `./cell bench catch` the random starts at every connector.

Nothing here is compared with stored outputs of the simulator. What is expected comes from statics, mechanics, published
tables or an independent library; sizes, stiffnesses, friction, speeds and chamfers are drawn anew for every repetition.
`docs/physics.md` shows the repetition with the largest error of each check.

## Contact

![force over depth](images/{force_depth})

Box plugs touch through Bullet: walls are convex hulls, plugs are boxes with rounded edges, at 2 kHz
and 100 iterations; at 4 kHz with less than 30 µm a side.
Round plugs (pin in a bore, socket over a post) have a compiled contact of their own: points on all edges, stiff
springs, Coulomb friction, and one Newton solution per step for points and plug together.

![jammed plugs](images/{jamming})

A moment M presses a plug against two places that are l apart. It moves when it is pushed with more than 2µM/l.

![tighter clearances](images/{clearances})

What is known to be off:

- Boxes have 1 to 2 µm of extra play at 2 kHz: Bullet's solver does not settle in 100 iterations. At 20 µm a side the
  lateral force of two places would be up to 7 % off and the axial force up to 20 %. So boxes with less than
  `physics.fine_below_m` are stepped at `physics.fine_rate_hz`, 4 kHz: 1.8 % and 2.3 % (worst of 40), at half the speed
  of the simulation. Round plugs do not have this error.
- Bullet misses the face of a lead-in in thin walls of small ports once the rounding of the plug's edges is used up: 5
  of 400 random starts of `usb_c` ended with more than 60 N at the end of the lead-in. So the walls of ports up to 8 mm
  deep become thicker below their rim, by half of the depth, on the outside, where no plug gets; with that it is none of
  1400 (the highest 51 N, at 20 µm), and none of 200 at each clearance of each connector (`./cell bench catch --n 200`).
- A box that is jammed without any support, by a moment alone, lets go too early in about one case of 80 (down to a
  third of the force): 100 iterations at 2 kHz are too few there; 300, or 4 kHz, are enough (none of 80).
- The latch's force is along the axis only; what it does across is taken as balanced.

What the skill makes of tighter plugs in this physics, sample trial 1, `./cell bench clearance --n 5 --seed 0`:

| clearance a side, µm | seated, of 5 | otherwise | median cycle, s | largest force, N |
|---:|---:|---|---:|---:|
| 1000 | 4 | 1 called seated, not held at the stop for 1 s | 4.8 | 13.2 |
| 500 | 5 | | 5.0 | 13.7 |
| 200 | 3 | 2 not seated | 7.0 | 17.4 |
| 100 | 1 | 2 not seated, 2 pulled out | 14.1 | 20.8 |
| 50 | 1 | 2 not seated, 1 over force, 1 timed out | 22.4 | 31.1 |
| 20 | 1 | 2 not seated, 1 over force, 1 timed out | 22.2 | 27.1 |

Forces are the 99th percentile. Five runs each say little: at 200 µm, 3 of 5 is 23 to 88 %.

Two traps of Bullet that the checks found, and what is done about them:

- A hull is built on a grid of 10216 cells over its extent, and a face can lose one cell: 1.5 µm in a wall of 15 mm.
  Corners are moved by picometres so that none does.
- Corners nearer than 10 mm are one to the search for nearest points: the faces of a wall of 8 mm leant by 0.15 mm. The
  hulls of all walls go on to 150 mm below their rim, where nothing gets.

## Checks

{count} checks, {repetitions} repetitions each, seed {seed}; {passed} of {runs} within tolerance.
Error is |measured - expected| / |expected|; where the unit is followed by ≤, measured must stay below expected and the
error is their ratio; where it is followed by ±, it is the difference. Made on {machine}.

| check | what | measured | expected | unit | error | tolerance | |
|---|---|---:|---:|---|---:|---:|---|
"""


def page(rows: list[Row], figures: dict[str, str]) -> str:
    """Return the page.

    Args:
        rows: Of the benchmark, `REPETITIONS` per check.
        figures: Names of the figure files by key.
    """
    machine = describe_machine()
    text = _HEAD.format(
        **figures,
        count=len(bench_physics.CHECKS),
        repetitions=REPETITIONS,
        seed=SEED,
        passed=sum(row["pass"] for row in rows),
        runs=len(rows),
        machine=f"{machine['cores']} cores, Python {machine['python']}",
    )
    lines = [row_line(row) for row in bench_physics.worst_rows(rows)]
    notes = [f"- `{check.name}`: {check.note}" for check in bench_physics.CHECKS.values() if check.note]
    return text + "\n".join(lines) + "\n\nNotes on tolerances:\n\n" + "\n".join(notes) + "\n"


def row_line(row: Row) -> str:
    """Return the line of one check in the table."""
    sign = {"relative": "", "limit": " ≤", "absolute": " ±"}[row["kind"]]
    cells = [
        f"`{row['check']}`",
        row["item"],
        f"{row['measured']:.4g}",
        f"{row['expected']:.4g}",
        row["unit"] + sign,
        f"{row['error']:.2g}",
        f"{row['tolerance']:.3g}",
        "" if row["pass"] else "**FAILED**",
    ]
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> int:
    """Write the page and its figures."""
    parser = argparse.ArgumentParser(description="Write docs/physics.md and its figures.")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the documentation")
    options = parser.parse_args(arguments)
    folder = options.docs / "images"
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"force_depth": force_depth(folder), "jamming": jamming(folder), "clearances": clearances(folder)}
    rows, _ = bench_physics.run(n=REPETITIONS, seed=SEED, workers=1)
    (options.docs / "physics.md").write_text(page(rows, figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
