/*
 * The agent in a virtual machine: process 1 of its initramfs. It loads drivers, mounts the sandbox's root and sets up
 * the network (machine.c), opens the virtio-serial port `hearth`, says HELLO and serves the link (link.h): programs
 * start and end as the worker asks, and their streams go through the link. Programs run as the sandbox's user, in a
 * process namespace, a cgroup and a root folder of their own; the agent's files and devices are out of their reach.
 *
 * `agent --link FD PORT` serves the link over descriptor FD beside other processes instead, as they are: for tests.
 * The Runtime API then is on PORT.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "agent.h"

enum { RUNTIME_API_PORT = 9001 };
/* How often to look whether somebody is at the other end of the link: it has no event of its own for that. */
enum { UNLINKED_MS = 2 };

void fail(const char *what)
{
	fprintf(stderr, "hearth agent: %s: %s\n", what, strerror(errno));
	_exit(71); /* EX_OSERR */
}

uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void hello(void)
{
	uint8_t version[4] = { LINK_VERSION };
	report(REPORT_HELLO, version, sizeof version);
}

static void serve(int ends)
{
	enum { PORT, ENDS, LISTENER, FIXED };
	struct pollfd polls[FIXED + STREAM_POLLS];
	bool linked = true;

	for (;;) {
		int wait = programs_settle();
		size_t streams = 0;
		bool rest = quiet();

		link_flush();
		polls[PORT] = (struct pollfd){ link_fd(), (short)(POLLIN | (link_has_output() ? POLLOUT : 0)), 0 };
		polls[ENDS] = (struct pollfd){ rest ? -1 : ends, POLLIN, 0 };
		polls[LISTENER] = (struct pollfd){ rest ? -1 : listener_fd(), POLLIN, 0 };
		if (stream_connections() >= CONNECTIONS_MAX)
			polls[LISTENER].fd = -1;
		if (!rest)
			streams = stream_polls(polls + FIXED);
		if (!linked) {
			/* The port would be "ready" all the time. */
			polls[PORT].fd = -1;
			wait = UNLINKED_MS;
		}
		if (poll(polls, FIXED + streams, wait) < 0) {
			if (errno == EINTR)
				continue;
			fail("poll");
		}
		if (!linked || polls[PORT].revents & (POLLIN | POLLHUP | POLLERR))
			linked = link_receive();
		if (!linked && !in_machine()) {
			programs_abandon();
			_exit(0);
		}
		if (polls[ENDS].revents)
			programs_reap();
		if (polls[LISTENER].revents)
			accept_connections();
		/* A QUIESCE that was just obeyed is the last word. */
		if (!rest && !quiet())
			stream_pump(polls + FIXED);
	}
}

int main(int count, char **arguments)
{
	int ends, port, api = RUNTIME_API_PORT;

	signal(SIGPIPE, SIG_IGN);
	if (count == 4 && strcmp(arguments[1], "--link") == 0) {
		port = atoi(arguments[2]);
		api = atoi(arguments[3]);
		fcntl(port, F_SETFD, FD_CLOEXEC);
		fcntl(port, F_SETFL, O_NONBLOCK);
	} else
		port = machine_boot();
	ends = programs_open();
	link_open(port);
	listen_on_loopback(api);
	hello();
	serve(ends);
}
