# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""All that has been measured, in a file that grows by a line with each measurement, and the only thing that the report
is made from: so whatever ends a run, what it has measured is there, and can be continued.

The first line says what was measured where, when it began. A cell is {"of": workload, "row":
tracer, "round": number, "took_s": …, "state": "measured", "result": …}, or in another state with "why"."""
import json

MEASURED = "measured"


IDENTITY = ("heaptap", "quick", "peers")  # of the head: a run of others cannot be continued


class Cells:
    def __init__(self, path, head, continued=False):
        self.path, self.head, self.cells = path, head, []
        if continued and self.load(head):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(head) + "\n", encoding="utf-8")

    def load(self, head):
        """A last line that was cut off is dropped, from the file, too."""
        if not self.path.exists():
            return False
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        before = json.loads(whole[0]) if whole else {}
        if any(before.get(field) != head[field] for field in IDENTITY):
            return False
        self.path.write_text("".join(whole), encoding="utf-8")
        self.head, self.cells = before, [json.loads(line) for line in whole[1:]]
        return True

    def add(self, cell):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(cell) + "\n")
        self.cells.append(cell)

    def row(self, of, row):
        """In the order of the rounds."""
        return [cell for cell in self.cells if (cell["of"], cell["row"]) == (of, row)]

    def rows(self, of):
        """row → its cells."""
        return {row: self.row(of, row) for row in dict.fromkeys(cell["row"] for cell in self.cells if cell["of"] == of)}


def results(cells):
    return [cell["result"] for cell in cells if cell["state"] == MEASURED]


def ending(cells):
    """What ended a row before its last round: a cell in another state than measured. None if nothing did."""
    return cells[-1] if cells and cells[-1]["state"] != MEASURED else None
