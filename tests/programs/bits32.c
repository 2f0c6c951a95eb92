/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A 32-bit program with an allocator in it, which needs no 32-bit C library: it waits for the end
 * of its input, and exits with 7 (i386 system calls through int 0x80: syscalls(2)). */
enum { SYS_EXIT = 1, SYS_READ = 3 };

static int call3(int nr, int a, const void *b, int c)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static char memory[4096];

__attribute__((noinline)) void *malloc(unsigned int n)
{
	static unsigned int used;

	used += n;
	return &memory[(used - n) % sizeof(memory)];
}

__attribute__((noinline)) void free(void *p)
{
	__asm__ volatile("" : "+r"(p));
}

void _start(void)
{
	char *p = malloc(16);

	while (call3(SYS_READ, 0, p, 1) == 1)
		;
	free(p);
	call3(SYS_EXIT, 7, 0, 0);
	for (;;)
		;
}
