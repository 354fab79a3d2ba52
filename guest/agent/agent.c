/*
 * First program inside a sandbox. It
 *   1. opens the Runtime API's listening socket, 127.0.0.1:9001 of the sandbox's own network, and hands it to the
 *      worker over the IPC channel of Node's child_process (descriptor 4);
 *   2. becomes the runtime: with a command in its arguments (managed runtimes) at once, else (`provided.*`) after one
 *      start message on descriptor 3 (program.h). When that starts an extension, this process stays and supervises
 *      (supervisor.h).
 *
 * It never returns: exec or exit. Nothing but descriptors 0-2 (and 3 for managed runtimes) survives the exec.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor.h"

enum { RUNTIME_API_PORT = 9001, BACKLOG = 128 };

static void die(const char *what)
{
	fprintf(stderr, "hearth agent: %s: %s\n", what, strerror(errno));
	_exit(71); /* EX_OSERR */
}

static int listen_on_loopback(void)
{
	struct sockaddr_in address;
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_port = htons(RUNTIME_API_PORT);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		die("bind 127.0.0.1:9001");
	if (listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

/* Node's own message for a passed server: `child.on('message', (text, server) => …)` gets it listening. */
static void hand_over(int fd)
{
	static char line[] = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":\"runtime-api\"}\n";
	struct iovec part = { line, sizeof line - 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message;
	struct cmsghdr *header;

	memset(&control, 0, sizeof control);
	memset(&message, 0, sizeof message);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof control.bytes;
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	if (sendmsg(IPC_FD, &message, MSG_NOSIGNAL) != (ssize_t)(sizeof line - 1))
		die("hand over the Runtime API socket");
	/* Node's NODE_HANDLE_ACK is not awaited (the runtime's start would wait for the worker's turn); it may fail. */
	close(fd);
}

static void read_exactly(void *to, size_t bytes)
{
	char *at = to;
	while (bytes > 0) {
		ssize_t count = read(CHANNEL_FD, at, bytes);
		if (count == 0)
			_exit(0); /* The worker is gone, or never needs this sandbox. */
		if (count < 0) {
			if (errno == EINTR)
				continue;
			die("read start message");
		}
		at += count;
		bytes -= (size_t)count;
	}
}

/* One start message. Returns false for the last: `program` is the runtime's then. */
static bool read_start(struct program *program)
{
	uint8_t head[START_HEAD_BYTES];
	uint32_t bytes;
	char *text;

	read_exactly(head, sizeof head);
	bytes = parse_start_head(head, program);
	if (bytes > START_BYTES_MAX) {
		errno = EMSGSIZE;
		die("start message");
	}
	text = malloc(bytes + 1);
	if (!text)
		die("malloc");
	read_exactly(text, bytes);
	errno = parse_start_text(text, bytes, program);
	if (errno != 0)
		die("start message");
	return program->beside;
}

static void start_from_message(void)
{
	struct program program;

	if (read_start(&program))
		supervise(&program, read_start);
	close(IPC_FD);
	if (!program.keeps_channel)
		close(CHANNEL_FD);
	become(&program, "/var/task");
}

int main(int count, char **arguments)
{
	hand_over(listen_on_loopback());
	if (count < 2)
		start_from_message();
	close(IPC_FD);
	unsetenv("PWD"); /* Set by bubblewrap; the environment is exactly what the runtime was given. */
	execvp(arguments[1], arguments + 1);
	fprintf(stderr, "%s: %s\n", arguments[1], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}
