/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Summaries that the renderers' golden files are made of: data only, one for each situation that a
 * reader has to tell apart, and how they are rendered. A unit test is one file, so they are in
 * headers.
 */
#ifndef HEAPTAP_TESTS_REPORT_SAMPLES_H
#define HEAPTAP_TESTS_REPORT_SAMPLES_H

#include "report/summary.h"
#include "sample_hostile.h"
#include "sample_options.h"
#include "sample_processes.h"

static const struct sample {
	const char *name; /* of the golden file */
	const struct summary *summary;
	struct render_options options;
} samples[] = {
	{"service", &service, {0}},
	{"service_verbose", &service, {.verbosity = 1}},
	{"service_colour", &service, {.colour = true}},
	{"sampled", &sampled, {0}},
	{"complete_run", &complete_run, {0}},
	{"incomplete", &incomplete, {0}},
	{"incomplete_colour", &incomplete, {.colour = true}},
	{"killed", &killed, {0}},
	{"wrong_frees", &wrong_frees, {0}},
	{"sections", &watched, {0}},
	{"no_blocks", &no_blocks, {0}},
	{"hostile", &hostile, {0}},
	{"hostile_verbose", &hostile, {.colour = true, .verbosity = 2}},
	{"many", &many, {0}},
	{"mapped", &mapping, {0}},
	{"mapped_old", &old_mapping, {0}},
	{"kinds", &kinds, {.statistics = true}},
	{"kinds_left_out", &kinds, {.left_out = KINDS_LEFT_OUT}},
	{"checkpoint", &checkpoint, {0}},
	{"nobody", &nobody, {0}},
};

#endif
