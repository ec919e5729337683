"""Give each checkout a ROS domain of its own, so that two cells on one machine do not hear each other."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

CHECKOUT_DOMAINS = range(1, 50)
"""Domains handed to checkouts; 50-101 are for tests. Above 101 the DDS ports meet Linux's ephemeral ports."""


def claim_domain(root: Path, registry: Path) -> int:
    """Return the ROS domain id of a checkout; the same checkout always gets the same one.

    The first choice follows from a hash of the path. A domain whose recorded checkout is still there is left alone,
    and the next free one is taken.

    Args:
        root: The checkout.
        registry: Folder with one file per domain, each naming the checkout that holds it.
    """
    registry.mkdir(parents=True, exist_ok=True)
    start = zlib.crc32(str(root).encode())
    count = len(CHECKOUT_DOMAINS)
    order = [CHECKOUT_DOMAINS[(start + step) % count] for step in range(count)]
    for domain in order:
        if _read_holder(registry / str(domain)) == str(root):
            return domain
    for domain in order:
        claim = registry / str(domain)
        holder = _read_holder(claim)
        if holder is not None and not Path(holder).is_dir():
            claim.unlink(missing_ok=True)
        try:
            with claim.open("x", encoding="utf-8") as stream:
                stream.write(str(root))
        except FileExistsError:
            continue
        return domain
    # Every domain is held by a checkout that exists: sharing one is better than refusing to start.
    return order[0]


def default_registry(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of domain claims of the current user."""
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or "/tmp")
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "cablecell" / "domains"


def _read_holder(claim: Path) -> str | None:
    try:
        return claim.read_text(encoding="utf-8").strip()
    except OSError:
        return None
