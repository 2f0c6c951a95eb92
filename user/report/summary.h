/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every output format shows: one summary, immutable, with names. Renderers read it and nothing
 * else. Its JSON form is the contract of user/report/JSON_SCHEMA.md ("heaptap/1").
 */
#ifndef HEAPTAP_REPORT_SUMMARY_H
#define HEAPTAP_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>
#include <linux/types.h>
#include "heap/check.h"
#include "heap/heap.h"
#include "heap/sections.h"
#include "report/block_kind.h"
#include <heaptap/event.h>

/* Append only: recordings have the number. */
enum summary_kind {
	SUMMARY_PERIODIC,
	SUMMARY_EXIT,
	SUMMARY_FINAL,
	SUMMARY_CHECKPOINT,
	SUMMARY_KIND_CNT,
};

struct summary_frame {
	uint64_t address;
	const char *function; /* NULL: unknown */
	uint64_t offset;      /* from the function's start */
	const char *file;     /* NULL: unknown */
	uint32_t line, column;
	const char *module;	/* path, "[vdso]", "[jit]"; NULL: unknown */
	const char *build_id;	/* hex; NULL: none */
	uint64_t module_offset; /* address in the file's own address space; 0 with module NULL */
	bool inlined;
};

/* What is behind an estimate of blocks and bytes. All 0 without sampling. */
struct summary_estimate {
	uint64_t sampled;      /* blocks that were */
	uint64_t blocks_error; /* half the width of a 95 % interval around the estimate */
	uint64_t bytes_error;
};

struct summary_stack {
	uint64_t outstanding_bytes, outstanding_blocks;
	uint64_t allocs, frees, bytes_allocated;
	int64_t growth_bytes;
	double oldest_age_s, newest_age_s; /* negative: none outstanding */
	bool complete;			   /* the stack reaches its root */
	const char *end; /* how it ends, for people: "ends at …"; NULL: complete */
	struct summary_frame *frames;
	size_t frame_cnt;
	uint64_t id; /* the same for the same frames, as long as heaptap runs */
	struct summary_estimate estimate; /* of what is outstanding */
	uint64_t blocks_in_doubt; /* of the outstanding: a free was lost while they were there */
	enum block_kind kind; /* of its blocks */
	const char *tag;      /* of a client's; NULL: none */
	/* outstanding, of any age, allocated since the previous checkpoint */
	uint64_t since_bytes, since_blocks;
};

/* One outstanding block. */
struct summary_block {
	uint64_t number; /* of the process's allocations, from 1 */
	uint64_t addr, size;
	pid_t tid; /* that allocated it */
	double age_s;
	uint64_t stack; /* its stack's id */
	enum block_kind kind;
	const char *tag;
	struct summary_frame caller; /* the first that is no allocator's; all 0: unknown */
	const char *contents; /* its first bytes, in hexadecimal digits; NULL: not read */
};

/* The difference to the previous checkpoint; all 0 if there is none. */
struct summary_since {
	int64_t growth_bytes, growth_blocks; /* outstanding */
	uint64_t bytes, blocks;		     /* allocated since, and outstanding */
};

/* What the program has mapped itself. Of its stacks, blocks are ranges, and allocs are maps. */
struct summary_mapped {
	bool is_told; /* it was asked for (--mmap); else all is 0 */
	struct mapped_totals totals;
	int64_t growth_bytes;			  /* outstanding, since the last summary */
	uint64_t filtered_bytes, filtered_ranges; /* outstanding that pass --min-age, if given */
	struct summary_stack *stacks;		  /* sorted and cut as the options say */
	size_t stack_cnt;
	size_t stacks_total; /* before the cut */
};

/* Arenas, by the stacks that made them (or first allocated in them, if nobody saw that): of these,
 * outstanding is what belongs to the arenas directly, and allocs is how many arenas are alive. */
struct summary_arenas {
	uint64_t alive;
	uint64_t blocks, bytes; /* outstanding, that belong to any */
	struct summary_stack *stacks; /* sorted and cut as the options say */
	size_t stack_cnt;
	size_t stacks_total; /* before the cut */
};

/* Who called the allocator: the module of the first frame that is not in the allocator's own; NULL:
 * unknown. */
const char *summary_stack__owner(const struct summary_stack *stack);

/* One wrong free, or several by the same stacks. Of the stacks only the frames and their end are set. */
struct summary_finding {
	enum finding_kind kind;
	uint64_t count;
	uint64_t address, size; /* freed; of the block that was, is, or lies around there (0: none) */
	uint64_t offset;	/* invalid free: so far into that block */
	struct summary_stack stacks[FINDING_STACK_CNT];
	bool has_stack[FINDING_STACK_CNT];
};

/* What the calls of a function allocated and left behind (--section). Of its stacks outstanding is
 * what was left behind at the returns. */
struct summary_section {
	const char *function;
	struct section_totals totals;
	bool complete; /* nothing of the process was lost */
	struct summary_stack *stacks; /* that left most behind, in that order */
	size_t stack_cnt;
	size_t stacks_total;
};

struct summary_process {
	struct process_info info; /* borrowed strings */
	double age_s;		  /* since its start; negative: unknown */
	bool complete;		  /* nothing of it was lost */
	struct heap_totals totals;
	struct heap_anomalies anomalies;
	int64_t growth_bytes, growth_blocks; /* outstanding, since the last summary */
	uint64_t blocks_in_doubt; /* of the outstanding that pass --min-age, freed at most */
	struct summary_since since;
	uint64_t events_received;
	struct counters counters; /* of the kernel side, for this process */
	uint64_t filtered_bytes;  /* outstanding bytes and blocks that pass --min-age, if given */
	uint64_t filtered_blocks;
	struct summary_estimate allocs_estimate; /* of allocs and bytes_allocated */
	struct summary_estimate outstanding_estimate, filtered_estimate;
	uint64_t frees_error;
	struct summary_stack *stacks; /* sorted and cut as the options say */
	size_t stack_cnt;
	size_t stacks_total;		    /* before the cut */
	/* Outstanding (and old enough), of all stacks, by enum block_kind */
	uint64_t kind_bytes[BLOCK_KIND_CNT], kind_blocks[BLOCK_KIND_CNT];
	struct summary_block *blocks; /* those that were asked for (--blocks), in order */
	size_t block_cnt;
	uint64_t stack_ends[STACK_END_CNT]; /* all stacks, by how they end (enum stack_end) */
	uint64_t stacks_lost;		    /* of which no frame is known */
	struct summary_mapped mapped;
	struct summary_arenas arenas;
	struct summary_finding *findings;
	size_t finding_cnt;
	uint64_t findings_left_out; /* times that something was found when there was no more room */
	struct summary_section *sections; /* as they were asked for; those that were never called, too */
	size_t section_cnt;
	const char *note; /* why it is told incompletely, for people; NULL: nothing to say */
};

struct summary {
	enum summary_kind kind;
	const char *checkpoint;		 /* its name; NULL: it is none */
	const char *previous_checkpoint; /* NULL: there was none before */
	struct timespec time;		 /* CLOCK_REALTIME */
	double uptime_s;		 /* of heaptap's tracing */
	double min_age_s;		 /* of blocks that count as outstanding in stacks; 0: any */
	uint64_t sample_bytes; /* between sampled ones, on the average; 0: no sampling */
	const char *host, *kernel;
	struct summary_process *processes;
	size_t process_cnt;
	uint64_t events_received;
	struct counters counters; /* of all processes */
	double cpu_s;		  /* of heaptap itself, user and system */
	uint64_t rss_bytes;
	uint64_t unwind_files, unwind_rows; /* loaded for unwinding */
	uint64_t unwind_bytes;		    /* of kernel memory */
	double unwind_load_s;		    /* of its cpu_s */
	bool checked;			    /* frees were: findings are all that there are */
	const char *link;		    /* how it is attached: "uprobe session", … */
};

struct render_options {
	bool colour;
	int verbosity;
	bool statistics;	 /* the table of kinds */
	unsigned int left_out;	 /* kinds that are not shown */
	/* What has been rendered into the same file before */
	size_t past_cnt;     /* summaries */
	uint64_t past_bytes; /* the most that one of them had outstanding */
};

/* What comes of it when there are several summaries. */
enum renderer_kind {
	RENDER_STREAM, /* they follow one another in a file */
	RENDER_LAST,   /* a file holds one: the last */
};

/* One output format. render: 0, or -errno of writing. */
struct renderer {
	const char *name;
	int (*render)(
		const struct summary *summary, const struct render_options *options, FILE *out);
	enum renderer_kind kind;
	bool is_binary;	 /* nothing for a terminal */
	bool for_people; /* shows a few stacks unless asked for more, and none that hold nothing */
};
extern const struct renderer text_renderer;   /* ends with a newline */
extern const struct renderer json_renderer;   /* one line */
extern const struct renderer folded_renderer; /* a line for each stack */
extern const struct renderer pprof_renderer;  /* gzip */
extern const struct renderer massif_renderer; /* its first summary brings the head of the file */
extern const struct renderer html_renderer;   /* its first summary brings the viewer */
extern const struct renderer suppressions_renderer; /* LeakSanitizer's format */

/* Outstanding bytes of all its processes: of the blocks that are old enough, with --min-age. */
uint64_t summary__outstanding_bytes(const struct summary *summary);

/* By name, as --format gives it; NULL: there is none of that name. */
const struct renderer *renderer__find(const char *name);
/* By the ending of a file's name; NULL: it tells of none. */
const struct renderer *renderer__of_file(const char *path);

#endif
