/*
 * What the agent does in a sandbox with external extensions: it starts them, each as the leader of a process group,
 * then the runtime, and stays as their parent. Programs are numbered: 0 the runtime, extensions from 1 in their order.
 *
 *   to the worker    {"program":N,"code":C,"signal":S}   program N ended; lines of JSON on the IPC channel, as Node
 *                                                         reads them
 *   from the worker  "signal N S"                         a JSON string a line: sends signal S to program N, SIGKILL
 *                                                         to its whole group. All other lines are Node's own.
 *
 * Extensions write to a named pipe that the worker made, so that their output can be told from the function's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

enum { IPC_FD = 4 };
#define EXTENSION_OUTPUT "/var/lib/hearth/extensions"

static pid_t pids[PROGRAMS_MAX];

static void start(int number, const struct program *program, const sigset_t *usual)
{
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "hearth agent: fork: %s\n", strerror(errno));
		_exit(71);
	}
	/* Both say it: whoever comes first, a signal to the group finds it. */
	setpgid(pid, pid);
	if (pid > 0) {
		pids[number] = pid;
		return;
	}
	sigprocmask(SIG_SETMASK, usual, NULL);
	close(IPC_FD);
	if (!program->keeps_channel)
		close(CHANNEL_FD);
	if (number > 0) {
		int output = open(EXTENSION_OUTPUT, O_WRONLY);
		if (output >= 0) {
			dup2(output, STDOUT_FILENO);
			dup2(output, STDERR_FILENO);
			close(output);
		}
	}
	become(program, number > 0 ? "/" : "/var/task");
}

static void tell(int number, int status)
{
	char line[96];
	int length = snprintf(line, sizeof line, "{\"program\":%d,\"code\":%d,\"signal\":%d}\n", number,
			      WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	if (send(IPC_FD, line, (size_t)length, MSG_NOSIGNAL) != length)
		_exit(0); /* The worker is gone. */
}

static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int number = 0; number < PROGRAMS_MAX; number += 1)
			if (pids[number] == pid) {
				pids[number] = 0;
				tell(number, status);
			}
}

static void obey(const char *line)
{
	int number, name;
	if (sscanf(line, "\"signal %d %d\"", &number, &name) != 2)
		return;
	if (number < 0 || number >= PROGRAMS_MAX || pids[number] == 0)
		return;
	kill(name == SIGKILL ? -pids[number] : pids[number], name);
}

/* Lines may come in pieces; one that is longer than any of ours is not for us. */
static void listen_to_worker(void)
{
	static char text[256];
	static size_t held;
	ssize_t count = recv(IPC_FD, text + held, sizeof text - 1 - held, MSG_DONTWAIT);
	char *end;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0)
		_exit(0); /* The worker is gone: the sandbox's first process follows us, and with it everything. */
	held += (size_t)count;
	text[held] = '\0';
	while ((end = strchr(text, '\n')) != NULL) {
		*end = '\0';
		obey(text);
		held -= (size_t)(end + 1 - text);
		memmove(text, end + 1, held + 1);
	}
	if (held == sizeof text - 1)
		held = 0;
}

/* Starts `first` and what `next` reads after it, and never returns. `next` is false for the runtime, the last. */
static void supervise(const struct program *first, bool (*next)(struct program *))
{
	sigset_t child, usual;
	int ended, count = 1;
	bool running = false;

	/* What holds a channel to the worker is out of reach for the function's processes, although they have our user. */
	prctl(PR_SET_DUMPABLE, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &usual);
	ended = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	start(count, first, &usual);
	for (;;) {
		struct pollfd sources[] = { { ended, POLLIN, 0 }, { IPC_FD, POLLIN, 0 }, { CHANNEL_FD, POLLIN, 0 } };
		if (poll(sources, running ? 2 : 3, -1) < 0)
			continue;
		if (sources[0].revents) {
			struct signalfd_siginfo info;
			while (read(ended, &info, sizeof info) > 0)
				;
			reap();
		}
		if (sources[1].revents)
			listen_to_worker();
		if (!running && sources[2].revents) {
			struct program program;
			if (!next(&program)) {
				start(0, &program, &usual);
				running = true;
				close(CHANNEL_FD);
			} else if (++count < PROGRAMS_MAX)
				start(count, &program, &usual);
		}
	}
}
