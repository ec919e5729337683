"""OEE of a ledger once more, by SQL alone and with nothing of the cell: `python oee_by_sql.py LEDGER FROM_NS TO_NS`."""

from __future__ import annotations

import json
import sqlite3
import sys

SPANS = """
WITH life AS (
    SELECT stamp_ns AS t FROM commands UNION ALL SELECT stamp_ns FROM recoveries
    UNION ALL SELECT begun_ns FROM insertions UNION ALL SELECT ended_ns FROM insertions WHERE ended_ns IS NOT NULL
), spans AS (
    SELECT id, state, mode, cause_code, stamp_ns AS b, COALESCE(LEAD(stamp_ns) OVER (ORDER BY id), :to) AS e,
           LEAD(previous) OVER (ORDER BY id) AS next_previous FROM states
), alive AS (
    SELECT *, CASE WHEN next_previous = 0
        THEN COALESCE((SELECT MAX(t) FROM life WHERE t BETWEEN b AND e), b) ELSE e END AS a FROM spans
)"""

TIMES = (
    SPANS
    + """, cut AS (
    SELECT id, 0 AS part, state, mode, cause_code, MAX(b, :from) AS b, MIN(a, :to) AS e,
           mode = 1 AS planned FROM alive
    UNION ALL
    SELECT id, 1, 0, mode, cause_code, MAX(a, :from), MIN(e, :to), mode = 1 AND state <> 2 FROM alive WHERE a < e
)
SELECT COALESCE(SUM(CASE WHEN planned THEN e - b END), 0),
       COALESCE(SUM(CASE WHEN planned AND state = 6 THEN e - b END), 0)
FROM cut WHERE e > b
"""
)

PARTS = (
    SPANS
    + """, run AS (SELECT b, MIN(a, :to) AS e FROM alive WHERE state = 6), tried AS (
    SELECT connector, MIN(id) AS first, MIN(begun_ns) AS b, MAX(ended_ns) AS e, MAX(error_code = 0) AS good
    FROM insertions WHERE ended_ns IS NOT NULL GROUP BY job_id, step
), inside AS (SELECT * FROM tried WHERE e >= :from AND e < :to)
SELECT tried.connector,
       COALESCE((SELECT SUM(MIN(run.e, tried.e) - MAX(run.b, tried.b))
                 FROM run WHERE run.b < tried.e AND run.e > tried.b), 0),
       tried.good, f.error_code = 0 AND COALESCE(f.attempts, 0) <= 1
FROM inside AS tried JOIN insertions AS f ON f.id = tried.first
UNION ALL
SELECT '', 0, 0, 0
FROM (SELECT job_id, step, MAX(stamp_ns) AS t FROM recoveries WHERE action = 'skip' GROUP BY job_id, step)
WHERE t >= :from AND t < :to AND (job_id, step) NOT IN (SELECT job_id, step FROM insertions WHERE ended_ns IS NOT NULL)
"""
)


ENERGY = """
WITH inside AS (SELECT id, meter_j FROM energy WHERE stamp_ns >= :from AND stamp_ns < :to),
steps AS (SELECT meter_j AS after, LAG(meter_j) OVER (ORDER BY id) AS before FROM inside)
SELECT SUM(CASE WHEN after >= before THEN after - before ELSE after END) FROM steps WHERE before IS NOT NULL
"""


def derive(path: str, from_ns: int, to_ns: int) -> dict[str, float]:
    db = sqlite3.connect(path)
    window = {"from": from_ns, "to": to_ns}
    busy_ns, production_ns = db.execute(TIMES, window).fetchone()
    rows = db.execute(PARTS, window).fetchall()
    (energy_j,) = db.execute(ENERGY, window).fetchone()
    db.close()
    planned = {}
    for connector in {row[0] for row in rows}:
        good = sorted(row[1] for row in rows if row[0] == connector and row[2])
        if good:
            planned[connector] = good[-(-len(good) // 10) - 1]
    needed_ns = sum(planned.get(row[0], 0) for row in rows)
    return {
        "availability": production_ns / busy_ns,
        "effectiveness": needed_ns / production_ns,
        "energy_j": float("nan") if energy_j is None else energy_j,
        "quality_ratio": sum(row[2] for row in rows) / len(rows),
        "first_pass_yield": sum(row[3] for row in rows) / len(rows),
        "oee": production_ns / busy_ns * needed_ns / production_ns * sum(row[2] for row in rows) / len(rows),
    }


if __name__ == "__main__":
    print(json.dumps(derive(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
