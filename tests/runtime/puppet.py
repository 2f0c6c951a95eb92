# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tests/programs/puppet.c from this side: a process that does what it is told, when it is told."""
import heaptap


class Puppet:
    def __init__(self, test, program=None, prefix=(), **how):
        self.test = test
        self.process = test.start([*prefix, program or heaptap.program("puppet")], stdin=None, **how)
        self.told_cnt = 0
        self.tell("expect")

    @property
    def pid(self):
        return self.process.pid

    def tell(self, *lines):
        """Gives it the lines, and waits until they are done. Gives what was printed for them."""
        seen = len(self.process.stdout)
        for line in lines:
            self.process.popen.stdin.write(line.encode() + b"\n")
        self.process.popen.stdin.flush()
        self.told_cnt += len(lines)
        self.test.until(lambda: self.answers() >= self.told_cnt or not self.process.running(),
                        f"the puppet's answer to {lines}")
        self.test.check(self.process.running(), f"the puppet has ended\n{self.process.told()}")
        return self.process.stdout[seen:]

    def answers(self):
        return self.process.stdout.split("\n").count("done")

    def address(self):
        return self.tell("address").split()[1]

    def end(self, code=0):
        """Makes it exit, and waits for that."""
        self.process.popen.stdin.write(f"exit {code}\n".encode())
        self.process.popen.stdin.flush()
        return self.process.wait()
