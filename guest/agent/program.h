/*
 * A program that an agent starts, and the start message that names it: u32 little-endian length, then the arguments,
 * each ended by NUL, an empty string, and the environment, each entry ended by NUL. The length's highest bit: the
 * program keeps the channel as its descriptor 3; the next one: it is an extension and runs beside the runtime, which
 * a later message starts. The other side: src/worker/sandbox/startmessage.ts.
 */
#ifndef HEARTH_PROGRAM_H
#define HEARTH_PROGRAM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANNEL_FD = 3 };
/* Above what scripts and their interpreters use (bash: up to 255 for itself, from 10 for redirections), below 1024. */
enum { CHANNEL_COPY_FD = 200 };
/* Lambda takes ten extensions; the runtime makes eleven. */
enum { PROGRAMS_MAX = 11 };
enum { START_HEAD_BYTES = 4 };
/* Environment 4 KB by Lambda's limit, plus what the platform adds; 1 MiB is far above both. */
enum { START_BYTES_MAX = 1 << 20 };

struct program {
	char **arguments;
	char **environment;
	bool keeps_channel;
	/* An extension: the runtime comes with a later message. */
	bool beside;
};

/* Reads the head of a start message into `program`'s flags; returns how many bytes of text follow. */
static inline uint32_t parse_start_head(const uint8_t head[START_HEAD_BYTES], struct program *program)
{
	uint32_t word = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
	program->keeps_channel = word >> 31;
	program->beside = word >> 30 & 1;
	return word & 0x3fffffffu;
}

/* Splits NUL-ended strings from `at` up to `end` or an empty string; returns what follows. */
static inline char *split_strings(char *at, char *end, char **list, size_t *count)
{
	while (at < end && *at != '\0') {
		list[(*count)++] = at;
		at += strlen(at) + 1;
	}
	list[*count] = NULL;
	return at < end ? at + 1 : at;
}

/*
 * Reads the text of a start message, which has `bytes` bytes and room for one more. The program's strings lie in it.
 * Returns 0 or the error.
 */
static inline int parse_start_text(char *text, uint32_t bytes, struct program *program)
{
	size_t argument_count = 0, environment_count = 0;
	char *end = text + bytes;

	/* Each string takes at least two bytes; one more for the ending NULL of each list. */
	program->arguments = malloc((bytes / 2 + 2) * sizeof *program->arguments);
	program->environment = malloc((bytes / 2 + 2) * sizeof *program->environment);
	if (!program->arguments || !program->environment)
		return ENOMEM;
	*end = '\0';
	split_strings(split_strings(text, end, program->arguments, &argument_count), end, program->environment,
		      &environment_count);
	return argument_count == 0 ? EINVAL : 0;
}

static inline bool has_wrapper(char **environment)
{
	static const char name[] = "AWS_LAMBDA_EXEC_WRAPPER=";
	for (; *environment != NULL; environment += 1)
		if (strncmp(*environment, name, sizeof name - 1) == 0)
			return true;
	return false;
}

/* Becomes the program; never returns. */
static inline void become(const struct program *program, const char *directory)
{
	if (chdir(directory) < 0) {
		fprintf(stderr, "hearth agent: %s: %s\n", directory, strerror(errno));
		_exit(71); /* EX_OSERR */
	}
	/* A wrapper script may close or reuse descriptor 3: the runtime behind it finds the channel here. */
	if (program->keeps_channel && has_wrapper(program->environment))
		dup2(CHANNEL_FD, CHANNEL_COPY_FD);
	execve(program->arguments[0], program->arguments, program->environment);
	/* A script whose interpreter line is missing: say it as a shell would, for the function's log. */
	fprintf(stderr, "%s: %s\n", program->arguments[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

#endif
