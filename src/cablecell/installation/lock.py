"""The lock file: every package of every supported environment, pinned.

One file with one section per environment, `# [jazzy]`, `# [kilted]` and `# [tools]` (what is needed beside a ROS
install). Each line is an ordinary requirement, with a marker where Python versions need different releases.

`python -m cablecell.installation.lock` resolves `pyproject.toml` again (needs `uv` on the path) and rewrites it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from cablecell.installation.layout import DISTRIBUTIONS, SetupError

_HEADER = """\
# Made by `python -m cablecell.installation.lock` from pyproject.toml: do not edit by hand.
# One section per environment; `./cell` installs exactly the lines of one of them, without resolving anything.
"""
_EXTRAS = {name: (name, f"{name}-build", "console", "ur", "dev") for name in DISTRIBUTIONS} | {
    "tools": ("install", "console", "ur", "dev")
}


def read_lock(path: Path, section: str) -> list[str]:
    """Return the requirement lines of one section.

    Raises:
        SetupError: The file or the section is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{path.name} cannot be read: {error.strerror}") from error
    parts = re.split(r"^# \[(\w+)\]\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if section not in sections:
        raise SetupError(f"{path.name} has no section '{section}'; it has {', '.join(sections)}")
    return [line for line in sections[section].splitlines() if line and not line.startswith("#")]


def main() -> int:
    """Resolve every section again and rewrite the lock file."""
    root = Path(__file__).resolve().parents[3]
    text = _HEADER
    for section, extras in _EXTRAS.items():
        words = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10", "--upgrade"]
        words += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        words += [f"--extra={extra}" for extra in extras]
        done = subprocess.run([*words, "pyproject.toml"], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            return done.returncode
        text += f"\n# [{section}]\n{done.stdout}"
    (root / "requirements.lock").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
