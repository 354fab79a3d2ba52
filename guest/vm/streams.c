/*
 * Streams between the link and descriptors. What the worker sent and a program has not read yet is held here, at most
 * WINDOW_BYTES a stream; what a program writes stays in its pipe or socket until there is credit and room for it.
 */
#include <sys/socket.h>

#include "agent.h"

struct stream {
	uint32_t id;
	/* -1: this direction is over, or never was. */
	int in, out;
	bool used, connecting, dry;
	/* Whether END was sent, and received. */
	bool sent_end, got_end;
	uint32_t credit;
	/* Written since the last CREDIT. */
	uint32_t owed;
	uint8_t *held;
	uint32_t held_start, held_end;
};

enum { STREAMS_MAX = STREAM_POLLS / 2 };
static struct stream streams[STREAMS_MAX];
/* Whose the descriptors of the latest `stream_polls` are. */
static struct stream *owners[STREAM_POLLS];
static size_t polled;

struct stream *stream_find(uint32_t id)
{
	for (size_t i = 0; i < STREAMS_MAX; i += 1)
		if (streams[i].used && streams[i].id == id)
			return &streams[i];
	return NULL;
}

size_t stream_connections(void)
{
	size_t count = 0;
	for (size_t i = 0; i < STREAMS_MAX; i += 1)
		count += streams[i].used && streams[i].id >= FIRST_GUEST_STREAM;
	return count;
}

struct stream *stream_add(uint32_t id, int in, int out)
{
	for (size_t i = 0; i < STREAMS_MAX; i += 1)
		if (!streams[i].used) {
			streams[i] = (struct stream){ .id = id, .in = in, .out = out, .used = true, .credit = WINDOW_BYTES };
			streams[i].sent_end = in < 0;
			streams[i].got_end = out < 0;
			return &streams[i];
		}
	return NULL;
}

static void forget(struct stream *stream)
{
	if (stream->in >= 0)
		close(stream->in);
	if (stream->out >= 0 && stream->out != stream->in)
		close(stream->out);
	free(stream->held);
	stream->held = NULL;
	stream->used = false;
}

static void reset(struct stream *stream)
{
	link_send(FRAME_RESET, stream->id, NULL, 0);
	forget(stream);
}

static void forget_if_over(struct stream *stream)
{
	if (stream->sent_end && stream->got_end && stream->held_start == stream->held_end)
		forget(stream);
}

/* The program's end of the direction to the worker is reached. */
static void end_input(struct stream *stream)
{
	stream->sent_end = true;
	stream->dry = true;
	link_send(FRAME_END, stream->id, NULL, 0);
	if (stream->in != stream->out)
		close(stream->in);
	stream->in = -1;
	forget_if_over(stream);
}

static void end_output(struct stream *stream)
{
	if (stream->out >= 0)
		shutdown(stream->out, SHUT_WR);
	forget_if_over(stream);
}

static void pay(struct stream *stream, uint32_t bytes)
{
	uint8_t credit[4];
	stream->owed += bytes;
	if (stream->owed < WINDOW_BYTES / 2)
		return;
	for (int i = 0; i < 4; i += 1)
		credit[i] = (uint8_t)(stream->owed >> 8 * i);
	link_send(FRAME_CREDIT, stream->id, credit, sizeof credit);
	stream->owed = 0;
}

/* Returns how much the program's side took, or -1 when it is gone. */
static ssize_t give(struct stream *stream, const uint8_t *bytes, uint32_t count)
{
	ssize_t written = send(stream->out, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	pay(stream, (uint32_t)written);
	return written;
}

static void take(struct stream *stream, const uint8_t *bytes, uint32_t count)
{
	if (stream->got_end || stream->out < 0)
		return;
	if (stream->held_start == stream->held_end && !stream->connecting) {
		ssize_t given = give(stream, bytes, count);
		if (given < 0) {
			reset(stream);
			return;
		}
		bytes += given;
		count -= (uint32_t)given;
		stream->held_start = stream->held_end = 0;
	}
	if (count == 0)
		return;
	if (stream->held == NULL)
		stream->held = malloc(WINDOW_BYTES);
	if (stream->held_end + count > WINDOW_BYTES && stream->held_start > 0) {
		memmove(stream->held, stream->held + stream->held_start, stream->held_end - stream->held_start);
		stream->held_end -= stream->held_start;
		stream->held_start = 0;
	}
	if (stream->held == NULL || stream->held_end + count > WINDOW_BYTES) {
		reset(stream); /* More than the credit, or no memory. */
		return;
	}
	memcpy(stream->held + stream->held_end, bytes, count);
	stream->held_end += count;
}

static void drain(struct stream *stream)
{
	if (stream->connecting) {
		int error = 0;
		socklen_t bytes = sizeof error;
		getsockopt(stream->out, SOL_SOCKET, SO_ERROR, &error, &bytes);
		if (error != 0) {
			reset(stream);
			return;
		}
		stream->connecting = false;
		link_send(FRAME_OPENED, stream->id, NULL, 0);
	}
	if (stream->held_start < stream->held_end) {
		ssize_t given = give(stream, stream->held + stream->held_start, stream->held_end - stream->held_start);
		if (given < 0) {
			reset(stream);
			return;
		}
		stream->held_start += (uint32_t)given;
	}
	if (stream->held_start < stream->held_end)
		return;
	free(stream->held);
	stream->held = NULL;
	stream->held_start = stream->held_end = 0;
	if (stream->got_end)
		end_output(stream);
}

static void fill(struct stream *stream)
{
	uint32_t most = stream->credit < DATA_BYTES_MAX ? stream->credit : DATA_BYTES_MAX;
	ssize_t count;

	/* What the programs used up to now belongs before what they say. Output may come in thousands of pieces. */
	if (stream->id == STREAM_CHANNEL || stream->id >= FIRST_GUEST_STREAM)
		report_peak();
	if (!link_has_room())
		return;
	count = read(stream->in, link_data_room(), most);
	if (count > 0) {
		stream->credit -= (uint32_t)count;
		link_data_done(stream->id, (uint32_t)count);
	} else if (count == 0 || (errno != EAGAIN && errno != EINTR))
		end_input(stream);
	else
		stream->dry = true;
}

void stream_frame(enum link_frame type, uint32_t id, const uint8_t *body, uint32_t bytes)
{
	struct stream *stream = stream_find(id);

	if (type == FRAME_OPEN && stream == NULL && id >= FIRST_HOST_STREAM && id % 2 == 1 && bytes == 2) {
		connect_stream(id, (uint16_t)(body[0] | body[1] << 8));
		return;
	}
	if (stream == NULL)
		return;
	if (type == FRAME_DATA)
		take(stream, body, bytes);
	else if (type == FRAME_CREDIT && bytes == 4) {
		uint32_t more = (uint32_t)body[0] | (uint32_t)body[1] << 8 | (uint32_t)body[2] << 16 | (uint32_t)body[3] << 24;
		/* Never more than a window: a sum of wrong ones must not overflow. */
		stream->credit = more > WINDOW_BYTES - stream->credit ? WINDOW_BYTES : stream->credit + more;
	} else if (type == FRAME_END && !stream->got_end) {
		stream->got_end = true;
		if (stream->held_start == stream->held_end && !stream->connecting)
			end_output(stream);
	} else if (type == FRAME_RESET)
		forget(stream);
}

size_t stream_polls(struct pollfd *polls)
{
	bool space = link_has_room();

	polled = 0;
	for (size_t i = 0; i < STREAMS_MAX; i += 1) {
		struct stream *stream = &streams[i];
		if (!stream->used)
			continue;
		if (stream->out >= 0 && (stream->connecting || stream->held_start < stream->held_end)) {
			owners[polled] = stream;
			polls[polled++] = (struct pollfd){ stream->out, POLLOUT, 0 };
		}
		if (stream->in >= 0 && stream->credit > 0 && space && !stream->connecting) {
			owners[polled] = stream;
			polls[polled++] = (struct pollfd){ stream->in, POLLIN, 0 };
		}
	}
	return polled;
}

void stream_pump(const struct pollfd *polls)
{
	for (size_t i = 0; i < polled; i += 1) {
		struct stream *stream = owners[i];
		bool out = polls[i].events == POLLOUT;
		/* A frame read in between may have ended it, or put another in its place. */
		if (!stream->used || (out ? stream->out : stream->in) != polls[i].fd)
			continue;
		if (out && polls[i].revents)
			drain(stream);
		else if (!out && polls[i].revents && link_has_room() && stream->credit > 0)
			fill(stream);
		else if (!out && !polls[i].revents)
			stream->dry = true;
	}
}

bool stream_dry(uint32_t id)
{
	struct stream *stream = stream_find(id);
	return stream == NULL || stream->dry || stream->in < 0;
}

void stream_wet(uint32_t id)
{
	struct stream *stream = stream_find(id);
	if (stream != NULL)
		stream->dry = false;
}

void stream_end(uint32_t id)
{
	struct stream *stream = stream_find(id);
	if (stream == NULL)
		return;
	if (stream->in >= 0)
		end_input(stream);
	stream = stream_find(id);
	if (stream != NULL && !stream->got_end) {
		stream->got_end = true;
		end_output(stream);
	}
}

void stream_connecting(struct stream *stream)
{
	stream->connecting = true;
}
