/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * leaky_server SECONDS [REQUESTS_PER_SECOND]: a small server with a leak, for the demonstration. It
 * makes up its own requests: each is parsed, answered, and its memory freed. Users log in now and
 * then; who logs in while still logged in gets a new session, and the old one is forgotten:
 *
 *   serve → handle_request → log_in → session_new → malloc      (never freed)
 *
 * Ends after SECONDS, or at SIGTERM or SIGINT, and prints its EXPECT line.
 */
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include "expect.h"

enum { USER_CNT = 16, LOGIN_EVERY = 20, RESPONSE_SZ = 2048, SESSION_DATA_SZ = 960 };

struct request {
	unsigned long number;
	unsigned int user;
	bool login;
	char *path;
};

struct session {
	unsigned int user;
	unsigned long since;
	char data[SESSION_DATA_SZ];
};

struct server {
	struct session *sessions[USER_CNT];
	unsigned long request_cnt;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static NOINLINE struct session *session_new(const struct request *request)
{
	struct session *session = tally_alloc(malloc(sizeof(*session)), sizeof(*session));

	session->user = request->user;
	session->since = request->number;
	return session;
}

/* The bug of this server: a session that is there already is overwritten, not freed. */
static NOINLINE void log_in(struct server *server, const struct request *request)
{
	server->sessions[request->user] = session_new(request);
}

static NOINLINE void parse_request(struct request *request, unsigned long number)
{
	static const char path[] = "/account/balance";

	request->number = number;
	request->user = number / LOGIN_EVERY % USER_CNT;
	request->login = number % LOGIN_EVERY == 0;
	request->path = tally_alloc(malloc(sizeof(path)), sizeof(path));
	memcpy(request->path, path, sizeof(path));
}

static NOINLINE void request_destroy(struct request *request)
{
	free(request->path);
	tally_free(strlen("/account/balance") + 1);
}

static NOINLINE void send_response(const struct request *request)
{
	char *response = tally_alloc(malloc(RESPONSE_SZ), RESPONSE_SZ);

	memcpy(response, request->path, strlen(request->path));
	free(escape(response));
	tally_free(RESPONSE_SZ);
}

static NOINLINE void handle_request(struct server *server)
{
	struct request request;

	parse_request(&request, server->request_cnt++);
	if (request.login)
		log_in(server, &request);
	send_response(&request);
	request_destroy(&request);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static NOINLINE void serve(struct server *server, double seconds, double rate)
{
	const struct timespec tick = {.tv_nsec = 10000000};
	double start = now_s();

	while (!stopped && now_s() - start < seconds) {
		while (server->request_cnt < (now_s() - start) * rate)
			handle_request(server);
		nanosleep(&tick, NULL);
	}
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = stop};
	static struct server server;
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
	double rate = argc > 2 ? strtod(argv[2], NULL) : 2000;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	serve(&server, seconds, rate);
	expect_print("leaky_server");
	return 0;
}
