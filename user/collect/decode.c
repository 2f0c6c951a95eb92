// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel side is ours, but recordings may not be: nothing is read that was not measured. */
#include <string.h>
#include "collect/decode.h"

/* By kind: the least size. */
static const size_t record_sizes[] = {
	[EVENT_ALLOC] = sizeof(struct alloc_event),
	[EVENT_FREE] = sizeof(struct free_event),
	[EVENT_ALLOC_FAILED] = sizeof(struct alloc_failed_event),
	[EVENT_STACK] = sizeof(struct stack_event),
	[EVENT_FILE] = sizeof(struct file_event),
	[EVENT_FORK] = sizeof(struct fork_event),
	[EVENT_EXEC] = sizeof(struct exec_event),
	[EVENT_EXIT] = sizeof(struct exit_event),
	[EVENT_THREAD_EXIT] = sizeof(struct event),
	[EVENT_MAP] = sizeof(struct map_event),
	[EVENT_UNMAP] = sizeof(struct unmap_event),
	[EVENT_ARENA] = sizeof(struct arena_event),
	[EVENT_ARENA_ALLOC] = sizeof(struct arena_alloc_event),
	[EVENT_POINT] = sizeof(struct point_event),
	[EVENT_SPY_ENTER] = sizeof(struct spy_event),
	[EVENT_SPY_RETURN] = sizeof(struct spy_event),
};

static bool is_point(__u32 point)
{
	switch (point) {
	case POINT_STOP:
	case POINT_CHECKPOINT:
	case POINT_SECTION_ENTER:
	case POINT_SECTION_RETURN:
	case POINT_JUDGE:
	case POINT_EXIT:
		return true;
	}
	return false;
}

static bool is_range(__u64 addr, __u64 size)
{
	return addr && size && size <= ~addr;
}

/* What stands behind the fixed part, and what is bounded: false if it is not all there. */
static bool fits(const struct event *event, size_t tail_sz)
{
	const struct stack_event *stack = (const void *)event;
	const struct file_event *file = (const void *)event;
	const struct map_event *map = (const void *)event;
	const struct unmap_event *unmap = (const void *)event;
	const struct arena_event *arena = (const void *)event;
	const struct point_event *point = (const void *)event;

	switch (event->kind) {
	case EVENT_FREE:
		return !(event->flags & EVENT_F_CHECKED) ||
		       tail_sz >= sizeof(struct checked_free_event) - sizeof(struct free_event);
	case EVENT_STACK:
		return stack->frame_cnt <= STACK_FRAMES_MAX && stack->end < STACK_END_CNT &&
		       tail_sz >= stack->frame_cnt * sizeof(stack->frames[0]);
	case EVENT_FILE:
		return file->path_sz <= FILE_PATH_MAX && tail_sz >= file->path_sz;
	case EVENT_MAP:
		return is_range(map->addr, map->size) && map->kind < RANGE_KIND_CNT;
	case EVENT_UNMAP:
		return is_range(unmap->addr, unmap->size) && unmap->step < UNMAP_STEP_CNT;
	case EVENT_ARENA:
		return arena->arena && arena->op >= ARENA_CREATED && arena->op <= ARENA_MOVED;
	case EVENT_POINT:
		return is_point(point->point);
	}
	return true;
}

const struct event *decode__event(const void *data, size_t sz)
{
	const struct event *event = data;
	size_t least;

	if (sz < sizeof(*event))
		return NULL;
	if (event->kind >= sizeof(record_sizes) / sizeof(*record_sizes))
		return NULL;
	least = record_sizes[event->kind];
	if (!least || sz < least || !fits(event, sz - least))
		return NULL;
	return event;
}

bool decode__path(const struct file_event *record, char *buf, size_t buf_sz)
{
	const char *at = record->path, *end = record->path + record->path_sz;
	char *out = buf + buf_sz;

	if (at == end || end[-1])
		return false;
	*--out = '\0';
	while (at < end) {
		size_t len = strlen(at);

		if ((size_t)(out - buf) < len + 1)
			return false;
		out -= len;
		memcpy(out, at, len);
		*--out = '/';
		at += len + 1;
	}
	memmove(buf, out, buf + buf_sz - out);
	return true;
}
