// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The thread is begun by the first thing to be disposed of. Where there is no memory for the list, or no
 * thread, the caller does it itself, and waits. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include "probe/disposal.h"
#include "probe/link.h"

struct waste {
	struct waste *next;
	struct file_links *links; /* NULL: it is a file's rows */
	uint32_t number;
};

struct disposal {
	int rows_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool has_thread, ending;
	struct waste *first, **last;
};

struct disposal *disposal__new(int rows_fd)
{
	struct disposal *disposal = calloc(1, sizeof(*disposal));

	if (!disposal)
		return NULL;
	disposal->rows_fd = rows_fd;
	disposal->last = &disposal->first;
	pthread_mutex_init(&disposal->lock, NULL);
	pthread_cond_init(&disposal->changed, NULL);
	return disposal;
}

static void dispose(struct disposal *disposal, struct waste *waste)
{
	if (waste->links)
		file_links__detach(waste->links);
	else
		bpf_map_delete_elem(disposal->rows_fd, &waste->number);
}

/* The oldest; waits for one. NULL: there will be none any more. */
static struct waste *take(struct disposal *disposal)
{
	struct waste *waste;

	pthread_mutex_lock(&disposal->lock);
	while (!disposal->first && !disposal->ending)
		pthread_cond_wait(&disposal->changed, &disposal->lock);
	waste = disposal->first;
	if (waste)
		disposal->first = waste->next;
	if (!disposal->first)
		disposal->last = &disposal->first;
	pthread_mutex_unlock(&disposal->lock);
	return waste;
}

static void *work(void *arg)
{
	struct disposal *disposal = arg;
	struct waste *waste;

	while ((waste = take(disposal))) {
		dispose(disposal, waste);
		free(waste);
	}
	return NULL;
}

static bool give(struct disposal *disposal, const struct waste *waste)
{
	struct waste *copy = malloc(sizeof(*copy));

	if (!copy)
		return false;
	*copy = *waste;
	pthread_mutex_lock(&disposal->lock);
	if (!disposal->has_thread)
		disposal->has_thread = !pthread_create(&disposal->thread, NULL, work, disposal);
	if (disposal->has_thread) {
		*disposal->last = copy;
		disposal->last = &copy->next;
		pthread_cond_signal(&disposal->changed);
	}
	pthread_mutex_unlock(&disposal->lock);
	if (!disposal->has_thread)
		free(copy);
	return disposal->has_thread;
}

static void add(struct disposal *disposal, struct waste waste)
{
	if (!give(disposal, &waste))
		dispose(disposal, &waste);
}

void disposal__links(struct disposal *disposal, struct file_links *links)
{
	add(disposal, (struct waste){.links = links});
}

void disposal__rows(struct disposal *disposal, uint32_t number)
{
	add(disposal, (struct waste){.number = number});
}

void disposal__free(struct disposal *disposal)
{
	if (!disposal)
		return;
	pthread_mutex_lock(&disposal->lock);
	disposal->ending = true;
	pthread_cond_signal(&disposal->changed);
	pthread_mutex_unlock(&disposal->lock);
	if (disposal->has_thread)
		pthread_join(disposal->thread, NULL);
	pthread_mutex_destroy(&disposal->lock);
	pthread_cond_destroy(&disposal->changed);
	free(disposal);
}
