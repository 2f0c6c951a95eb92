// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What has come while the thread was waiting, it takes together. It is begun by the first thing to
 * be disposed of; where there is no memory, or no thread, the caller does it itself, and waits. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include "probe/disposal.h"
#include "probe/link.h"

struct waste {
	struct file_links **links;
	uint32_t *numbers; /* of files, whose rows go */
	size_t link_cnt, number_cnt;
};

struct disposal {
	int rows_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool has_thread, ending;
	struct waste waste;
};

struct disposal *disposal__new(int rows_fd)
{
	struct disposal *disposal = calloc(1, sizeof(*disposal));

	if (!disposal)
		return NULL;
	disposal->rows_fd = rows_fd;
	pthread_mutex_init(&disposal->lock, NULL);
	pthread_cond_init(&disposal->changed, NULL);
	return disposal;
}

/* In one call where the kernel can (5.19), as it waits at the end of each. A number without rows
 * ends that call. */
static void drop_rows(int rows_fd, uint32_t *numbers, size_t number_cnt)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	for (size_t done = 0; done < number_cnt; done++) {
		__u32 cnt = number_cnt - done;
		int err = bpf_map_delete_batch(rows_fd, numbers + done, &cnt, &opts);

		if (!err)
			return;
		if (errno == ENOENT)
			done += cnt;
		else
			bpf_map_delete_elem(rows_fd, &numbers[done]);
	}
}

static void dispose(struct disposal *disposal, const struct waste *waste)
{
	drop_rows(disposal->rows_fd, waste->numbers, waste->number_cnt);
	file_links__detach_all(waste->links, waste->link_cnt);
}

/* Waits for some. False: there will be none any more. */
static bool take(struct disposal *disposal, struct waste *ret_waste)
{
	pthread_mutex_lock(&disposal->lock);
	while (!disposal->waste.link_cnt && !disposal->waste.number_cnt && !disposal->ending)
		pthread_cond_wait(&disposal->changed, &disposal->lock);
	*ret_waste = disposal->waste;
	disposal->waste = (struct waste){0};
	pthread_mutex_unlock(&disposal->lock);
	return ret_waste->link_cnt || ret_waste->number_cnt;
}

static void *work(void *arg)
{
	struct disposal *disposal = arg;
	struct waste waste;

	while (take(disposal, &waste)) {
		dispose(disposal, &waste);
		free(waste.links);
		free(waste.numbers);
	}
	return NULL;
}

static bool push_links(struct waste *waste, struct file_links *links)
{
	struct file_links **grown = reallocarray(waste->links, waste->link_cnt + 1, sizeof(*grown));

	if (!grown)
		return false;
	waste->links = grown;
	waste->links[waste->link_cnt++] = links;
	return true;
}

static bool push_number(struct waste *waste, uint32_t number)
{
	uint32_t *grown = reallocarray(waste->numbers, waste->number_cnt + 1, sizeof(*grown));

	if (!grown)
		return false;
	waste->numbers = grown;
	waste->numbers[waste->number_cnt++] = number;
	return true;
}

/* Locks; there is a thread, if one can be had. */
static void begin(struct disposal *disposal)
{
	pthread_mutex_lock(&disposal->lock);
	if (!disposal->has_thread)
		disposal->has_thread = !pthread_create(&disposal->thread, NULL, work, disposal);
}

static void end(struct disposal *disposal)
{
	pthread_cond_signal(&disposal->changed);
	pthread_mutex_unlock(&disposal->lock);
}

void disposal__links(struct disposal *disposal, struct file_links *links)
{
	bool given;

	begin(disposal);
	given = disposal->has_thread && push_links(&disposal->waste, links);
	end(disposal);
	if (!given)
		file_links__detach(links);
}

void disposal__rows(struct disposal *disposal, uint32_t number)
{
	bool given;

	begin(disposal);
	given = disposal->has_thread && push_number(&disposal->waste, number);
	end(disposal);
	if (!given)
		bpf_map_delete_elem(disposal->rows_fd, &number);
}

void disposal__free(struct disposal *disposal)
{
	if (!disposal)
		return;
	pthread_mutex_lock(&disposal->lock);
	disposal->ending = true;
	end(disposal);
	if (disposal->has_thread)
		pthread_join(disposal->thread, NULL);
	pthread_mutex_destroy(&disposal->lock);
	pthread_cond_destroy(&disposal->changed);
	free(disposal);
}
