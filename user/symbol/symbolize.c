/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was asked and answered. The answers come from the worker (files) and from perf maps (JITs).
 *
 *   module ──► file ──────┐
 *   {pid, start} ► process ┴► names: {address, is_return} ──► result: struct symbol[] ──► texts
 *
 * Results stay until their file or process is forgotten, since callers keep pointers to them; they
 * take some 100 bytes per distinct address that was shown. Perf maps can be large: beyond a limit
 * the one that was not used for longest is dropped, and read again if its process is still there
 * when it is asked.
 *
 * A file whose debug info kills the worker is asked again for its symbol table only; one that does
 * it again, or takes too long all in all, has no names any more.
 */
#include "symbol/symbolize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "symbol/hash.h"
#include "symbol/perfmap.h"
#include "symbol/worker.h"

#define FILE_NS_MAX 120000000000 /* of waiting for answers about one file */
#define REFRESH_NS 1000000000	 /* a perf map is read again on a miss no more often than this */
#define PERFMAPS_SZ_MAX (256UL << 20)

enum trust {
	TRUST_ALL,
	TRUST_SYMBOLS, /* its DWARF is not read */
	TRUST_NOTHING,
};

struct names { /* all that was answered of one file or process */
	struct hash results, texts;
};

struct file { /* a module that was asked for */
	struct hash_node node;
	struct names names;
	const struct module *module;
	uint32_t number;
	enum trust trust;
	uint64_t spent_ns;
};

struct process {
	struct hash_node node;
	pid_t pid;
	uint64_t start_ns;
	struct names names;
	bool is_seen;
	uint64_t refreshed_ns, used_ns; /* 0: never */
	struct perfmap *map;		/* NULL: none, or dropped */
};

struct result {
	struct hash_node node;
	uint64_t address;
	bool is_return;
	int symbol_cnt;
	struct symbol symbols[];
};

struct text {
	struct hash_node node;
	char bytes[];
};

struct symbolizer {
	struct worker *worker;
	uint32_t last_file; /* the number given to a file last */
	struct hash files, processes;
};

static const struct symbol unknown; /* all that is known of an address without names */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void node__free(struct hash_node *node)
{
	free(node);
}

static void names__destroy(struct names *names)
{
	hash__free(&names->results, node__free);
	hash__free(&names->texts, node__free);
}

static void file__free(struct hash_node *node)
{
	names__destroy(&((struct file *)node)->names);
	free(node);
}

static void process__free(struct hash_node *node)
{
	names__destroy(&((struct process *)node)->names);
	perfmap__free(((struct process *)node)->map);
	free(node);
}

struct symbolizer *symbolizer__new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->worker = worker__new();
	if (symbolizer->worker)
		return symbolizer;
	free(symbolizer);
	return NULL;
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	worker__free(symbolizer->worker);
	hash__free(&symbolizer->files, file__free);
	hash__free(&symbolizer->processes, process__free);
	free(symbolizer);
}

pid_t symbolizer__keeper(const struct symbolizer *symbolizer)
{
	return worker__keeper(symbolizer->worker);
}

/* The kept copy of a text; NULL stays NULL. */
static int keep_text(struct names *names, const char *bytes, const char **ret_text)
{
	uint64_t hash = bytes ? hash__text(bytes) : 0;
	struct hash_node *node = bytes ? hash__chain(&names->texts, hash) : NULL;
	struct text *text = NULL;

	while (node && (node->hash != hash || strcmp(((struct text *)node)->bytes, bytes)))
		node = node->next;
	if (bytes && !node) {
		text = malloc(sizeof(*text) + strlen(bytes) + 1);
		if (!text || hash__add(&names->texts, &text->node, hash) != 0) {
			free(text);
			return -ENOMEM;
		}
		strcpy(text->bytes, bytes);
		node = &text->node;
	}
	*ret_text = node ? ((struct text *)node)->bytes : NULL;
	return 0;
}

static const struct result *find_result(const struct names *names, uint64_t address, bool is_return)
{
	struct hash_node *node = hash__chain(&names->results, hash__mix(address, is_return));

	for (; node; node = node->next) {
		const struct result *result = (const struct result *)node;

		if (result->address == address && result->is_return == is_return)
			return result;
	}
	return NULL;
}

static int keep_result(struct names *names, uint64_t address, bool is_return,
	const struct symbol *symbols, int cnt, const struct symbol **ret_symbols)
{
	struct result *result = malloc(sizeof(*result) + cnt * sizeof(*symbols));
	int err = result ? 0 : -ENOMEM;

	for (int i = 0; i < cnt && !err; i++) {
		struct symbol *symbol = &result->symbols[i];

		*symbol = symbols[i];
		err = keep_text(names, symbols[i].function, &symbol->function);
		if (!err)
			err = keep_text(names, symbols[i].file, &symbol->file);
	}
	if (!err)
		err = hash__add(&names->results, &result->node, hash__mix(address, is_return));
	if (err) {
		free(result);
		return err;
	}
	result->address = address;
	result->is_return = is_return;
	result->symbol_cnt = cnt;
	*ret_symbols = result->symbols;
	return cnt;
}

static uint64_t file_hash(const struct module *module)
{
	return hash__mix((uintptr_t)module, 0);
}

static struct file *find_file(struct symbolizer *symbolizer, const struct module *module)
{
	struct hash_node *node = hash__chain(&symbolizer->files, file_hash(module));

	while (node && ((struct file *)node)->module != module)
		node = node->next;
	return (struct file *)node;
}

static struct file *add_file(struct symbolizer *symbolizer, const struct module *module)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->module = module;
	file->number = ++symbolizer->last_file;
	if (hash__add(&symbolizer->files, &file->node, file_hash(module)) == 0)
		return file;
	free(file);
	return NULL;
}

/* Asks the worker, trusting the file less each time that kills it. */
static int ask(struct symbolizer *symbolizer, struct file *file, uint64_t address, bool is_return,
	struct symbol **ret_symbols)
{
	struct question question = {
		.address = address,
		.fd = file->module->fd,
		.file = file->number,
		.path = file->module->path,
		.is_return = is_return,
	};
	uint64_t start_ns = now_ns();
	int cnt = -EIO;

	while (cnt == -EIO && file->trust != TRUST_NOTHING) {
		question.with_dwarf = file->trust == TRUST_ALL;
		cnt = worker__ask(symbolizer->worker, &question, ret_symbols);
		if (cnt == -EIO)
			file->trust++;
	}
	file->spent_ns += now_ns() - start_ns;
	if (file->spent_ns > FILE_NS_MAX)
		file->trust = TRUST_NOTHING;
	return cnt;
}

static int give_unknown(const struct symbol **ret_symbols)
{
	*ret_symbols = &unknown;
	return 1;
}

int symbolizer__resolve(struct symbolizer *symbolizer, struct module *module, uint64_t address,
	bool is_return, const struct symbol **ret_symbols)
{
	const struct result *result;
	struct symbol *symbols;
	struct file *file;
	int cnt;

	if (module->fd < 0 || !module->machine)
		return give_unknown(ret_symbols);
	file = find_file(symbolizer, module);
	if (!file)
		file = add_file(symbolizer, module);
	if (!file)
		return -ENOMEM;
	result = find_result(&file->names, address, is_return);
	if (result) {
		*ret_symbols = result->symbols;
		return result->symbol_cnt;
	}
	cnt = ask(symbolizer, file, address, is_return, &symbols);
	if (cnt < 0)
		return cnt == -ENOMEM ? cnt : give_unknown(ret_symbols);
	cnt = keep_result(&file->names, address, is_return, symbols, cnt, ret_symbols);
	free(symbols);
	return cnt;
}

static uint64_t process_hash(pid_t pid, uint64_t start_ns)
{
	return hash__mix(pid, start_ns);
}

static struct process *find_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns)
{
	struct hash_node *node = hash__chain(&symbolizer->processes, process_hash(pid, start_ns));

	for (; node; node = node->next) {
		struct process *process = (struct process *)node;

		if (process->pid == pid && process->start_ns == start_ns)
			return process;
	}
	return NULL;
}

static struct process *add_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	process->pid = pid;
	process->start_ns = start_ns;
	if (hash__add(&symbolizer->processes, &process->node, process_hash(pid, start_ns)) == 0)
		return process;
	free(process);
	return NULL;
}

/* Bytes of all perf maps, and whose was not used for longest. */
static size_t maps_sz(const struct symbolizer *symbolizer, struct process **ret_oldest)
{
	struct process *oldest = NULL, *process;
	struct hash_node *node;
	size_t sz = 0;

	for (size_t i = 0; i < symbolizer->processes.bucket_cnt; i++) {
		for (node = symbolizer->processes.buckets[i]; node; node = node->next) {
			process = (struct process *)node;
			if (!process->map)
				continue;
			sz += perfmap__sz(process->map);
			if (!oldest || process->used_ns < oldest->used_ns)
				oldest = process;
		}
	}
	*ret_oldest = oldest;
	return sz;
}

static void limit_maps(struct symbolizer *symbolizer)
{
	struct process *oldest;

	while (maps_sz(symbolizer, &oldest) > PERFMAPS_SZ_MAX) {
		perfmap__free(oldest->map);
		oldest->map = NULL;
	}
}

static void refresh(struct symbolizer *symbolizer, struct process *process)
{
	bool is_new = !process->map;

	process->refreshed_ns = now_ns();
	process->used_ns = process->refreshed_ns;
	if (is_new)
		process->map = perfmap__new(process->pid, process->start_ns);
	if (!process->map)
		return;
	if (perfmap__refresh(process->map) != 0 && is_new) {
		perfmap__free(process->map);
		process->map = NULL;
	}
	limit_maps(symbolizer);
}

void symbolizer__note_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns)
{
	struct process *process = find_process(symbolizer, pid, start_ns);
	struct perfmap *map;

	if (process) {
		refresh(symbolizer, process);
		return;
	}
	map = perfmap__new(pid, start_ns);
	if (map && perfmap__refresh(map) == 0)
		process = add_process(symbolizer, pid, start_ns);
	if (!process) { /* most have none: nothing is kept of them */
		perfmap__free(map);
		return;
	}
	process->map = map;
	process->refreshed_ns = process->used_ns = now_ns();
	limit_maps(symbolizer);
}

/* Looks the address up, in the map as it is now if that was not looked at just before. */
static const char *find_jit(struct symbolizer *symbolizer, struct process *process,
	uint64_t address, uint64_t *ret_start)
{
	const char *name = NULL;

	if (process->map)
		name = perfmap__find(process->map, address, ret_start);
	if (!name && (!process->refreshed_ns || now_ns() - process->refreshed_ns > REFRESH_NS)) {
		refresh(symbolizer, process);
		if (process->map)
			name = perfmap__find(process->map, address, ret_start);
	}
	if (name)
		process->used_ns = now_ns();
	return name;
}

int symbolizer__resolve_jit(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns,
	uint64_t address, const struct symbol **ret_symbols)
{
	struct process *process = find_process(symbolizer, pid, start_ns);
	const struct result *result;
	struct symbol symbol = {0};
	uint64_t start;

	if (!process)
		process = add_process(symbolizer, pid, start_ns);
	if (!process)
		return -ENOMEM;
	result = find_result(&process->names, address, false);
	if (result) {
		*ret_symbols = result->symbols;
		return result->symbol_cnt;
	}
	symbol.function = find_jit(symbolizer, process, address, &start);
	if (!symbol.function)
		return give_unknown(ret_symbols);
	symbol.offset = address - start;
	return keep_result(&process->names, address, false, &symbol, 1, ret_symbols);
}

/* ---- forgetting ---- */

void symbolizer__forget(struct symbolizer *symbolizer, const struct module *module)
{
	struct file *file = find_file(symbolizer, module);

	if (!file)
		return;
	hash__remove(&symbolizer->files, &file->node);
	file__free(&file->node);
}

void symbolizer__see_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns)
{
	struct process *process = find_process(symbolizer, pid, start_ns);

	if (process)
		process->is_seen = true;
}

static bool is_unseen(struct hash_node *node, void *arg)
{
	struct process *process = (struct process *)node;

	if (process->is_seen) {
		process->is_seen = false;
		return false;
	}
	process__free(node);
	return true;
}

void symbolizer__forget_unseen(struct symbolizer *symbolizer)
{
	hash__filter(&symbolizer->processes, is_unseen, NULL);
}
