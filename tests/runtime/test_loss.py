# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is lost is counted, and what can be lost no more is not: with a ring made tiny on purpose, received
and lost events together are the program's own counts, by kind and process; with the default ring, two
cores of threads that only allocate lose nothing (tests/programs/flood.c)."""
import heaptap
from harness import each

TINY = ["--ring-size", "4096"]
THREADS = 2


def flood(mode, rounds, threads=THREADS):
    return [heaptap.program("flood"), mode, str(threads), str(rounds)]


def libc_totals(t, threads=THREADS):
    """What the C library allocates for threads that do nothing, from books that are complete."""
    _, ((image, expect),) = heaptap.run_expecting(t, flood("mixed", 0, threads))
    heaptap.check_sound(t, image)
    t.equal(expect["allocs"], 0, "allocations of threads that play no round")
    return image["totals"]


def received_frees(image):
    events = image["events"]
    return (image["totals"]["frees"] + events["unmatched_frees"] + events["nested_frees"]
            + events["thread_cache_frees"])


def check_counts(t, image, expect, libc):
    """By kind: what is in the books and what was lost are all that happened."""
    loss, totals = image["loss"], image["totals"]
    found = {"allocs": totals["allocs"] + loss["lost_allocs"],
             "frees": received_frees(image) + loss["lost_frees"],
             "failed": totals["failed_allocs"] + loss["lost_failed"]}
    wanted = {"allocs": expect["allocs"] + libc["allocs"], "frees": expect["frees"] + libc["frees"],
              "failed": expect["failed"] + libc["failed_allocs"]}
    t.equal(found, wanted, f"{expect['pid']}: events received and lost")
    for kind, lost in (("allocs", "lost_allocs"), ("frees", "lost_frees"), ("failed", "lost_failed")):
        t.check(not wanted[kind] or loss[lost] > 1000, f"{expect['pid']}: hardly any {lost}: {loss}")


def check_doubt(t, image, expect, libc):
    """The books show no block too many that is not in doubt."""
    totals = image["totals"]
    true_blocks = expect["blocks"] + libc["outstanding_blocks"]
    t.equal(totals["allocs"] - totals["frees"] - image["events"]["replaced_blocks"],
            totals["outstanding_blocks"], "outstanding blocks")
    t.check(totals["outstanding_blocks"] - image["blocks_in_doubt"] <= true_blocks,
            f"{totals['outstanding_blocks']} blocks, {image['blocks_in_doubt']} of them in doubt, "
            f"but only {true_blocks} are there")
    t.check(image["events"]["replaced_blocks"] <= image["loss"]["lost_frees"],
            "more proofs of a lost free than lost frees")
    t.check(image["blocks_in_doubt"] > 0, "no block is in doubt")
    t.check(max(stack["blocks_in_doubt"] for stack in image["stacks"]) > 0, "no stack has a doubt")


def test_tiny_ring_counts_what_it_loses(t):
    libc = libc_totals(t)
    script = "for i in 1 2; do {} mixed {} 100000 & done; wait".format(heaptap.program("flood"), THREADS)
    tracing, pairs = heaptap.run_expecting(t, ["/bin/sh", "-c", script], options=TINY)
    t.equal(len(pairs), 2, "processes")
    for image, expect in pairs:
        t.equal(image["comm"], "flood", "comm")
        check_counts(t, image, expect, libc)
        check_doubt(t, image, expect, libc)
        t.check(not image["complete"], "the process is told as complete")
    of_all, of_each = tracing.final["loss"], [image["loss"] for image in tracing.images]
    for kind in of_all:
        t.equal(sum(loss[kind] for loss in of_each), of_all[kind], f"{kind} of each and of all")
    t.equal([image for image in tracing.images if image["state"] == "running"], [], "processes that have long ended")


def test_address_that_is_given_out_again_repairs_a_lost_free(t):
    libc = libc_totals(t)
    # large enough that the same addresses come again, and small enough to lose much
    _, ((image, expect),) = heaptap.run_expecting(t, flood("pairs", 500000), options=["--ring-size", "8K"])
    check_counts(t, image, expect, libc)
    t.check(image["events"]["replaced_blocks"] > 0, f"no repairs: {image['events']}")
    sizes = 1000  # flood.c, SIZE_SPAN: of each size, a thread is given the same block again and again
    t.check(image["totals"]["outstanding_blocks"] <= THREADS * sizes + libc["outstanding_blocks"],
            f"blocks stay that were freed: {image['totals']}")


def test_text_says_what_is_lost_and_in_doubt(t):
    finished = t.run([heaptap.HEAPTAP, "run", *TINY, "--", *flood("mixed", 100000)])
    t.status(finished, 0)
    report = finished.stderr
    for part in ("books         INCOMPLETE: ", "allocations lost: ring full", "frees lost: ring full",
                 " in doubt\n", "  in doubt      ", "INCOMPLETE: not every allocation and free was seen",
                 "may have been freed", "are at\n    least what is shown", "--ring-size"):
        t.contains(report, part, "the report")


@each("pairs", "grow")
def test_two_cores_at_full_speed_lose_nothing(t, mode):
    libc = libc_totals(t)
    _, ((image, expect),) = heaptap.run_expecting(t, flood(mode, "30s"))
    heaptap.check_sound(t, image)
    t.equal({kind: cnt for kind, cnt in image["loss"].items() if cnt}, {}, "lost events")
    t.equal(image["totals"]["allocs"], expect["allocs"] + libc["allocs"], "allocations")
    t.equal(image["totals"]["frees"], expect["frees"] + libc["frees"], "frees")
    t.equal(image["totals"]["outstanding_bytes"], expect["bytes"] + libc["outstanding_bytes"], "bytes")
    t.check(image["events"]["received"] > 10**7, f"slow: {image['events']['received']} events in 30 s")
