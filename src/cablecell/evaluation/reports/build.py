"""What `cablecell report build` does: make a report, write it, say where it is."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from cablecell.core.errors import WorkcellError
from cablecell.evaluation.reports.document import ReportDocument, ReportFileError, write_document


def build(out: Path, make: Callable[[], ReportDocument]) -> int:
    """Write what `make` returns; return 1, with one line, where it cannot be made or written."""
    return _told(out, lambda: write_document(out, make()))


def build_bench(result_file: Path, out: Path) -> int:
    """Draw the page of a benchmark from the JSON file it wrote; return as `build` does."""
    return _told(out, lambda: _write_bench(result_file, out))


def _told(out: Path, write: Callable[[], None]) -> int:
    try:
        write()
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        return 1
    sys.stdout.write(f"{out}\n")
    return 0


def _write_bench(result_file: Path, out: Path) -> None:
    from cablecell.evaluation.bench import BENCHMARKS
    from cablecell.evaluation.bench_page import write_page

    if out.suffix.lower() != ".html":
        raise ReportFileError(
            f"the report of a benchmark is an .html file, not '{out.name}'", quantity="file", value=out, limit=".html"
        )
    try:
        result = json.loads(result_file.read_text(encoding="utf-8"))
        name, rows = result["name"], result["results"]
        module = importlib.import_module(BENCHMARKS[name][0].partition(":")[0])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise ReportFileError(
            f"{result_file} is no result of a benchmark: {reason}", quantity="file", value=result_file
        ) from error
    figures, grids = getattr(module, "figures", None), getattr(module, "grids", None)
    try:
        drawn = [] if figures is None else figures(name, rows)
        write_page(out, result, drawn, [] if grids is None else grids(rows))
    except OSError as error:
        raise ReportFileError(f"{out} cannot be written: {error.strerror}", quantity="file", value=out) from error
