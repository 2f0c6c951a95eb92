# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The one way to measure: rounds, in each of which every case runs once, one after the other (A B C A B C …), so
that what disturbs the machine for a while disturbs them all. A figure is the median of the rounds, with their
spread: (largest - smallest) / median. What is slow is run in fewer rounds than the others."""
import statistics
import subprocess
import time

from cells import MEASURED, ending

BUDGET_S = 20  # a row that has taken so long in all is not run again


class Missing(Exception):
    """It cannot be measured here, and why: told in the table, never guessed."""


class Failed(Exception):
    """It was tried, and this came of it."""


class Figure:
    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)

    @property
    def spread(self):
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0

    def as_json(self):
        return {"median": self.median, "spread": round(self.spread, 4), "values": self.values}


def measure_once(case):
    """As a cell (cells.py). That a tool or the harness did not do what was expected ends this row, not the run."""
    try:
        return {"state": MEASURED, "result": case()}
    except Missing as reason:
        return {"state": "missing", "why": str(reason)}
    except (Failed, OSError, ValueError, subprocess.SubprocessError) as reason:
        return {"state": "failed", "why": str(reason)}


def interleave(cells, of, rounds, cases, told):
    """cases: row → function that measures once. Adds to the cells what is not among them yet. told(text): says what
    is under way."""
    for number in range(1, rounds + 1):
        for row, case in cases.items():
            before = cells.row(of, row)
            if len(before) >= number or ending(before) or sum(cell["took_s"] for cell in before) > BUDGET_S:
                continue
            told(f"{of}: round {number} of {rounds}: {row}")
            began = time.monotonic()
            found = measure_once(case)
            cells.add({"of": of, "row": row, "round": number, "took_s": round(time.monotonic() - began, 2), **found})
