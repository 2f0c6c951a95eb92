/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading the values of options: a function for each kind of value that options.def names. It sets
 * the field of struct options that the row says, which may go on pointing into `text`; that is NULL
 * if the value may be left out, and was. 0, -EINVAL (it is no such value) or -ENOMEM.
 */
#ifndef HEAPTAP_CLI_OPTION_VALUES_H
#define HEAPTAP_CLI_OPTION_VALUES_H

#define OPTION(long, short, argument, commands, parser, field, help)                               \
	int option__parse_##parser(const char *text, void *ret_value);
#include "cli/options.def"
#undef OPTION

#endif
