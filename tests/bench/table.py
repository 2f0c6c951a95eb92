# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From results to what is said: one structure, which is the JSON, and a text made from it."""
from cells import MEASURED, ending, results
from measure import Figure
from tracers import EXACT, FLOOR, UNTRACED

MIB = 1 << 20
HEADS = ("", "runs", "median", "spread", "x untr.", "over untr.", "x floor", "CPU s", "MiB", "B/block", "events",
         "lost")
WIDTHS = (26, 5, 10, 7, 9, 11, 8, 7, 7, 8, 11, 9)


def middle(samples, field):
    """The median of what a tracer says; None if it doesn't."""
    values = [sample[field] for sample in samples if sample[field] is not None]
    return Figure(values).median if values else None


def row(cells):
    ended = ending(cells)
    if ended:
        return {"state": ended["state"], "why": ended["why"]}
    samples = results(cells)
    fields = {field: middle(samples, field)
              for field in ("whole_s", "cpu_s", "rss_bytes", "events", "lost", "outstanding")}
    return {"state": MEASURED, **Figure(sample["value"] for sample in samples).as_json(), **fields}


def medians(rows):
    return {name: found["median"] for name, found in rows.items() if found["state"] == MEASURED}


def compare(rows, base_rss):
    """Adds to each row what it is beside the untraced program and the floor, and its memory per block."""
    known = medians(rows)
    untraced, floor = known.get(UNTRACED), known.get(FLOOR)
    for found in rows.values():
        if found["state"] != MEASURED or untraced is None:
            continue
        over = found["median"] - untraced
        found["times_untraced"] = found["median"] / untraced
        found["over_untraced"] = over
        if floor is not None and floor > untraced:
            found["times_floor"] = over / (floor - untraced)
        if found["outstanding"] and base_rss and found["outstanding"] >= 100000:
            found["bytes_per_block"] = (found["rss_bytes"] - base_rss) / found["outstanding"]


def of_workload(workload, cells):
    return {"workload": workload.name, "unit": workload.unit, "remark": workload.remark,
            "rows": {name: row(found) for name, found in cells.rows(workload.name).items()}}


def of_figures(cells, of):
    """Figures by name, from cases that each give several."""
    for case, found in cells.rows(of).items():
        ended = ending(found)
        if ended:
            yield {"name": case, "state": ended["state"], "why": ended["why"]}
            continue
        rounds = results(found)
        for name, (_, unit) in rounds[0].items():
            yield {"name": name, "state": MEASURED, "unit": unit,
                   **Figure(one[name][0] for one in rounds).as_json()}


def complete(tables):
    """Once all workloads are there: heaptap's memory with small books is what others are compared with."""
    small = [table["rows"][EXACT]["rss_bytes"] for table in tables
             if table["rows"].get(EXACT, {}).get("state") == MEASURED and table["unit"] == "ns per pair"]
    for table in tables:
        compare(table["rows"], min(small) if small else None)


def number(value, digits=0, divisor=1):
    return "" if value is None else f"{value / divisor:,.{digits}f}"


def first_line(why):
    return (why.splitlines() or [""])[0][:100]


def line(cells):
    return "".join(f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}"
                   for i, (cell, width) in enumerate(zip(cells, WIDTHS))).rstrip()


def row_text(name, unit, found):
    if found["state"] != MEASURED:
        return f"  {name:<24}  {found['state']}: {first_line(found['why'])}"
    digits = 3 if unit == "s" else 1 if found["median"] < 100 else 0
    return line((f"  {name}", len(found["values"]), number(found["median"], digits), f"{found['spread'] * 100:.0f} %",
                 number(found.get("times_untraced"), 2), number(found.get("over_untraced"), digits),
                 number(found.get("times_floor"), 2) if name != UNTRACED else "", number(found["cpu_s"], 2),
                 number(found["rss_bytes"], 0, MIB), number(found.get("bytes_per_block"), 1),
                 number(found["events"]), number(found["lost"])))


def workload_text(table):
    return [f"{table['workload']} ({table['unit']})" + (f"; {table['remark']}" if table["remark"] else ""),
            *(row_text(name, table["unit"], found) for name, found in table["rows"].items()), ""]


def figure_text(figure):
    if figure["state"] != MEASURED:
        return f"  {figure['name']:<72} {figure['state']}: {first_line(figure['why'])}"
    return (f"  {figure['name']:<72} {number(figure['median'], 2):>12} {figure['unit']:<12} "
            f"{figure['spread'] * 100:4.0f} %")


def programs_text(programs):
    heads = f"  {'program':<18}{'instructions':>13}{'xlated':>9}{'jited B':>9}{'runs':>10}{'ns/run':>8}{'floor':>8}"
    return [heads, *(f"  {name:<18}{number(found['object_instructions']):>13}{found['xlated_instructions']:>9,}"
                     f"{found['jited_bytes']:>9,}{found['runs']:>10,}{number(found['ns_per_run'], 0):>8}"
                     f"{number(found['floor_ns_per_run'], 0):>8}" for name, found in programs.items())]


def text(report):
    machine = report["machine"]
    lines = [f"heaptap {report['heaptap']}, Linux {machine['kernel']}, {machine['cpus']} x {machine['cpu']}, "
             f"{machine['memory_gib']} GiB; rounds: {report['rounds']}" +
             ("" if report["complete"] else "; interrupted: not all of it"),
             f"before it began: load {machine['load_before'][0]}, other tracers: "
             f"{', '.join(machine['other_tracers']) or 'none'}",
             "peers: " + ", ".join(f"{name} {version or 'missing'}" for name, version in report["peers"].items()),
             "", line(HEADS)]
    for table in report["workloads"]:
        lines += workload_text(table)
    lines += ["heaptap alone", *map(figure_text, report["figures"]), ""]
    lines += ["BPF programs (pairs at depth 20, counted by the kernel; floor: the same, returning at once)",
              *programs_text(report["bpf_programs"])]
    return "\n".join(lines) + "\n"
