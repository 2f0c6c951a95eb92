/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waiting for the collector, in a probe: it was asked something by a record (emit_point), and its
 * answer is a row of a map. Whoever writes that first has given the answer: the collector, or the
 * thread, when it has waited in vain. So both know whether it came in time.
 *
 * Nothing is held up for long by a collector that is busy, stopped or dead: a wait takes
 * ASK_WAIT_NS at most, ends when tracing does, and after ASK_WAITS_MAX of these nobody waits any
 * more (where the kernel does not preempt, the collector cannot run while we wait, perhaps). A
 * signal that stops the process would be cheaper, but stays when heaptap is killed.
 */
#ifndef HEAPTAP_ASK_BPF_H
#define HEAPTAP_ASK_BPF_H

#define ASK_WAIT_NS 1000000000ull
#define ASK_LOOKS_MAX (1 << 23) /* as many as a loop can have, at some 50 ns each */
#define ASK_LOOPS_MAX 4
#define ASK_WAITS_MAX 8 /* in vain */

__u32 ask_late_cnt; /* waits in vain */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* set by the collector, if anything is asked */
	__type(key, __u64);	/* a stack; EXIT_QUESTION */
	__type(value, __u8);	/* enum answer */
} answers SEC(".maps");

struct answer_wait {
	__u64 question;
	__u64 answer;
	__u64 end_ns;
};

static long answer_look(__u32 i, void *arg)
{
	struct answer_wait *wait = arg;
	__u8 *answer = bpf_map_lookup_elem(&answers, &wait->question);

	wait->answer = answer ? *answer : ANSWER_NONE;
	return wait->answer != ANSWER_NONE || is_ending || bpf_ktime_get_ns() > wait->end_ns;
}

__noinline int answer_await(__u64 question)
{
	struct answer_wait wait = {
		.question = question, .end_ns = bpf_ktime_get_ns() + ASK_WAIT_NS};
	__u8 late = ANSWER_LATE;

	for (int i = 0; i < ASK_LOOPS_MAX && ask_late_cnt < ASK_WAITS_MAX; i++)
		if (bpf_loop(ASK_LOOKS_MAX, answer_look, &wait, 0) < ASK_LOOKS_MAX)
			break;
	if (wait.answer != ANSWER_NONE)
		return wait.answer;
	__sync_fetch_and_add(&ask_late_cnt, 1);
	if (!bpf_map_update_elem(&answers, &wait.question, &late, BPF_NOEXIST))
		return ANSWER_LATE;
	answer_look(0, &wait); /* it has come at the last moment */
	return wait.answer;
}

#endif
