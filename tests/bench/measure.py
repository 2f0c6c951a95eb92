# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The one way to measure: rounds, in each of which every case runs once, one after the other (A B C A B C …), so
that what disturbs the machine for a while disturbs them all. A figure is the median of the rounds, with their
spread: (largest - smallest) / median. What is slow is run in fewer rounds than the others."""
import statistics
import time

BUDGET_S = 60  # a case that has taken so long in all is not run again


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


def interleave(rounds, cases, told):
    """cases: name → function that measures once. Gives name → its results, or the Missing or Failed that ended it.
    told(text): says what is under way."""
    results, spent = {name: [] for name in cases}, dict.fromkeys(cases, 0)
    for number in range(rounds):
        for name, case in cases.items():
            if isinstance(results[name], Exception) or spent[name] > BUDGET_S:
                continue
            told(f"round {number + 1} of {rounds}: {name}")
            began = time.monotonic()
            try:
                results[name].append(case())
            except (Missing, Failed) as reason:
                results[name] = reason
            spent[name] += time.monotonic() - began
    return results
