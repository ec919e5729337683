"""Loops that were compiled with an image are used by a container that cannot write where they are."""

from __future__ import annotations

import os
import subprocess
import sys

from cablecell.installation import compiled_loops, environment

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import loop
loop.twice(1.0)
print(sum(loop.twice.stats.cache_hits.values()))
"""


def test_what_was_compiled_with_the_image_is_not_compiled_again(tmp_path):
    source = "from numba import njit\n@njit(cache=True)\ndef twice(x):\n    return 2.0 * x\n"
    (tmp_path / "loop.py").write_text(source)

    def hits(cache):
        environ = {**os.environ, compiled_loops.CACHE_VARIABLE: str(cache), "NUMBA_CPU_NAME": "generic"}
        words = [sys.executable, "-c", PROGRAM, str(tmp_path)]
        return int(subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout)

    built, cache = tmp_path / "prefix" / ".cablecell" / "numba", tmp_path / "run" / "numba"
    assert hits(built) == 0
    environ = {compiled_loops.CACHE_VARIABLE: str(cache)}
    environment.apply(environ, tmp_path / "prefix")
    assert cache.is_dir()
    assert [path.name for path in cache.parent.iterdir()] == ["numba"]
    assert hits(cache) == 1


def test_a_cache_that_is_there_is_left_alone(tmp_path):
    built, cache = tmp_path / "built", tmp_path / "cache"
    built.mkdir()
    (built / "loop.nbi").write_text("image")
    cache.mkdir()
    (cache / "loop.nbi").write_text("newer")
    compiled_loops.provide(built, {compiled_loops.CACHE_VARIABLE: str(cache)})
    assert (cache / "loop.nbi").read_text() == "newer"


def test_nothing_happens_without_an_image_or_a_named_cache(tmp_path):
    cache = tmp_path / "cache"
    compiled_loops.provide(tmp_path / "nothing", {compiled_loops.CACHE_VARIABLE: str(cache)})
    (tmp_path / "built").mkdir()
    compiled_loops.provide(tmp_path / "built", {})
    assert not cache.exists()
