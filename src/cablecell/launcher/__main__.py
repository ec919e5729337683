"""Runs the launcher as `python -m cablecell.launcher`."""

from __future__ import annotations

import sys

from cablecell.launcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
