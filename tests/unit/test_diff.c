/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two summaries subtracted: which stacks are the same, what became of them, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "golden.h"
#include "report/diff.h"
#include "report/kinds.h"
#include "report_samples.h"

#define BUILD_A "aaaa"
#define BUILD_B "bbbb"

/* A stack of malloc and one caller. */
#define CALLER(name, address_, offset_, build)                                                     \
	{                                                                                          \
		MALLOC_FRAME,                                                                      \
		{                                                                                  \
			.address = (address_), .function = (name), .module = "/opt/app",           \
			.build_id = (build), .module_offset = (offset_)                            \
		}                                                                                  \
	}
#define HOLDS(bytes, blocks, caller)                                                               \
	{                                                                                          \
		.outstanding_bytes = (bytes), .outstanding_blocks = (blocks), .complete = true,    \
		.id = (bytes), FRAMES(caller)                                                      \
	}

static struct summary_frame f_then[] = CALLER("f", 0x1000, 0x10, BUILD_A);
static struct summary_frame g_then[] = CALLER("g", 0x1020, 0x20, BUILD_A);
static struct summary_frame h_then[] = CALLER("h", 0x1030, 0x30, BUILD_A);
static struct summary_frame i_then[] = CALLER("i", 0x1040, 0x40, BUILD_A);
static struct summary_frame f_moved[] = CALLER("f", 0x7000, 0x10, BUILD_A);
static struct summary_frame g_moved[] = CALLER("g", 0x7020, 0x20, BUILD_A);
static struct summary_frame h_moved[] = CALLER("h", 0x7030, 0x30, BUILD_A);
static struct summary_frame j_moved[] = CALLER("j", 0x7050, 0x50, BUILD_A);
static struct summary_frame f_again[] = CALLER("f", 0x7018, 0x18, BUILD_A);
static struct summary_frame f_rebuilt[] = CALLER("f", 0x9000, 0x99, BUILD_B);

static struct summary_stack stacks_then[] = {
	HOLDS(100, 1, f_then),
	HOLDS(200, 2, g_then),
	HOLDS(300, 3, h_then),
	HOLDS(400, 4, i_then),
};
static struct summary_stack stacks_now[] = {
	HOLDS(1100, 11, f_moved),
	HOLDS(150, 1, g_moved),
	HOLDS(300, 3, h_moved),
	HOLDS(500, 5, j_moved),
};

#define PROCESS(name, bytes, blocks, stacks_)                                                      \
	{                                                                                          \
		.info = {.tgid = 1, .comm = name}, .complete = true,                               \
		.totals = {.outstanding_bytes = (bytes), .outstanding_blocks = (blocks)},          \
		STACKS(stacks_)                                                                    \
	}

static struct summary_process then_process[] = {PROCESS("app", 1000, 10, stacks_then)};
static struct summary_process now_process[] = {PROCESS("app", 2050, 20, stacks_now)};
static const struct summary then = {SAMPLE_SUMMARY(SUMMARY_FINAL, then_process)};
static const struct summary now = {SAMPLE_SUMMARY(SUMMARY_FINAL, now_process)};

/* "f:new:100 g:gone:-200" */
static void assert_diff(const struct summary *old, const struct summary *new, uint64_t min_bytes,
	size_t top, const char *wanted)
{
	struct diff *diff = diff__new(old, new, 0, min_bytes, top);
	char told[1024] = "";

	assert_non_null(diff);
	for (size_t i = 0; i < diff->stack_cnt; i++) {
		const struct diff_stack *stack = &diff->stacks[i];
		const char *name =
			stack->stack->frame_cnt > 1 ? stack->stack->frames[1].function : "-";

		sprintf(told + strlen(told), "%s%s:%s:%lld", i ? " " : "", name,
			diff_change_names[stack->change],
			(long long)(stack->new_bytes - stack->old_bytes));
	}
	assert_string_equal(told, wanted);
	diff__free(diff);
}

static void stacks_are_new_grown_shrunk_and_gone(void **state)
{
	struct diff *diff = diff__new(&then, &now, 0, 0, 0);

	(void)state;
	assert_diff(&then, &now, 0, 0, "f:grown:1000 j:new:500 g:shrunk:-50 i:gone:-400");
	assert_diff(&now, &then, 0, 0, "i:new:400 g:grown:50 j:gone:-500 f:shrunk:-1000");
	assert_int_equal(diff->change_cnts[DIFF_NEW], 1);
	assert_int_equal(diff->change_cnts[DIFF_GROWN], 1);
	assert_int_equal(diff->change_cnts[DIFF_SHRUNK], 1);
	assert_int_equal(diff->change_cnts[DIFF_GONE], 1);
	assert_int_equal(diff->same_cnt, 1);
	diff__free(diff);
}

/* h, which is the same in both, and j are the runtime's: neither is told of, and no sum has them.
 */
static void kinds_left_out_do_not_count(void **state)
{
	struct summary_stack stacks[2][4];
	struct summary_process processes[] = {*then_process, *now_process};
	struct summary sides[] = {then, now};
	struct diff *diff;

	(void)state;
	memcpy(stacks[0], stacks_then, sizeof(stacks_then));
	memcpy(stacks[1], stacks_now, sizeof(stacks_now));
	stacks[0][2].kind = stacks[1][2].kind = stacks[1][3].kind = BLOCK_RUNTIME;
	for (int i = 0; i < 2; i++) {
		processes[i].stacks = stacks[i];
		kinds__count(&processes[i]);
		sides[i].processes = &processes[i];
	}
	diff = diff__new(&sides[0], &sides[1], KIND_BIT(BLOCK_RUNTIME), 0, 0);
	assert_int_equal(diff->stack_cnt, 3);
	assert_int_equal(diff->same_cnt, 0);
	assert_int_equal(diff->old.bytes, 1000 - 300);
	assert_int_equal(diff->new.bytes, 2050 - 300 - 500);
	assert_int_equal(diff->new.blocks, 20 - 3 - 5);
	assert_int_equal(diff->new.left_out_bytes, 800);
	assert_int_equal(diff__growth_bytes(diff), 550);
	diff__free(diff);
}

static void a_summary_differs_in_nothing_from_itself(void **state)
{
	(void)state;
	assert_diff(&then, &then, 0, 0, "");
	assert_diff(&service, &service, 0, 0, "");
	assert_diff(&hostile, &hostile, 0, 0, "");
	assert_diff(&nobody, &nobody, 0, 0, "");
}

static void the_result_is_cut(void **state)
{
	(void)state;
	assert_diff(&then, &now, 0, 1, "f:grown:1000");
	assert_diff(&then, &now, 400, 0, "f:grown:1000 j:new:500 i:gone:-400");
	assert_diff(&then, &now, 1001, 0, "");
}

/* Two call sites in one function are two stacks in one build. */
static void offsets_tell_stacks_of_one_build_apart(void **state)
{
	struct summary_stack stacks[] = {HOLDS(100, 1, f_moved), HOLDS(70, 1, f_again)};
	struct summary_process process[] = {PROCESS("app", 170, 2, stacks)};
	struct summary summary = {SAMPLE_SUMMARY(SUMMARY_FINAL, process)};
	struct summary_stack earlier_stacks[] = {HOLDS(100, 1, f_then)};
	struct summary_process old_process[] = {PROCESS("app", 100, 1, earlier_stacks)};
	struct summary old = {SAMPLE_SUMMARY(SUMMARY_FINAL, old_process)};

	(void)state;
	assert_diff(&old, &summary, 0, 0, "f:new:70");
}

static void names_match_stacks_of_other_builds(void **state)
{
	struct summary_stack stacks[] = {HOLDS(130, 1, f_rebuilt)};
	struct summary_process process[] = {PROCESS("app", 130, 1, stacks)};
	struct summary summary = {SAMPLE_SUMMARY(SUMMARY_FINAL, process)};
	struct summary_stack earlier_stacks[] = {HOLDS(100, 1, f_then), HOLDS(10, 1, f_again)};
	struct summary_process old_process[] = {PROCESS("app", 110, 2, earlier_stacks)};
	struct summary old = {SAMPLE_SUMMARY(SUMMARY_FINAL, old_process)};

	(void)state;
	assert_diff(&old, &summary, 0, 0, "f:grown:20");
}

static void processes_of_one_name_are_added_up_and_others_are_not(void **state)
{
	struct summary_stack one[] = {HOLDS(100, 1, f_then)}, two[] = {HOLDS(50, 1, f_moved)};
	struct summary_process both[] = {PROCESS("app", 100, 1, one), PROCESS("app", 50, 1, two)};
	struct summary_process other[] = {PROCESS("other", 100, 1, one)};
	struct summary_process first[] = {PROCESS("app", 100, 1, one)};
	struct summary a = {SAMPLE_SUMMARY(SUMMARY_FINAL, first)};
	struct summary b = {SAMPLE_SUMMARY(SUMMARY_FINAL, both)};
	struct summary c = {SAMPLE_SUMMARY(SUMMARY_FINAL, other)};

	(void)state;
	assert_diff(&a, &b, 0, 0, "f:grown:50");
	assert_diff(&a, &c, 0, 0, "f:new:100 f:gone:-100");
}

static void blocks_that_are_too_young_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(summary__outstanding_bytes(&many), 3536);
	assert_int_equal(summary__outstanding_blocks(&many), 7);
	assert_false(summary__is_complete(&many));
	assert_true(summary__is_complete(&service));
}

/* ---- how it is told ---- */

typedef int (*render_fn)(const struct diff *diff, const struct render_options *options, FILE *out);

static char *render(render_fn fn, const struct summary *old, const struct summary *new)
{
	struct diff *diff = diff__new(old, new, KIND_BIT(BLOCK_RUNTIME), 0, 3);
	char *text = NULL;
	size_t sz;
	FILE *out = open_memstream(&text, &sz);

	assert_int_equal(fn(diff, &(struct render_options){0}, out), 0);
	assert_int_equal(fclose(out), 0);
	diff__free(diff);
	return text;
}

static void both_forms_are_as_their_golden_files(void **state)
{
	static const struct {
		render_fn fn;
		const char *extension;
	} forms[] = {{diff__render_text, "txt"}, {diff__render_json, "json"}};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(forms); i++) {
		char *text = render(forms[i].fn, &then, &now);
		char *golden = golden__read("diff", forms[i].extension, text);

		assert_string_equal(text, golden);
		free(text);
		free(golden);
	}
}

static void json_keeps_its_contract(void **state)
{
	static const struct {
		const struct summary *old, *new;
	} pairs[] = {{&then, &now}, {&nobody, &service}, {&hostile, &many}, {&nobody, &nobody}};
	char checker[PATH_MAX], contract[PATH_MAX], command[3 * PATH_MAX];

	(void)state;
	tests__path(checker, sizeof(checker), "check_summary.py");
	tests__path(contract, sizeof(contract), "../../user/report/JSON_DIFF_SCHEMA.md");
	for (size_t i = 0; i < SAMPLE_CNT(pairs); i++) {
		char path[] = "/tmp/heaptap-test-XXXXXX";
		char *text = render(diff__render_json, pairs[i].old, pairs[i].new);
		FILE *file = fdopen(mkstemp(path), "w");

		assert_non_null(file);
		fputs(text, file);
		fclose(file);
		free(text);
		snprintf(command, sizeof(command), "python3 '%s' '%s' %s", checker, contract, path);
		assert_int_equal(system(command), 0);
		unlink(path);
	}
}

static void no_control_character_reaches_a_terminal(void **state)
{
	char *text = render(diff__render_text, &nobody, &hostile);

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true(*at == '\n' || (unsigned char)*at >= ' ');
	assert_non_null(strstr(text, "\\x1b"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_new_grown_shrunk_and_gone),
		cmocka_unit_test(kinds_left_out_do_not_count),
		cmocka_unit_test(a_summary_differs_in_nothing_from_itself),
		cmocka_unit_test(the_result_is_cut),
		cmocka_unit_test(offsets_tell_stacks_of_one_build_apart),
		cmocka_unit_test(names_match_stacks_of_other_builds),
		cmocka_unit_test(processes_of_one_name_are_added_up_and_others_are_not),
		cmocka_unit_test(blocks_that_are_too_young_do_not_count),
		cmocka_unit_test(both_forms_are_as_their_golden_files),
		cmocka_unit_test(json_keeps_its_contract),
		cmocka_unit_test(no_control_character_reaches_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
