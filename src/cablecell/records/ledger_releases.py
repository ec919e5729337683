"""Releases of recipes: which content may be put into the queue, and what its preview gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cablecell.core.errors import SupervisionError
from cablecell.core.supervision.jobs import Recipe, recipe_hash, recipe_text
from cablecell.records.ledger import Ledger


class ReleaseError(SupervisionError):
    """A recipe is not released, or cannot be: its preview failed, or its version stands for another content."""

    code = 646


def release(
    ledger: Ledger, recipe: Recipe, preview: Sequence[Mapping[str, Any]], *, requester: str, now_ns: int
) -> None:
    """Release the content of a recipe; nothing where it is released already.

    Args:
        ledger: Where it is kept.
        recipe: The recipe.
        preview: A row a step; each with `is_good`.
        requester: Who releases it.
        now_ns: The time, ns.

    Raises:
        ReleaseError: A step of the preview failed, or this version was released with another content (code 646).
        LedgerError: It cannot be written (code 640).
    """
    bad = [row for row in preview if not row["is_good"]]
    if bad or len(preview) != len(recipe.steps):
        names = ", ".join(f"{row['step']} ({row['outcome']})" for row in bad) or "steps are missing"
        raise ReleaseError(f"recipe {recipe.name} is not released, its preview failed: {names}", quantity="preview")
    digest = recipe_hash(recipe)
    with ledger.transaction() as db:
        known = db.execute(
            "SELECT recipe_hash FROM releases WHERE recipe = ? AND version = ?", (recipe.name, recipe.version)
        ).fetchone()
        if known is not None and known["recipe_hash"] == digest:
            return
        if known is not None:
            raise ReleaseError(
                f"version {recipe.version} of recipe {recipe.name} was released as {known['recipe_hash'][:12]}; "
                f"{digest[:12]} needs another version",
                quantity="version",
                value=recipe.version,
            )
        db.execute(
            "INSERT INTO releases (recipe, version, recipe_hash, recipe_text, preview, stamp_ns, requester) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (recipe.name, recipe.version, digest, recipe_text(recipe), json.dumps(list(preview)), now_ns, requester),
        )


def require_released(ledger: Ledger, recipe: Recipe) -> None:
    """Do nothing where the content of a recipe is released.

    Raises:
        ReleaseError: It is not (code 646).
        LedgerError: It cannot be read (code 640).
    """
    digest = recipe_hash(recipe)
    with ledger.transaction() as db:
        if db.execute("SELECT 1 FROM releases WHERE recipe_hash = ?", (digest,)).fetchone() is None:
            raise ReleaseError(
                f"version {recipe.version} of recipe {recipe.name}, {digest[:12]}, is not released in this ledger; "
                "`./cell recipe release` does that",
                quantity="recipe_hash",
                value=digest,
            )


def released_hashes(ledger: Ledger) -> frozenset[str]:
    """Return the contents that are released, by their hashes.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        return frozenset(row["recipe_hash"] for row in db.execute("SELECT recipe_hash FROM releases"))
