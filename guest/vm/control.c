/* Control messages: what the worker asks for, and the answers. */
#include "agent.h"

static uint8_t *message;
static size_t held, capacity;
static bool is_quiet;
static uint64_t told_mib;

bool quiet(void)
{
	return is_quiet;
}

static uint64_t get(const uint8_t *at, int bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < bytes; i += 1)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

void report_peak(void)
{
	uint64_t bytes = group_peak_bytes();
	uint8_t body[8];

	if (bytes >> 20 == told_mib)
		return;
	told_mib = bytes >> 20;
	for (int i = 0; i < 8; i += 1)
		body[i] = (uint8_t)(bytes >> 8 * i);
	report(REPORT_PEAK, body, sizeof body);
}

static void done(enum link_request request, int error, const char *what)
{
	uint8_t body[256] = { (uint8_t)request };
	int length = 0;

	for (int i = 0; i < 4; i += 1)
		body[1 + i] = (uint8_t)((uint32_t)error >> 8 * i);
	if (error != 0)
		length = snprintf((char *)body + 5, sizeof body - 5, "%s: %s", what, strerror(error));
	report(REPORT_DONE, body, 5 + (uint32_t)length);
}

static void start(uint8_t *body, size_t bytes)
{
	struct program program;
	char *text;
	uint32_t text_bytes;

	if (bytes < START_HEAD_BYTES)
		return;
	text_bytes = parse_start_head(body, &program);
	if (text_bytes != bytes - START_HEAD_BYTES)
		return;
	text = malloc(text_bytes + 1);
	if (text == NULL)
		fail("memory for a program");
	memcpy(text, body + START_HEAD_BYTES, text_bytes);
	if (parse_start_text(text, text_bytes, &program) == 0)
		programs_start(&program);
	free(program.arguments);
	free(program.environment);
	free(text);
}

static void attach(const uint8_t *body, size_t bytes)
{
	const char *what = "attach";
	int error = EINVAL;

	if (bytes == 8)
		error = machine_attach((uint32_t)get(body, 4), (uint32_t)get(body + 4, 4), &what);
	done(REQUEST_ATTACH, error, what);
}

static void quiesce(void)
{
	int error = group_freeze(true);

	if (error == 0) {
		machine_sync();
		is_quiet = true;
	}
	done(REQUEST_QUIESCE, error, "programs do not stop");
}

static void resume(const uint8_t *body, size_t bytes)
{
	const char *what = "resume";
	char name[65] = "";
	size_t name_bytes;
	int error = EINVAL;

	if (bytes >= 10) {
		name_bytes = (size_t)get(body + 8, 2);
		if (name_bytes < sizeof name && 10 + name_bytes <= bytes) {
			memcpy(name, body + 10, name_bytes);
			error = machine_renew(get(body, 8), name, body + 10 + name_bytes, bytes - 10 - name_bytes, &what);
		}
	}
	/* Programs that would go on with the old random numbers stay frozen: the worker ends the machine. */
	if (error == 0) {
		what = "programs do not go on";
		error = group_freeze(false);
		is_quiet = false;
	}
	done(REQUEST_RESUME, error, what);
}

static void obey(uint8_t type, uint8_t *body, size_t bytes)
{
	switch (type) {
	case REQUEST_START:
		start(body, bytes);
		break;
	case REQUEST_SIGNAL:
		if (bytes == 2)
			programs_signal(body[0], body[1]);
		break;
	case REQUEST_ATTACH:
		attach(body, bytes);
		break;
	case REQUEST_QUIESCE:
		quiesce();
		break;
	case REQUEST_RESUME:
		resume(body, bytes);
		break;
	}
}

void control_bytes(const uint8_t *bytes, uint32_t count)
{
	size_t at = 0;

	if (count == 0)
		return;
	if (held + count > CONTROL_BYTES_MAX + DATA_BYTES_MAX) {
		errno = EMSGSIZE;
		fail("a control message is too long");
	}
	if (held + count > capacity) {
		capacity = held + count;
		message = realloc(message, capacity);
		if (message == NULL)
			fail("memory for a control message");
	}
	memcpy(message + held, bytes, count);
	held += count;
	while (held - at >= 5) {
		uint64_t length = get(message + at, 4);
		if (length < 1 || length > CONTROL_BYTES_MAX) {
			errno = EPROTO;
			fail("a control message has a wrong length");
		}
		if (held - at < 4 + length)
			break;
		obey(message[at + 4], message + at + 5, (size_t)length - 1);
		at += 4 + (size_t)length;
	}
	held -= at;
	if (held == 0) {
		/* A start message is large, and the only one. */
		free(message);
		message = NULL;
		capacity = 0;
	} else if (at > 0)
		memmove(message, message + at, held);
}
