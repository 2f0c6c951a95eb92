/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The output formats by name: a new one is a file that defines its renderer, and a row here. */
#include <string.h>
#include "report/summary.h"

static const struct renderer *const renderers[] = {
	&text_renderer,
	&json_renderer,
	&folded_renderer,
	&pprof_renderer,
	&massif_renderer,
	&html_renderer,
};

const struct renderer *renderer__find(const char *name)
{
	for (size_t i = 0; i < sizeof(renderers) / sizeof(*renderers); i++)
		if (!strcmp(renderers[i]->name, name))
			return renderers[i];
	return NULL;
}

static const struct {
	const char *text;
	const struct renderer *renderer;
} endings[] = {
	{".txt", &text_renderer},
	{".json", &json_renderer},
	{".jsonl", &json_renderer},
	{".folded", &folded_renderer},
	{".pb.gz", &pprof_renderer},
	{".pprof", &pprof_renderer},
	{".massif", &massif_renderer},
	{".html", &html_renderer},
};

const struct renderer *renderer__of_file(const char *path)
{
	size_t sz = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t ending_sz = strlen(endings[i].text);

		if (sz > ending_sz && !strcmp(path + sz - ending_sz, endings[i].text))
			return endings[i].renderer;
	}
	return NULL;
}
