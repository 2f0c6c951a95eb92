// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* JSON Lines for a person's own program. Its fields are those of JSON_LINES.md. */
#include <inttypes.h>
#include "report/json_fields.h"
#include "report/json_frames.h"
#include "report/page.h"
#include "spy/spy.h"

#define SCHEMA "heaptap-spy/1"

static void begin_line(struct fields *fields, const char *event)
{
	fields__begin(fields);
	fields__add_text(fields, "event", event);
}

static void end_line(struct fields *fields, struct page *page)
{
	fields__put(&page->out, fields, PART_WHOLE);
	output__puts(&page->out, "\n");
}

static void begin(const struct spy_begin *begin, struct page *page)
{
	struct fields fields;

	begin_line(&fields, "begin");
	fields__add_text(&fields, "schema", SCHEMA);
	fields__add_time(&fields, "time", begin->time);
	fields__add_count(&fields, "time_ns", begin->monotonic_ns);
	fields__add_text(&fields, "link", begin->link);
	end_line(&fields, page);
}

static void attached(uint64_t time_ns, struct page *page)
{
	struct fields fields;

	begin_line(&fields, "attached");
	fields__add_count(&fields, "time_ns", time_ns);
	end_line(&fields, page);
}

static void add_arguments(struct fields *fields, const struct spied *spied)
{
	const struct signature *signature = spied->signature;
	struct fields arguments;

	fields__begin(&arguments);
	for (int i = 0; i < signature->argument_cnt; i++) {
		const char *name = signature->arguments[i];

		if (argument__is_address(name))
			fields__add_hex(&arguments, name, true, spied->record->arguments[i]);
		else
			fields__add_count(&arguments, name, spied->record->arguments[i]);
	}
	fields__add_object(fields, "arguments", &arguments);
}

static void add_result(struct fields *fields, const struct spied *spied)
{
	const struct spy_event *record = spied->record;

	switch (spied->was_left ? RESULT_NONE : spied->signature->result) {
	case RESULT_NONE:
		fields__add_null(fields, "result");
		break;
	case RESULT_POINTER:
		fields__add_hex(fields, "result", true, record->result);
		break;
	case RESULT_STATUS:
		fields__add_signed(fields, "result", (int)record->result);
		break;
	case RESULT_SIZE:
		fields__add_count(fields, "result", record->result);
		break;
	}
	fields__add_hex(fields, "stored", record->out, record->out);
	fields__add_bool(fields, "failed", spied->has_failed);
	fields__add_bool(fields, "left", spied->was_left);
	fields__add_known(fields, "duration_ns", !spied->was_left, record->duration_ns);
}

static void call(const struct spied *spied, uint64_t began_ns, struct page *page)
{
	const struct spy_event *record = spied->record;
	bool is_enter = record->event.kind == EVENT_SPY_ENTER;
	struct fields fields;

	begin_line(&fields, is_enter ? "pre" : "call");
	fields__add_count(&fields, "time_ns", record->time_ns);
	fields__add_count(&fields, "pid", record->event.tgid);
	fields__add_count(&fields, "tid", record->event.tid);
	fields__add_count(&fields, "number", record->number);
	fields__add_count(&fields, "depth", record->depth);
	fields__add_text(&fields, "function", spied->signature->name);
	fields__add_text(&fields, "symbol", spied->signature->symbol);
	add_arguments(&fields, spied);
	if (!is_enter)
		add_result(&fields, spied);
	if (spied->stack)
		json_frames__add(&fields, spied->stack);
	end_line(&fields, page);
}

static void lost(uint64_t lost_cnt, struct page *page)
{
	struct fields fields;

	begin_line(&fields, "lost");
	fields__add_count(&fields, "records", lost_cnt);
	end_line(&fields, page);
}

static void add_bucket(struct json_object *buckets, const struct histogram *histogram, int bucket,
	struct fields *line)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "from", histogram__from(bucket));
	fields__add_count(&fields, "below", histogram__from(bucket + 1));
	fields__add_count(&fields, "calls", histogram->count[bucket]);
	if (fields.failed || !buckets || json_object_array_add(buckets, fields.object)) {
		line->failed = true;
		fields__end(&fields);
	}
}

static void totals(const struct function_totals *totals, struct page *page)
{
	const struct histogram *latency = &totals->latency;
	struct json_object *buckets = json_object_new_array();
	struct fields fields;
	int bucket, bucket_end;

	begin_line(&fields, "summary");
	fields__add_text(&fields, "function", totals->signature->name);
	fields__add_text(&fields, "symbol", totals->signature->symbol);
	fields__add_count(&fields, "calls", totals->calls);
	fields__add_count(&fields, "failed", totals->failed);
	fields__add_count(&fields, "left", totals->left);
	fields__add_count(&fields, "total_ns", latency->sum);
	fields__add_known(&fields, "min_ns", latency->cnt, latency->min);
	fields__add_known(&fields, "max_ns", latency->cnt, latency->max);
	for (histogram__range(latency, &bucket, &bucket_end); bucket < bucket_end; bucket++)
		add_bucket(buckets, latency, bucket, &fields);
	fields__add(&fields, "histogram_ns", buckets);
	end_line(&fields, page);
}

static void end(const struct spy_sum *sum, struct page *page)
{
	const struct spy_losses_told *losses = &sum->losses;
	struct fields fields;

	begin_line(&fields, "end");
	fields__add_count(&fields, "time_ns", sum->time_ns);
	fields__add_count(&fields, "calls", sum->calls);
	fields__add_count(&fields, "lost", losses->lost);
	fields__add_count(&fields, "unwritten", losses->unwritten);
	fields__add_count(&fields, "not_seen", losses->too_deep + losses->no_memory);
	end_line(&fields, page);
}

const struct spy_renderer spy_json = {begin, attached, call, lost, totals, end};
