// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stopwatch REPORT GATE COMMAND...: runs the command, and writes into the file REPORT first its
 * pid, then the seconds from its exec to its end and its exit status. GATE is a FIFO that the
 * command waits for before its exec, so that a tracer can attach to the pid; or "-". Below a tracer
 * that runs commands this leaves out the tracer's own beginning and end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* In the child: opening a FIFO waits for its other side. */
static int run(const char *gate, char **command, volatile double *ret_began)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(gate, "-") && open(gate, O_RDONLY | O_CLOEXEC) < 0)
		return 126;
	*ret_began = now_s();
	execvp(command[0], command);
	return 127;
}

int main(int argc, char **argv)
{
	double *began = mmap(
		NULL, sizeof(*began), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *report = argc > 3 ? fopen(argv[1], "we") : NULL;
	int status;
	pid_t pid;

	if (!report || began == MAP_FAILED)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (!pid)
		_exit(run(argv[2], argv + 3, began));
	fprintf(report, "%d\n", pid);
	fflush(report);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	fprintf(report, "%.6f %d\n", now_s() - *began,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return fclose(report) != 0;
}
