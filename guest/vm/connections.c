/* TCP on the guest's own loopback: programs that call the Runtime API, and ports that the worker wants to reach. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "agent.h"

enum { BACKLOG = 128 };
static int listener = -1;
static int listener_port;
static uint32_t next_stream = FIRST_GUEST_STREAM;

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void listen_on_loopback(int port)
{
	struct sockaddr_in address = loopback(port);
	int one = 1;

	listener = tcp_socket();
	listener_port = port;
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, BACKLOG) < 0)
		fail("listen on the loopback");
}

int listener_fd(void)
{
	return listener;
}

/* Beyond CONNECTIONS_MAX they wait in the kernel. */
void accept_connections(void)
{
	while (stream_connections() < CONNECTIONS_MAX) {
		uint8_t port[2] = { (uint8_t)listener_port, (uint8_t)(listener_port >> 8) };
		int one = 1;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (stream_add(next_stream, fd, fd) == NULL) {
			close(fd);
			return;
		}
		link_send(FRAME_OPEN, next_stream, port, sizeof port);
		next_stream += 2;
	}
}

void connect_stream(uint32_t id, uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	struct stream *stream = NULL;
	int one = 1, fd = -1;

	if (stream_connections() < CONNECTIONS_MAX)
		fd = tcp_socket();
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS)
			stream = stream_add(id, fd, fd);
	}
	if (stream != NULL) {
		stream_connecting(stream);
		return;
	}
	if (fd >= 0)
		close(fd);
	link_send(FRAME_RESET, id, NULL, 0);
}
