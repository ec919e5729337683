"""What pyproject.toml cannot say: the files of `share/cablecell` (see ADR 0001)."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def share_files() -> list[tuple[str, list[str]]]:
    """Return (folder under the prefix, files) for the package marker, the manifest and the linked trees."""
    found = [
        ("share/ament_index/resource_index/packages", ["resource/cablecell"]),
        ("share/cablecell", ["package.xml"]),
    ]
    for tree in ("launch", "config", "urdf", "benchmarks"):
        for folder in sorted({path.parent for path in (ROOT / tree).rglob("*") if path.is_file()}):
            where = folder.relative_to(ROOT)
            files = sorted(str(where / path.name) for path in folder.iterdir() if path.is_file())
            found.append((f"share/cablecell/{where}", files))
    return found


setup(data_files=share_files(), python_requires=">=3.10,<3.14")
