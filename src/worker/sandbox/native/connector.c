/*
 * connector: connects to ports of sandboxes' own loopbacks and hands the connections to the worker.
 *
 * A socket belongs to the network namespace in which it was made, so a child of this process enters that of a sandbox
 * and makes the socket there. (A child, because without the machine's root there is no way back.) Node cannot:
 * namespaces are a thread's, and its threads do everything at once.
 *
 *   standard input   lines "ID PID PORT": connect to 127.0.0.1:PORT in the network namespace of process PID
 *   descriptor 3     Node's IPC channel: {"id":ID,"error":TEXT}, or Node's own message for a passed socket with the
 *                    id as its text
 *
 * It ends when standard input does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IPC_FD = 3 };
/* A loopback connects at once, or its listener is not keeping up. */
enum { CONNECT_MS_MAX = 50 };

static void send_line(const char *line, int fd)
{
	struct iovec part = { (void *)line, strlen(line) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message;

	memset(&control, 0, sizeof control);
	memset(&message, 0, sizeof message);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (fd >= 0) {
		struct cmsghdr *header;
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
	}
	if (sendmsg(IPC_FD, &message, MSG_NOSIGNAL) < 0)
		_exit(0); /* The worker is gone. */
}

/* Node acknowledges each socket; nobody needs that, but it must not pile up. */
static void drop_acknowledgements(void)
{
	char bytes[4096];
	while (recv(IPC_FD, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

static int same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* A connected socket, or -1 with errno. */
static int connect_loopback(int port)
{
	struct sockaddr_in address;
	int error = 0;
	socklen_t length = sizeof error;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		struct pollfd done = { fd, POLLOUT, 0 };
		if (poll(&done, 1, CONNECT_MS_MAX) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
		    error == 0)
			return fd;
		errno = error ? error : ETIMEDOUT;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int connect_inside(int own, int pid, int port)
{
	char path[64];
	int space;

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0)
		return -1;
	if (same_file(space, own)) { /* A sandbox that ended, and another process with its number: never our own. */
		errno = ESRCH;
		return -1;
	}
	return setns(space, CLONE_NEWNET) < 0 ? -1 : connect_loopback(port);
}

/* In a process of its own. */
static void answer(unsigned id, int own, int pid, int port)
{
	char reply[256];
	int fd = connect_inside(own, pid, port);

	if (fd < 0)
		snprintf(reply, sizeof reply, "{\"id\":%u,\"error\":\"%s\"}\n", id, strerror(errno));
	else
		snprintf(reply, sizeof reply,
			 "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{\"id\":%u}}\n", id);
	send_line(reply, fd);
	_exit(0);
}

int main(void)
{
	char line[128], reply[64];
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	unsigned id;
	int pid, port;

	if (own < 0)
		return 71; /* EX_OSERR */
	signal(SIGCHLD, SIG_IGN); /* Nobody asks how they ended. */
	while (fgets(line, sizeof line, stdin) != NULL) {
		pid_t child;
		if (sscanf(line, "%u %d %d", &id, &pid, &port) != 3)
			continue;
		drop_acknowledgements();
		child = fork();
		if (child == 0)
			answer(id, own, pid, port);
		if (child < 0) {
			snprintf(reply, sizeof reply, "{\"id\":%u,\"error\":\"fork\"}\n", id);
			send_line(reply, -1);
		}
	}
	return 0;
}
