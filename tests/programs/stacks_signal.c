/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocations in signal handlers, which interrupt a function at any of its instructions, on the same
 * stack and on one of their own: for the comparison of stacks. stacks_signal N [vdso]
 *
 * With vdso what is interrupted asks for the time, in the code that the kernel maps from no file.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static int asks_time;

static __attribute__((noinline)) void handle(int number)
{
	free(malloc(number + 16));
	handled++;
}

/* No allocation here: the handler may come at any time. */
static __attribute__((noinline)) unsigned int work(unsigned int depth, unsigned int seed)
{
	volatile unsigned int here = seed;
	struct timespec now;

	for (int i = 0; i < 20; i++) {
		if (asks_time)
			clock_gettime(CLOCK_MONOTONIC, &now);
		here = here * 1103515245 + 12345;
	}
	return depth ? work(depth - 1, here) + here : here;
}

static void handle_with(int number, int flags)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = flags};

	sigaction(number, &action, NULL);
}

int main(int argc, char **argv)
{
	int cnt = argc > 1 ? atoi(argv[1]) : 100;
	stack_t stack = {.ss_sp = malloc(1 << 20), .ss_size = 1 << 20};
	struct itimerval time = {{0, 200}, {0, 200}};
	unsigned int sum = 0;

	asks_time = argc > 2;
	sigaltstack(&stack, NULL);
	handle_with(SIGALRM, SA_RESTART);
	handle_with(SIGUSR1, SA_RESTART | SA_ONSTACK);
	for (int i = 0; i < cnt; i++)
		raise(SIGUSR1);
	setitimer(ITIMER_REAL, &time, NULL);
	while (handled < cnt + cnt / 10)
		sum += work(sum % 30, sum);
	time = (struct itimerval){0};
	setitimer(ITIMER_REAL, &time, NULL);
	return 0;
}
