/* Frames to and from the port. Memory is fixed: one buffer a direction. */
#include <sys/stat.h>

#include "agent.h"

/* Four full DATA frames: while one is on its way to QEMU, the next ones are read from programs. */
enum { OUT_BYTES = 4 * (DATA_BYTES_MAX + FRAME_HEAD_BYTES) };
/* Kept free of DATA: credits and ends of every stream fit, and any report. */
enum { CONTROL_ROOM = 16 * 1024 };
enum { IN_BYTES = DATA_BYTES_MAX + FRAME_HEAD_BYTES };

static int port = -1;
static uint8_t out[OUT_BYTES + CONTROL_ROOM];
static size_t out_start, out_end;
static uint8_t in[IN_BYTES];
static size_t in_end;

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i += 1)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void link_open(int fd)
{
	port = fd;
}

int link_fd(void)
{
	return port;
}

bool link_has_output(void)
{
	return out_end > out_start;
}

void link_flush(void)
{
	while (out_end > out_start) {
		ssize_t count = write(port, out + out_start, out_end - out_start);
		if (count < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				return;
			fail("write to the link");
		}
		out_start += (size_t)count;
	}
	out_start = out_end = 0;
}

/* Room for `bytes` more, contiguous. */
static bool room(size_t bytes, size_t limit)
{
	if (out_start > 0 && out_end + bytes > limit) {
		memmove(out, out + out_start, out_end - out_start);
		out_end -= out_start;
		out_start = 0;
	}
	return out_end + bytes <= limit;
}

bool link_has_room(void)
{
	return room(FRAME_HEAD_BYTES + DATA_BYTES_MAX, OUT_BYTES);
}

static void head(uint8_t *at, enum link_frame type, uint32_t stream, uint32_t bytes)
{
	put32(at, bytes | (uint32_t)type << 24);
	put32(at + 4, stream);
}

void link_send(enum link_frame type, uint32_t stream, const void *body, uint32_t bytes)
{
	while (!room(FRAME_HEAD_BYTES + bytes, sizeof out)) {
		/* The worker reads always; until it does, nothing else makes sense. */
		struct pollfd wait = { port, POLLOUT, 0 };
		poll(&wait, 1, 10);
		link_flush();
	}
	head(out + out_end, type, stream, bytes);
	if (bytes > 0)
		memcpy(out + out_end + FRAME_HEAD_BYTES, body, bytes);
	out_end += FRAME_HEAD_BYTES + bytes;
}

uint8_t *link_data_room(void)
{
	return out + out_end + FRAME_HEAD_BYTES;
}

void link_data_done(uint32_t stream, uint32_t bytes)
{
	head(out + out_end, FRAME_DATA, stream, bytes);
	out_end += FRAME_HEAD_BYTES + bytes;
}

void report(enum link_report type, const void *body, uint32_t bytes)
{
	uint8_t message[512];

	if (bytes > sizeof message - 5)
		bytes = sizeof message - 5;
	put32(message, bytes + 1);
	message[4] = (uint8_t)type;
	memcpy(message + 5, body, bytes);
	link_send(FRAME_DATA, STREAM_CONTROL, message, bytes + 5);
}

static void obey(void)
{
	size_t at = 0;

	while (in_end - at >= FRAME_HEAD_BYTES) {
		uint32_t word = get32(in + at), stream = get32(in + at + 4);
		uint32_t bytes = word & 0xffffff;
		uint8_t type = (uint8_t)(word >> 24);
		const uint8_t *body = in + at + FRAME_HEAD_BYTES;

		if (bytes > DATA_BYTES_MAX) {
			errno = EPROTO;
			fail("a frame of the link is too long");
		}
		if (in_end - at < FRAME_HEAD_BYTES + bytes)
			break;
		at += FRAME_HEAD_BYTES + bytes;
		if (stream != STREAM_CONTROL)
			stream_frame(type, stream, body, bytes);
		else if (type == FRAME_DATA)
			control_bytes(body, bytes);
	}
	if (at > 0)
		memmove(in, in + at, in_end - at);
	in_end -= at;
}

bool link_receive(void)
{
	bool linked = true;

	/* The port gives a page at a time. What is left after a full buffer makes it readable again: others get a turn. */
	while (in_end < sizeof in) {
		ssize_t count = read(port, in + in_end, sizeof in - in_end);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno != EAGAIN)
			fail("read from the link");
		linked = count != 0;
		if (count <= 0)
			break;
		in_end += (size_t)count;
	}
	obey();
	return linked;
}
