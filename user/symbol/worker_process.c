/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keeper and the worker.
 *
 * The worker opens each file it is asked about once and keeps it open. What libdw has read stays in
 * memory until the file is closed, so the worker ends itself, and is replaced by a fresh one, when
 * it was idle for a while or has grown; what it has to read again then comes from the page cache.
 *
 * Limits: an alarm per question (SIGALRM's default action ends it), RLIMIT_AS, and the first place
 * in the queue of the OOM killer. libdw's handler for lack of memory would call exit(3), and with
 * it what heaptap has registered by atexit; debug_file.c replaces it.
 *
 * The keeper tells heaptap of a worker's death by an answer with -EIO. The number of the question
 * is known to it from a shared page.
 */
#include "symbol/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "symbol/demangle.h"

#define SECONDS_MAX 20		   /* per question */
#define SECONDS_MAX_DEBUGINFOD 300 /* if it may have to download */
#define IDLE_MS 20000
#define DATA_SZ_MAX                                                                                \
	(768UL << 20) /* a worker with more than one file and more memory is replaced              \
		       */
#define ADDRESS_SPACE_SZ (2UL << 30) /* and half of the machine's memory */
#define FILES_MAX 256		     /* open at a time */
#define TEXT_SZ_TIGHT 1000	     /* bytes of each string, where the answer would be too large */
#define RETRY_US 100000

/* gcc has a macro, clang a feature */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#endif

enum exit_code {
	EXIT_END = 0,	/* heaptap is gone */
	EXIT_AGAIN = 1, /* replace me */
};

struct file {
	uint32_t number;	       /* the question's */
	struct debug_file *debug_file; /* NULL: it can't be read */
	bool with_dwarf;
};

struct process {
	int fd;
	volatile uint64_t *seq; /* shared: the question at work */
	struct file files[FILES_MAX + 1];
	size_t open_cnt;
	char answer[WIRE_ANSWER_SZ_MAX];
};

unsigned int worker_process__seconds_max(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && urls[0] ? SECONDS_MAX_DEBUGINFOD : SECONDS_MAX;
}

static void reset_signals(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Lets go of terminal, directory and files of the process that it was forked from. */
static void detach(int fd)
{
	int null = open("/dev/null", O_RDWR);

	reset_signals();
	(void)setsid();
	(void)prctl(PR_SET_NAME, "heaptap-names");
	if (chdir("/") < 0)
		return;
	for (int i = 0; i <= 2 && null >= 0; i++)
		(void)dup2(null, i);
	(void)syscall(SYS_close_range, 3, fd - 1, 0);
	(void)syscall(SYS_close_range, fd + 1, ~0U, 0);
}

static void set_limits(void)
{
	const struct rlimit no_core = {0};
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1000", 4);
		close(fd);
	}
	(void)setrlimit(RLIMIT_CORE, &no_core);
#ifndef HAS_SHADOW_MEMORY
	struct rlimit space;

	space.rlim_max = space.rlim_cur =
		ADDRESS_SPACE_SZ + (rlim_t)sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE);
	(void)setrlimit(RLIMIT_AS, &space);
#endif
}

/* Memory of its own: what is resident and not of files. */
static size_t data_sz(void)
{
	unsigned long total, resident = 0, shared = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm)
		return 0;
	if (fscanf(statm, "%lu %lu %lu", &total, &resident, &shared) != 3)
		resident = shared = 0;
	fclose(statm);
	return (resident - shared) * sysconf(_SC_PAGESIZE);
}

static struct file *find_file(struct process *process, uint32_t number)
{
	for (size_t i = 0; i < process->open_cnt; i++) {
		if (process->files[i].number == number)
			return &process->files[i];
	}
	return NULL;
}

static struct debug_file *open_file(
	struct process *process, const struct wire_question *question, const char *path, int fd)
{
	struct file *file = find_file(process, question->file);

	if (file && file->with_dwarf == question->with_dwarf)
		return file->debug_file;
	if (file)
		debug_file__free(file->debug_file);
	else
		file = &process->files[process->open_cnt++];
	*file = (struct file){
		.number = question->file,
		.debug_file = debug_file__new(fd, path, question->with_dwarf),
		.with_dwarf = question->with_dwarf,
	};
	return file->debug_file;
}

/* Appends at most max bytes of the text; returns the size with the NUL. */
static uint32_t put_text(char **at, const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max - 1) : 0;

	if (!text)
		return 0;
	memcpy(*at, text, len);
	(*at)[len] = '\0';
	*at += len + 1;
	return len + 1;
}

static size_t text_sz(const struct symbol *symbol)
{
	return (symbol->function ? strlen(symbol->function) + 1 : 0) +
	       (symbol->file ? strlen(symbol->file) + 1 : 0);
}

static char *put_symbol(char *at, const struct symbol *symbol, size_t text_sz_max)
{
	struct wire_symbol wire = {.offset = symbol->offset,
		.line = symbol->line,
		.column = symbol->column,
		.inlined = symbol->inlined};
	char *texts = at + sizeof(wire);

	wire.function_sz = put_text(&texts, symbol->function, text_sz_max);
	wire.file_sz = put_text(&texts, symbol->file, text_sz_max);
	memcpy(at, &wire, sizeof(wire));
	return texts;
}

/* Writes the symbols, whose functions are demangled already. Returns the answer's size. */
static size_t put_symbols(struct process *process, const struct symbol *symbols, int cnt)
{
	char *at = process->answer + sizeof(struct wire_answer);
	size_t sz = sizeof(struct wire_answer), max = WIRE_ANSWER_SZ_MAX;

	for (int i = 0; i < cnt; i++)
		sz += sizeof(struct wire_symbol) + text_sz(&symbols[i]);
	if (sz > WIRE_ANSWER_SZ_MAX)
		max = TEXT_SZ_TIGHT;
	for (int i = 0; i < cnt; i++)
		at = put_symbol(at, &symbols[i], max);
	return at - process->answer;
}

static size_t answer(
	struct process *process, const struct wire_question *question, const char *path, int fd)
{
	struct wire_answer *head = (struct wire_answer *)process->answer;
	struct debug_file *file = open_file(process, question, path, fd);
	struct symbol symbols[SYMBOLS_MAX] = {0};
	char *names[SYMBOLS_MAX];
	size_t sz;

	*head = (struct wire_answer){.seq = question->seq, .symbol_cnt = 1};
	if (file)
		head->symbol_cnt =
			debug_file__lookup(file, question->address, question->is_return, symbols);
	for (uint32_t i = 0; i < head->symbol_cnt; i++) {
		names[i] = symbols[i].function ? demangle(symbols[i].function) : NULL;
		symbols[i].function = names[i];
	}
	sz = put_symbols(process, symbols, head->symbol_cnt);
	for (uint32_t i = 0; i < head->symbol_cnt; i++)
		free(names[i]);
	return sz;
}

_Static_assert(sizeof(struct wire_answer) +
			       SYMBOLS_MAX * (sizeof(struct wire_symbol) + 2 * TEXT_SZ_TIGHT) <=
		       WIRE_ANSWER_SZ_MAX,
	"the tightest answer fits");

/* Reads a question with its path and fd. Ends the process when there is nobody to ask any more. */
static bool receive(
	struct process *process, struct wire_question *question, char *path, int *ret_fd)
{
	struct iovec parts[2] = {{question, sizeof(*question)}, {path, WIRE_PATH_SZ_MAX - 1}};
	union wire_fd control;
	struct msghdr message = {.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t sz = recvmsg(process->fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = sz > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (sz <= 0 && errno != EINTR)
		_exit(EXIT_END);
	if (sz < (ssize_t)sizeof(*question) || !header || header->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	path[sz - sizeof(*question)] = '\0';
	return true;
}

static void serve_one(struct process *process)
{
	struct wire_question question;
	char path[WIRE_PATH_SZ_MAX];
	size_t sz;
	int fd;

	errno = 0;
	if (!receive(process, &question, path, &fd))
		return;
	*process->seq = question.seq;
	(void)alarm(worker_process__seconds_max());
	sz = answer(process, &question, path, fd);
	(void)alarm(0);
	close(fd);
	(void)send(process->fd, process->answer, sz, MSG_NOSIGNAL);
}

static bool is_bloated(const struct process *process)
{
	return process->open_cnt > FILES_MAX || (process->open_cnt > 1 && data_sz() > DATA_SZ_MAX);
}

__attribute__((noreturn)) static void serve(int fd, volatile uint64_t *seq)
{
	struct process *process = calloc(1, sizeof(*process));
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	if (!process)
		_exit(EXIT_AGAIN);
	set_limits();
	process->fd = fd;
	process->seq = seq;
	while (!is_bloated(process)) {
		if (poll(&wait, 1, process->open_cnt ? IDLE_MS : -1) == 0)
			break;
		serve_one(process);
	}
	_exit(EXIT_AGAIN);
}

/* Tells heaptap the keeper's pid; false: heaptap is gone. */
static bool say_hello(int fd)
{
	const struct wire_hello hello = {.keeper = getpid()};

	return send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello);
}

/* Tells heaptap that the worker died over a question; false: heaptap is gone. */
static bool tell_death(int fd, uint64_t seq)
{
	const struct wire_answer death = {.seq = seq, .error = -EIO};

	return send(fd, &death, sizeof(death), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno == EAGAIN;
}

__attribute__((noreturn)) void worker_process__keep(int fd)
{
	volatile uint64_t *seq =
		mmap(NULL, sizeof(*seq), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	detach(fd);
	for (bool goes_on = seq != MAP_FAILED && say_hello(fd); goes_on;) {
		pid = fork();
		if (pid == 0)
			serve(fd, seq);
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			usleep(RETRY_US);
		else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_END)
			goes_on = false;
		else if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_AGAIN)
			goes_on = tell_death(fd, *seq);
		else
			goes_on = true;
	}
	_exit(0);
}
