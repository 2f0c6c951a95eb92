# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap attach: processes that are running already, which must not notice."""
import re
import shutil
import signal

import heaptap
from harness import each
from puppet import Puppet


def totals_of(tracing, puppet):
    return tracing.of_pid(puppet.pid)[-1]["totals"]


def test_counts_from_when_it_attached(t):
    puppet = Puppet(t)
    puppet.tell("alloc 10 500")
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 5 100", "free 2", "churn 20 64")
    tracing.stop()
    totals = totals_of(tracing, puppet)
    wanted = {"allocs": 25, "frees": 22, "bytes_allocated": 5 * 100 + 20 * 64,
              "outstanding_blocks": 3, "outstanding_bytes": 300}
    t.equal({key: totals[key] for key in wanted}, wanted, "totals")
    t.equal(tracing.images[0]["state"], "running", "state")
    t.check(heaptap.stacks_through(tracing.images[0], "leak_outer"), "no stack with leak_outer")


def test_blocks_from_before_are_not_its_books(t):
    puppet = Puppet(t)
    puppet.tell("alloc 10 500")
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 3 100", "free_first 4")
    tracing.stop()
    image = tracing.images[0]
    t.equal(image["totals"]["outstanding_blocks"], 3, "outstanding blocks")
    t.equal(image["events"]["unmatched_frees"], 4, "frees of unknown blocks")
    t.check(image["complete"], "frees of blocks from before do not make the books incomplete")


def test_all_threads_are_seen(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("thread 7 100", "thread 7 100")
    tracing.stop()
    stacks = heaptap.stacks_through(tracing.images[0], "leak_outer")
    t.equal(heaptap.sums(stacks)["outstanding_blocks"], 14, "blocks of the threads")


def test_several_processes(t):
    puppets = [Puppet(t) for _ in range(3)]
    tracing = heaptap.attach(t, *(puppet.pid for puppet in puppets))
    for cnt, puppet in enumerate(puppets, 1):
        puppet.tell(f"alloc {cnt} 100")
    tracing.stop()
    blocks = [totals_of(tracing, puppet)["outstanding_blocks"] for puppet in puppets]
    t.equal(blocks, [1, 2, 3], "outstanding blocks")


def test_others_are_left_out(t):
    puppet, other = Puppet(t), Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    other.tell("alloc 3 100")
    puppet.tell("alloc 1 100")
    tracing.stop()
    t.equal([image["pid"] for image in tracing.images], [puppet.pid], "processes")


def test_ends_when_its_process_exits(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 4 100")
    puppet.end(7)
    tracing.process.wait()
    t.status(tracing.process, 0)
    image = tracing.only()
    t.equal((image["state"], image["exit_code"]), ("exited", 7), "state and exit code")
    t.equal(image["totals"]["outstanding_blocks"], 4, "outstanding blocks")
    t.check(heaptap.stacks_through(image, "leak_outer"), "no stack with leak_outer")


def test_goes_on_until_the_last_of_several_exits(t):
    puppets = [Puppet(t) for _ in range(2)]
    tracing = heaptap.attach(t, *(puppet.pid for puppet in puppets))
    puppets[0].end()
    puppets[1].tell("alloc 2 100")
    tracing.until_summary()
    t.check(tracing.process.running(), "heaptap ended with the first process")
    puppets[1].end()
    tracing.process.wait()
    t.status(tracing.process, 0)
    t.equal(totals_of(tracing, puppets[1])["outstanding_blocks"], 2, "outstanding blocks")


def test_process_that_is_killed(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 4 100")
    puppet.process.signal(signal.SIGKILL)
    tracing.process.wait()
    image = tracing.only()
    t.equal((image["state"], image["signal"]), ("killed", signal.SIGKILL), "state and signal")
    t.equal(image["totals"]["outstanding_blocks"], 4, "outstanding blocks")


def test_exec_of_an_attached_process(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 4 100", "exec")
    puppet.tell("alloc 2 70")
    puppet.end()
    tracing.process.wait()
    images = tracing.of_pid(puppet.pid)
    t.equal([(image["state"], image["totals"]["outstanding_blocks"]) for image in images],
            [("replaced", 4), ("exited", 2)], "images")


def test_library_that_is_loaded_later(t):
    copy = t.path("plugin.so")
    shutil.copy(heaptap.program("plugin_first.so"), copy)
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell(f"load {copy} plugin_first_leak 1234")
    tracing.stop()
    stacks = heaptap.stacks_through(tracing.images[0], "plugin_first_leak")
    t.equal(heaptap.sums(stacks)["outstanding_bytes"], 1234, "bytes through the plugin")


@each("by the first", "before it was attached to")
def test_library_with_an_allocator_that_is_loaded_by_another_first(t, loaded):
    """The kernel side tells of a file once; the second process's calls are seen from its first one on."""
    library = heaptap.program("liballoc_ours.so")
    load = f"load {library} malloc 1234"
    first, second = Puppet(t), Puppet(t)
    if loaded == "before it was attached to":
        first.tell(load)
    tracing = heaptap.attach(t, first.pid, second.pid)
    if loaded == "by the first":
        first.tell(load)
        t.until(lambda: tracing.of_pid(first.pid) and tracing.of_pid(first.pid)[-1]["note"], "the late probes")
    second.tell(load, load)
    tracing.stop()
    image = tracing.of_pid(second.pid)[-1]
    own = heaptap.sums([stack for stack in image["stacks"] if stack["frames"][0]["module"] == str(library)])
    t.equal((own["outstanding_blocks"], own["outstanding_bytes"]), (2, 2468), "blocks of the library's allocator")
    t.equal(image["note"], None, "note")


def test_allocator_that_cannot_be_probed_is_said(t):
    library = t.path("broken.so")
    shutil.copy(heaptap.program("liballoc_ours.so"), library)
    puppet = Puppet(t)
    puppet.tell(f"load {library} malloc 1234")
    with open(library, "r+b") as file:  # nobody can find its program headers any more
        file.seek(32)  # e_phoff, elf(5)
        file.write(b"\xff" * 8)
    tracing = heaptap.attach(t, puppet.pid, options=["-v"])
    puppet.tell("alloc 3 100")
    tracing.stop()
    image = tracing.only()
    t.equal(image["totals"]["outstanding_blocks"], 3, "blocks of the C library's allocator")
    t.contains(image["note"] or "", "could not be probed", "note")
    t.contains(tracing.process.stderr, str(library), "stderr")


@each(signal.SIGINT, signal.SIGTERM)
def test_detaching_leaves_the_process_alone(t, number):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 1 100")
    tracing.stop(number)
    t.equal(tracing.final["kind"], "final", "kind")
    puppet.tell("alloc 1000 100", "free 1000", "thread 3 100")
    t.equal(puppet.end(), 0, "the process's exit status")


def test_attaching_again_and_again(t):
    puppet = Puppet(t)
    for _ in range(5):
        tracing = heaptap.attach(t, puppet.pid)
        puppet.tell("alloc 2 100")
        tracing.stop()
        t.equal(totals_of(tracing, puppet)["outstanding_blocks"], 2, "outstanding blocks")


def test_two_tracers_of_one_process(t):
    puppet = Puppet(t)
    tracings = [heaptap.attach(t, puppet.pid) for _ in range(2)]
    puppet.tell("alloc 6 100", "free 1")
    for tracing in tracings:
        tracing.stop()
        t.equal(totals_of(tracing, puppet)["outstanding_blocks"], 5, "outstanding blocks")


def start_redis(t):
    socket = t.path("redis.sock")
    server = t.start(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir",
                      t.directory])
    t.until(lambda: redis_answers(t, socket), "redis's answer")
    return server, socket


def redis_answers(t, socket):
    return t.run(["redis-cli", "-s", socket, "ping"]).stdout.strip() == "PONG"


def load_redis(t, socket, requests=10000):
    finished = t.run(["redis-benchmark", "-s", socket, "-n", requests, "-c", "20", "-q", "-t", "set,lpush,get",
                      "-r", "100000"])
    t.status(finished, 0)


def test_redis_under_load(t):
    t.need("redis-server", "redis-benchmark", "redis-cli")
    server, socket = start_redis(t)
    tracing = heaptap.attach(t, server.pid)
    load_redis(t, socket)
    summary = tracing.until_summary()
    tracing.stop()
    t.check(redis_answers(t, socket), "redis does not answer after heaptap has detached")
    image = tracing.of_pid(server.pid)[0]
    totals = image["totals"]
    t.check(image["complete"], f"not complete: {image['events']}")
    t.equal(image["events"]["lost"], 0, "events lost")
    t.check(totals["allocs"] > 10000, f"too few allocations: {totals}")
    t.check(totals["outstanding_blocks"] > 5000, f"too few outstanding blocks: {totals}")
    t.equal(totals["allocs"] - totals["frees"], totals["outstanding_blocks"], "allocs - frees")
    t.check(summary["processes"][0]["state"] == "running", "redis is not told as running")
    modules = {frame["module"] for stack in image["stacks"] for frame in stack["frames"]}
    t.check(any(re.search("redis", module or "") for module in modules), f"modules: {modules}")
