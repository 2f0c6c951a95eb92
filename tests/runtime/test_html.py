# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The HTML report in a real browser, against the JSON of the same recording."""
import signal
import zlib

import heaptap
from browser import Page
from harness import each

SIZE_MAX = 10_000_000
SECONDS_MAX = 2


def recorded(t, command, *formats, options=(), status=0):
    """Paths of what was recorded of a run, in these formats."""
    recording = t.path("x.heaptap")
    t.status(t.run([heaptap.HEAPTAP, "run", "-o", recording, *options, "--", *map(str, command)]), status)
    paths = {name: t.path(f"as.{name}") for name in formats}
    for name, path in paths.items():
        t.status(t.run([heaptap.HEAPTAP, "report", recording, "-f", name, "-o", path]), 0)
    return paths


def leak(t):
    paths = recorded(t, [heaptap.program("leak"), "malloc"], "html", "json")
    (summary,) = heaptap.read_summaries(paths["json"].read_text())
    return paths["html"], summary["processes"][0]


def boxes(page):
    """[(name, size)] of the flame graph's boxes."""
    labels = page.run("return [...document.querySelectorAll('.frame')].map((box) => box.getAttribute('aria-label'))")
    return [tuple(label.rsplit(", ", 1)) for label in labels]


def test_flame_graph_and_table_show_what_json_has(t):
    path, image = leak(t)
    with Page(t, path) as page:
        names = {name for name, _ in boxes(page)}
        held = [stack for stack in image["stacks"] if stack["outstanding_bytes"]]
        expected = {frame["function"] for stack in held for frame in stack["frames"] if frame["function"]}
        t.check(expected <= names, f"missing in the flame graph: {expected - names}")
        t.equal(len(page.all("#stacks tbody tr")), min(200, len(image["stacks"])), "rows of the table")
        bytes_shown = page.run("return last.processes[0].stacks.map((stack) => stack[1])")
        t.equal(sorted(bytes_shown), sorted(stack["outstanding_bytes"] for stack in image["stacks"]),
                "bytes of the stacks")


def test_click_zooms_and_escape_goes_back(t):
    path, _ = leak(t)
    with Page(t, path) as page:
        before = boxes(page)
        box = next(box for box in page.all(".frame") if box.get_attribute("aria-label").startswith("leak_outer"))
        box.click()
        zoomed = page.run("return document.activeElement.getBoundingClientRect().width")
        whole = page.run("return document.getElementById('flame').clientWidth")
        t.check(zoomed > 0.99 * whole, f"the box is {zoomed} wide, of {whole}")
        t.check("leak_outer" in page.text("#detail"), "what is said of the box")
        page.key("\ue00c")  # Escape
        t.equal(boxes(page), before, "the boxes after Escape")


def test_keyboard_alone_moves_and_zooms(t):
    path, _ = leak(t)
    with Page(t, path) as page:
        page.run("document.querySelector('.frame[tabindex=\"0\"]').focus()")
        first = page.run("return document.activeElement.getAttribute('aria-label')")
        page.key("\ue015")  # down
        second = page.run("return document.activeElement.getAttribute('aria-label')")
        t.check(second != first, "the arrow key did not move")
        page.key("\ue007")  # Enter
        zoomed = page.run("return document.activeElement.getAttribute('aria-label')")
        t.equal(zoomed, second, "the box that is zoomed to")


def test_search_marks_and_filters(t):
    path, image = leak(t)
    with Page(t, path) as page:
        page.one("#search").send_keys("leak_inner")
        marked = page.run("return [...document.querySelectorAll('.frame.match')].map((box) => box.textContent)")
        t.check(marked and set(marked) == {"leak_inner"}, f"marked: {marked}")
        t.equal(len(page.all("#stacks tbody tr")), len(heaptap.stacks_through(image, "leak_inner")),
                "rows of stacks through it")
        t.check("%" in page.text("#found"), f"what was found: {page.text('#found')!r}")


@each("blocks", "allocated", "growth")
def test_measure_can_be_switched(t, measure):
    path, image = leak(t)
    with Page(t, path) as page:
        page.one(f"input[value={measure}]").click()
        if measure == "blocks":
            total = sum(stack["outstanding_blocks"] for stack in image["stacks"])
            t.equal(page.run("return root.value"), total, "blocks in all")
        t.check(boxes(page) or measure == "growth", "nothing is shown")


@each(("mapped", "outstanding_bytes", ["maps", 1, 200], ["--mmap"]),
      ("arenas", "bytes", ["arena_obstack"], ["--allocators", "obstack"]))
def test_lists_beside_the_heap_can_be_chosen(t, case):
    key, field, (program, *words), options = case
    paths = recorded(t, [heaptap.program(program), *words], "html", "json", options=options)
    (summary,) = heaptap.read_summaries(paths["json"].read_text())
    told = summary["processes"][0][key]
    stacks = told["stacks"] if key == "mapped" else told
    held = [stack for stack in stacks if stack[field]]
    t.check(held, f"the program has no {key}")
    with Page(t, paths["html"]) as page:
        heap = boxes(page)
        page.one(f"input[value={key}]").click()
        t.check(boxes(page) != heap, "the boxes have not changed")
        t.equal(page.run("return root.value"), sum(stack[field] for stack in stacks), "bytes in all")
        names = {name for name, _ in boxes(page)}
        functions = {frame["function"] for stack in held for frame in stack["frames"] if frame["function"]}
        t.check(functions <= names, f"missing in the flame graph: {functions - names}")
        t.equal(len(page.all("#stacks tbody tr")), len(stacks), "rows of the table")
        page.one("input[value=stacks]").click()
        t.equal(boxes(page), heap, "the boxes of the heap again")


def test_sections_are_told_and_what_they_left_can_be_chosen(t):
    names = ("several", "request")
    paths = recorded(t, [heaptap.program("section_calls"), 31, 2], "html", "json",
                     options=[word for name in names for word in ("--section", name)])
    (summary,) = heaptap.read_summaries(paths["json"].read_text())
    sections = {section["function"]: section for section in summary["processes"][0]["sections"]}
    with Page(t, paths["html"]) as page:
        tables = page.all("#sections table")
        for name, table in zip(names, tables, strict=True):
            t.contains(table.text, f"{name}, in section_calls", "a table's caption")
            t.contains(table.text, f"{sections[name]['calls']:,} calls", "its calls")
            mean, most = (cell.text for cell in table.find_elements("css selector", "tbody tr")[2]
                          .find_elements("css selector", "td"))
            t.equal(float(mean), round(sections[name]["left_blocks"] / sections[name]["calls"], 2),
                    f"{name}: blocks left behind by a call")
            t.equal(int(most), sections[name]["left_blocks_max"], f"{name}: most blocks left behind")
        page.one("input[value='left by request']").click()
        stacks = sections["request"]["stacks"]
        t.equal(page.run("return root.value"), sum(stack["left_bytes"] for stack in stacks), "bytes in all")
        t.equal(len(page.all("#stacks tbody tr")), len(stacks), "rows of the table")


def test_a_heap_alone_has_no_choice_and_no_findings(t):
    path, _ = leak(t)
    parts = ["lists", "findings", "sections"]
    with Page(t, path) as page:
        hidden = page.run(f"return {parts}.map((id) => document.getElementById(id).hidden)")
        t.equal(hidden, [True] * len(parts), f"whether {parts} are hidden")


def test_findings_are_told_with_their_stacks(t):
    paths = recorded(t, [heaptap.program("wrong_free"), "double"], "html", "json", options=["--check"],
                     status=128 + signal.SIGABRT)
    (summary,) = heaptap.read_summaries(paths["json"].read_text())
    (finding,) = summary["processes"][0]["findings"]
    with Page(t, paths["html"]) as page:
        (item,) = page.all("#findings ul > li")
        t.contains(item.text, f"double free of {finding['address']}", "the finding")
        t.equal([part.text for part in page.all("#findings summary")], ["freed by", "freed before by", "allocated by"],
                "its stacks")
        page.all("#findings summary")[0].click()
        frames = page.run("return [...document.querySelectorAll('#findings details[open] li')].map((li) => li.textContent)")
        wanted = [frame["function"] for frame in finding["stacks"][0]["frames"] if frame["function"]]
        t.check(all(any(name in frame for frame in frames) for name in wanted), f"{wanted} in {frames}")


def test_light_and_dark_look_different(t):
    path, _ = leak(t)
    shots = []
    for dark in (False, True):
        with Page(t, path, dark) as page:
            ground = page.run("return getComputedStyle(document.body).backgroundColor")
            shots.append((ground, page.pixels()))
    (light, light_png), (dark, dark_png) = shots
    t.equal((light, dark), ("rgb(255, 255, 255)", "rgb(23, 23, 27)"), "the ground's colours")
    # a picture of one colour packs to next to nothing
    t.check(min(len(zlib.compress(png)) for png in (light_png, dark_png)) > 10000, "a screenshot is empty")


def test_curve_has_a_point_for_each_summary(t):
    path = t.path("x.html")
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done"
    t.status(t.run([heaptap.HEAPTAP, "run", "-i", "0.2", "-f", "html", "-o", path, "--", "/bin/sh", "-c",
                    script]), 0)
    with Page(t, path) as page:
        cnt = page.run("return snapshots.length")
        t.check(cnt >= 3, f"{cnt} summaries")
        t.equal(len(page.all("#curve path, #curve circle")), page.run("return Math.min(curve_series().length, LINES_MAX)"),
                "curves")


def test_file_that_was_cut_off_shows_what_it_has(t):
    path = t.path("x.html")
    t.status(t.run([heaptap.HEAPTAP, "run", "-i", "0.2", "-f", "html", "-o", path, "--", "sleep", "1"]), 0)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 50)
    with Page(t, path) as page:
        t.check(page.run("return snapshots.length") >= 1, "no summary is left")


def test_hostile_names_stay_text(t):
    t.need("cp")
    t.path("<").mkdir()
    evil = t.path("<") / "script><img src=x onerror=alert(1)><!--<script>\x1b[31m"
    t.run(["cp", heaptap.program("leak"), evil])
    paths = recorded(t, [evil, "malloc"], "html")
    with Page(t, paths["html"]) as page:
        t.equal(page.run("return document.querySelectorAll('img').length"), 0, "images made of a name")
        t.check("</script><img" in page.run("return last.strings.join(' ')"), "the name is not there")


def test_twenty_thousand_stacks(t):
    path = recorded(t, [heaptap.program("many_stacks"), "20000"], "html")["html"]
    t.check(path.stat().st_size < SIZE_MAX, f"{path.stat().st_size} bytes")
    with Page(t, path) as page:
        t.check(page.run("return last.processes[0].stacks.length") >= 20000, "stacks are missing")
        t.check(page.seconds < SECONDS_MAX, f"it took {page.seconds:.1f} s to open")


def test_sizes_are_rounded_into_their_unit(t):
    path, _ = leak(t)
    with Page(t, path) as page:
        t.equal(page.run("return [0, 1023, 1024, 1048524, 1048525, 1 << 30, -1536].map(words_bytes)"),
                ["0 B", "1023 B", "1.0 KiB", "1023.9 KiB", "1.0 MiB", "1.0 GiB", "\u22121.5 KiB"], "sizes")


def test_weeks_of_summaries_are_drawn(t):
    """More points than a function of JavaScript takes arguments."""
    path, image = leak(t)
    page, block = path.read_text().split('<script type="application/json">')
    about = '"about":{"host":"h","kernel":"k","time":1,"uptime":%d,"sample_bytes":0},"strings":[],"frames":[],"nodes":[],'
    process = f'{{"about":{{"pid":{image["pid"]},"image":{image["image"]},"comm":"leak","outstanding_bytes":%d}},' \
        '"stacks":[],"mapped":[],"arenas":[],"findings":[],"sections":[]}'
    head = '<script type="application/json">'
    with open(path, "w") as file:
        file.write(page)
        for i in range(140_000):
            file.write(f'{head}{{{about % i}"processes":[{process % i}]}}</script>\n')
        file.write(head + block)
    with Page(t, path) as page:
        t.equal(page.run("return curve_series().map((one) => one.points.length)"), [140_001], "points")
        t.equal(len(page.all("#curve path")), 1, "lines drawn")
