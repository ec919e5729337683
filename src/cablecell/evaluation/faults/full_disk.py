"""A ledger whose disk can be full, as far as those who write it can tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from cablecell.records.ledger import Ledger, LedgerError


class FillableLedger(Ledger):
    """Refuses to write while its disk is said to be full.

    Attributes:
        is_full: Whether it is.
    """

    is_full = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything of a block, or nothing.

        Raises:
            LedgerError: The disk is full, or it cannot be written (code 640).
        """
        if self.is_full:
            raise LedgerError(f"ledger {self.path}: database or disk is full", quantity="ledger", value=self.path)
        with super().transaction() as db:
            yield db
