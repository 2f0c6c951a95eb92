/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The site chooser on functions assembled by hand, each for one rule of sites.h; and what counts as
 * an entrance to a prologue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "probe/prologues.h"
#include "probe/sites.h"

#define ARG1 1
#define ARG2 2
#define ARG3 4

static struct decoder decoder;

static struct site choose(const char *code, size_t sz, uint8_t args, uint64_t entrances)
{
	return site__choose(&decoder, (const uint8_t *)code, sz, args, entrances);
}

#define CHOOSE(code, args, entrances) choose(code, sizeof(code) - 1, args, entrances)

#define assert_emulated_at(delta_expected, code, args)                                             \
	do {                                                                                       \
		struct site site = CHOOSE(code, args, 0);                                          \
		assert_int_equal(site.cost, SITE_EMULATED);                                        \
		assert_int_equal(site.delta, delta_expected);                                      \
	} while (0)

#define assert_entry(code, args, entrances)                                                        \
	do {                                                                                       \
		struct site site = CHOOSE(code, args, entrances);                                  \
		assert_int_equal(site.cost, SITE_SINGLE_STEPPED);                                  \
		assert_int_equal(site.delta, 0);                                                   \
	} while (0)

#define PUSH_RBP "\x55"
#define PUSH_R12 "\x41\x54"
#define ENDBR64 "\xf3\x0f\x1e\xfa"
#define RET "\xc3"

static void emulated_entry_is_taken(void **state)
{
	(void)state;
	assert_emulated_at(0, PUSH_R12 PUSH_RBP, ARG1);
	assert_emulated_at(0, PUSH_RBP, ARG1);
	assert_emulated_at(0, "\xe9\x00\x01\x00\x00", ARG1);	 /* jmp */
	assert_emulated_at(0, "\xeb\x10", ARG1);		 /* jmp, short */
	assert_emulated_at(0, "\xe8\x00\x01\x00\x00", ARG1);	 /* call */
	assert_emulated_at(0, "\x90", ARG1);			 /* nop */
	assert_emulated_at(0, "\x66\x90", ARG1);		 /* nop of two bytes */
	assert_emulated_at(0, "\x0f\x84\x00\x01\x00\x00", ARG1); /* je */
	assert_emulated_at(0, "\xf2\xe9\x00\x01\x00\x00", ARG1); /* bnd jmp */
}

static void push_behind_endbr64_is_taken(void **state)
{
	(void)state;
	assert_emulated_at(4, ENDBR64 PUSH_RBP, ARG1);
	assert_emulated_at(4, ENDBR64 PUSH_R12, ARG1);
}

static void null_check_of_free_is_probed_at_its_branch(void **state)
{
	(void)state;
	/* test %rdi,%rdi; je; push %rbp: the je sees free(NULL) too */
	assert_emulated_at(3, "\x48\x85\xff\x0f\x84\xbf\x00\x00\x00" PUSH_RBP, ARG1);
	assert_emulated_at(3, "\x48\x85\xff\x74\x10" PUSH_RBP, ARG1);
}

static void loads_compares_and_other_registers_may_come_before(void **state)
{
	(void)state;
	assert_emulated_at(7, "\x80\x3d\x01\x02\x14\x00\x00" PUSH_R12, ARG1 | ARG2 | ARG3);
	assert_emulated_at(3, "\x48\x89\xf8" PUSH_RBP, ARG1);	  /* mov %rdi,%rax */
	assert_emulated_at(4, "\x48\x8d\x47\xff" PUSH_RBP, ARG1); /* lea -1(%rdi),%rax */
	assert_emulated_at(2, "\x31\xc0" PUSH_RBP, ARG1);	  /* xor %eax,%eax */
	assert_emulated_at(
		5, "\x0f\x1f\x44\x00\x00" PUSH_RBP, ARG1); /* nopl, stepped before 6.16 */
	assert_emulated_at(9, "\x64\x48\x8b\x04\x25\x28\x00\x00\x00" PUSH_RBP, ARG1);
}

static void an_overwritten_argument_sends_it_to_the_entry(void **state)
{
	(void)state;
	assert_entry("\x48\x89\xc7" PUSH_RBP, ARG1, 0); /* mov %rax,%rdi */
	assert_entry("\x31\xff" PUSH_RBP, ARG1, 0);	/* xor %edi,%edi */
	assert_entry("\x31\xf6" PUSH_RBP, ARG2, 0);	/* xor %esi,%esi */
	assert_entry("\xb2\x01" PUSH_RBP, ARG3, 0);	/* mov $1,%dl */
	assert_entry("\xb6\x01" PUSH_RBP, ARG3, 0);	/* mov $1,%dh */
	assert_entry("\x40\xb7\x01" PUSH_RBP, ARG1, 0); /* mov $1,%dil */
	assert_entry("\x66\x31\xff" PUSH_RBP, ARG1, 0); /* xor %di,%di */
	assert_entry("\x48\xff\xc7" PUSH_RBP, ARG1, 0); /* inc %rdi */
	assert_entry("\x48\xf7\xe6" PUSH_RBP, ARG3, 0); /* mul %rsi, into %rdx */
}

static void an_argument_that_is_not_read_may_be_overwritten(void **state)
{
	(void)state;
	assert_emulated_at(3, "\x48\x89\xc7" PUSH_RBP, ARG2); /* mov %rax,%rdi */
	assert_emulated_at(2, "\x31\xd2" PUSH_RBP, ARG1);     /* xor %edx,%edx */
}

static void a_moved_stack_pointer_sends_it_to_the_entry(void **state)
{
	(void)state;
	assert_entry("\x48\x83\xec\x08" PUSH_RBP, ARG1, 0);	/* sub $8,%rsp */
	assert_entry("\x48\x8d\x64\x24\xf8" PUSH_RBP, ARG1, 0); /* lea -8(%rsp),%rsp */
	assert_entry("\x6a\x00" PUSH_RBP, ARG1, 0);		/* push $0: not emulated */
	assert_entry("\xff\x37" PUSH_RBP, ARG1, 0);		/* push (%rdi) */
	assert_entry("\x58" PUSH_RBP, ARG1, 0);			/* pop %rax */
}

static void written_memory_sends_it_to_the_entry(void **state)
{
	(void)state;
	assert_entry("\x48\x89\x3c\x24" PUSH_RBP, ARG1, 0); /* mov %rdi,(%rsp) */
	assert_entry("\x48\xff\x06" PUSH_RBP, ARG1, 0);	    /* inc (%rsi) */
	assert_entry("\x48\x87\x06" PUSH_RBP, ARG1, 0);	    /* xchg %rax,(%rsi) */
}

static void control_does_not_pass_returns_calls_and_indirect_jumps(void **state)
{
	(void)state;
	assert_entry(RET PUSH_RBP, ARG1, 0);
	assert_entry("\xff\xd0" PUSH_RBP, ARG1, 0);		    /* call *%rax */
	assert_entry("\xff\x25\x00\x00\x00\x00" PUSH_RBP, ARG1, 0); /* jmp *(%rip) */
	assert_entry("\x0f\x05" PUSH_RBP, ARG1, 0);		    /* syscall */
	assert_entry("\x0f\x0b" PUSH_RBP, ARG1, 0);		    /* ud2 */
	assert_entry("\xe3\x05" PUSH_RBP, ARG1, 0); /* jrcxz: not emulated, and a branch */
}

static void instructions_that_only_look_emulated(void **state)
{
	static const char *const stepped[] = {
		"\x41\x90", /* xchg %r8,%rax */
		"\x66\x55", /* push %bp */
		"\x48\x55", /* push %rbp, with a needless REX.W */
		"\xe3\x05", /* jrcxz */
		"\xe2\x05", /* loop */
		"\x0f\xaf", /* imul */
		"\x0f\x90", /* seto */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(stepped) / sizeof(stepped[0]); i++)
		assert_false(site__is_emulated((const uint8_t *)stepped[i], 2));
	/* 16-bit displacement: the kernel refuses a probe there */
	assert_false(site__is_emulated((const uint8_t *)"\x66\xe9\x00\x00", 4));
	assert_false(site__is_emulated((const uint8_t *)"\x66\x66\x66", 3));
	assert_false(site__is_emulated((const uint8_t *)"\x0f", 1));
}

static void exactly_the_one_byte_opcodes_of_the_kernel(void **state)
{
	(void)state;
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		uint8_t code[6] = {opcode};
		int is_push = opcode >= 0x50 && opcode <= 0x57;
		int is_branch = (opcode >= 0x70 && opcode <= 0x7f) || opcode == 0xe8 ||
				opcode == 0xe9 || opcode == 0xeb;

		assert_int_equal(
			site__is_emulated(code, 1), is_push || opcode == 0x90 || is_branch);
	}
}

static void an_entrance_in_the_span_sends_it_to_the_entry(void **state)
{
	(void)state;
	assert_entry(ENDBR64 PUSH_RBP, ARG1, 1 << 4); /* to the site itself */
	assert_entry(ENDBR64 PUSH_RBP, ARG1, 1 << 2); /* into an instruction before it */
	assert_entry(ENDBR64 "\x31\xc0" PUSH_RBP, ARG1, 1 << 4);
}

static void entrances_at_the_entry_and_behind_the_site_do_not_matter(void **state)
{
	struct site site = CHOOSE(ENDBR64 PUSH_RBP PUSH_R12, ARG1, 1 | 1 << 5 | 1 << 6);

	(void)state;
	assert_int_equal(site.delta, 4);
	assert_int_equal(site.cost, SITE_EMULATED);
	site = CHOOSE(PUSH_RBP, ARG1, UINT64_MAX);
	assert_int_equal(site.cost, SITE_EMULATED);
}

static void sites_far_from_the_entry_are_not_looked_for(void **state)
{
	char code[80];

	(void)state;
	memset(code, 0, sizeof(code));
	for (size_t i = 0; i < 64; i += 2)
		memcpy(code + i, "\x31\xc0", 2);
	memcpy(code + 64, PUSH_RBP, 1);
	assert_int_equal(choose(code, 65, ARG1, 0).delta, 0);
	assert_int_equal(choose(code + 2, 63, ARG1, 0).delta, 62);
}

static void undecodable_and_cut_code(void **state)
{
	(void)state;
	assert_entry("", ARG1, 0);
	assert_entry("\x06", ARG1, 0);
	assert_entry("\x31\xc0\x06\x55", ARG1, 0);
	assert_entry("\x0f\x84\x00", ARG1, 0);
	assert_entry("\xf3\x0f\x1e", ARG1, 0);
}

#define FUNCTION 0x1000

/* The entrances of one function at FUNCTION that code at an address makes. */
static uint64_t near_entrances(const char *code, size_t sz, uint64_t address)
{
	struct prologue prologue = {.address = FUNCTION};
	struct prologues prologues = {&prologue, 1};

	prologues__add_near_branches(&prologues, (const uint8_t *)code, sz, address);
	return prologue.entrances;
}

static void near_branches_are_seen_wherever_they_stand(void **state)
{
	(void)state;
	assert_int_equal(near_entrances("\xe9\xff\xff\xff\xff", 5, FUNCTION), 1 << 4);
	assert_int_equal(near_entrances("\xe8\xff\xef\xff\xff", 5, 0x2000), 1 << 4);
	assert_int_equal(near_entrances("\x0f\x85\xfa\x0f\x00\x00", 6, 0), 1);
	/* in the midst of another instruction: mov $imm,%rax */
	assert_int_equal(near_entrances("\x48\xb8\xe9\x00\x00\x00\x00\x00", 8, FUNCTION), 1 << 7);
	assert_int_equal(near_entrances("\xe9\xff\xff\xff\xff", 4, FUNCTION), 0);
	assert_int_equal(near_entrances("\xe9\xff\xff\xff\x7f", 5, FUNCTION), 0);
	assert_int_equal(near_entrances("\xe9\x7b\x00\x00\x00", 5, FUNCTION), 0);
	assert_int_equal(near_entrances("\xe9\x3a\x00\x00\x00", 5, FUNCTION), 1ull << 63);
}

static uint64_t decoded_entrances(const uint8_t *code, size_t sz, uint64_t address)
{
	struct prologue prologue = {.address = FUNCTION};
	struct prologues prologues = {&prologue, 1};

	prologues__add_decoded_branches(&prologues, &decoder, code, sz, address);
	return prologue.entrances;
}

/* A loop of the function itself that goes back behind its endbr64. */
static void short_branch_back_into_the_prologue(void **state)
{
	uint8_t code[64];

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + 32, ENDBR64 PUSH_RBP "\x75\xfc", 7); /* jne to the push, minus 3 */
	assert_int_equal(decoded_entrances(code, sizeof(code), FUNCTION - 32), 1 << 3);
}

/* The code before the function is decoded at all alignments, of which one is right. */
static void short_branch_from_the_function_before(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		uint8_t code[96];

		memset(code, 0x90, sizeof(code));
		/* movabs $…,%rax, whose middle looks like something else */
		memcpy(code + shift, "\x48\xb8\x0f\xb8\x48\xb8\x0f\x48\xb8\x0f", 10);
		memcpy(code + 32, "\xeb\x16", 2);
		assert_int_equal(decoded_entrances(code, sizeof(code), FUNCTION - 52), 1 << 4);
	}
}

static void bytes_that_only_look_like_a_short_branch(void **state)
{
	uint8_t code[64];

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + 32, "\x31\xc0\x3d\x75\xfd\x90\x90", 7); /* cmp $…75fd…,%eax */
	assert_int_equal(decoded_entrances(code, sizeof(code), FUNCTION - 32), 0);
}

static void prologues_that_overlap_share_entrances(void **state)
{
	struct prologue array[] = {{.address = 0x1020}, {.address = 0x1000}, {.address = 0x2000}};
	struct prologues prologues = {array, 3};

	(void)state;
	prologues__sort(&prologues);
	prologues__add_entrance(&prologues, 0x1024);
	assert_int_equal(prologues__find(&prologues, 0x1000)->entrances, 1ull << 0x24);
	assert_int_equal(prologues__find(&prologues, 0x1020)->entrances, 1 << 4);
	assert_int_equal(prologues__find(&prologues, 0x2000)->entrances, 0);
	assert_null(prologues__find(&prologues, 0x1001));
	prologues__add_entrance(&prologues, 0xfff);
	prologues__add_entrance(&prologues, 0x2040);
	assert_int_equal(prologues__find(&prologues, 0x2000)->entrances, 0);
}

static int open_decoder(void **state)
{
	(void)state;
	return decoder__init(&decoder);
}

static int close_decoder(void **state)
{
	(void)state;
	decoder__destroy(&decoder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(emulated_entry_is_taken),
		cmocka_unit_test(push_behind_endbr64_is_taken),
		cmocka_unit_test(null_check_of_free_is_probed_at_its_branch),
		cmocka_unit_test(loads_compares_and_other_registers_may_come_before),
		cmocka_unit_test(an_overwritten_argument_sends_it_to_the_entry),
		cmocka_unit_test(an_argument_that_is_not_read_may_be_overwritten),
		cmocka_unit_test(a_moved_stack_pointer_sends_it_to_the_entry),
		cmocka_unit_test(written_memory_sends_it_to_the_entry),
		cmocka_unit_test(control_does_not_pass_returns_calls_and_indirect_jumps),
		cmocka_unit_test(instructions_that_only_look_emulated),
		cmocka_unit_test(exactly_the_one_byte_opcodes_of_the_kernel),
		cmocka_unit_test(an_entrance_in_the_span_sends_it_to_the_entry),
		cmocka_unit_test(entrances_at_the_entry_and_behind_the_site_do_not_matter),
		cmocka_unit_test(sites_far_from_the_entry_are_not_looked_for),
		cmocka_unit_test(undecodable_and_cut_code),
		cmocka_unit_test(near_branches_are_seen_wherever_they_stand),
		cmocka_unit_test(short_branch_back_into_the_prologue),
		cmocka_unit_test(short_branch_from_the_function_before),
		cmocka_unit_test(bytes_that_only_look_like_a_short_branch),
		cmocka_unit_test(prologues_that_overlap_share_entrances),
	};

	return cmocka_run_group_tests(tests, open_decoder, close_decoder);
}
