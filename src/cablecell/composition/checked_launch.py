"""The launcher, with a look at the configuration of our nodes before it starts them: `./cell launch`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from cablecell.core.errors import WorkcellError
from cablecell.launcher.cli import main as run_launcher
from cablecell.launcher.errors import LaunchError
from cablecell.launcher.plan import LaunchPlan


def main(argv: Sequence[str] | None = None) -> int:
    """Run the launcher and return its exit code; 2 with one line when something is configured wrongly."""
    with ExitStack() as locks:

        def check(plan: LaunchPlan) -> None:
            from cablecell.composition.launch_check import check_plan  # only where something is going to start

            try:
                for lock in check_plan(plan):
                    locks.enter_context(lock)
            except WorkcellError as error:
                raise LaunchError(str(error)) from error

        return run_launcher(argv, check)


if __name__ == "__main__":
    sys.exit(main())
