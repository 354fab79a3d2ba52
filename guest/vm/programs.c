/* The runtime (program 0) and its extensions, each the leader of a process group. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent.h"

/* What a program wrote before its end is sent before the end is reported, but an end is never held longer. */
enum { DRAIN_MS_MAX = 1000 };
/* As in Lambda's execution environment. */
enum { FILES_MAX = 1024 };

static struct {
	pid_t pid;
	/* It has ended; that has been reported. */
	bool ended, told;
	int status;
	uint64_t ended_ms;
} programs[PROGRAMS_MAX];
static int extensions;
static int extension_output = -1;
static int ends = -1;
static sigset_t usual;

int programs_open(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &usual);
	ends = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ends < 0)
		fail("signalfd");
	return ends;
}

/* A pipe whose reading end is a stream to the worker; returns the other end. */
static int output_pipe(uint32_t stream)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (in_machine()) /* It is the sandbox's user who opens /dev/stdout again. */
		if (fchown(ends[1], SANDBOX_UID, SANDBOX_GID) < 0)
			fail("fchown");
	if (stream_add(stream, ends[0], -1) == NULL)
		fail("a stream for output");
	return ends[1];
}

static void become_unprivileged(void)
{
	struct rlimit files = { FILES_MAX, FILES_MAX }, none = { 0, 0 };

	group_enter();
	setrlimit(RLIMIT_CORE, &none);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || chroot(SANDBOX_ROOT) < 0 || chdir("/") < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(SANDBOX_GID, SANDBOX_GID, SANDBOX_GID) < 0 || setresuid(SANDBOX_UID, SANDBOX_UID, SANDBOX_UID) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("give up privileges");
	umask(022);
}

static void run(const struct program *program, const char *directory, int channel, int output, int errors)
{
	int null = open("/dev/null", O_RDONLY);

	/* First out of the way of the numbers that they get. */
	channel = channel < 0 ? -1 : fcntl(channel, F_DUPFD, 16);
	output = fcntl(output, F_DUPFD, 16);
	errors = fcntl(errors, F_DUPFD, 16);
	if (null < 0 || output < 0 || errors < 0)
		fail("descriptors of a program");
	if (in_machine())
		become_unprivileged();
	else
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(output, 1);
	dup2(errors, 2);
	if (channel >= 0)
		dup2(channel, CHANNEL_FD);
	syscall(SYS_close_range, channel < 0 ? 3 : 4, ~0u, 0);
	sigprocmask(SIG_SETMASK, &usual, NULL);
	signal(SIGPIPE, SIG_DFL);
	become(program, directory);
}

static bool has_code(void)
{
	struct stat here, above;
	return in_machine() && stat(SANDBOX_ROOT "/var/task", &here) == 0 && stat(SANDBOX_ROOT "/var", &above) == 0 &&
	       here.st_dev != above.st_dev;
}

void programs_start(const struct program *program)
{
	int number = program->beside ? extensions + 1 : 0;
	int channel[2] = { -1, -1 }, output, errors;
	pid_t pid;

	if (number >= PROGRAMS_MAX || programs[number].pid != 0)
		return;
	if (program->beside) {
		extensions += 1;
		if (extension_output < 0)
			extension_output = output_pipe(STREAM_EXTENSIONS);
		output = errors = extension_output;
	} else {
		output = output_pipe(STREAM_STDOUT);
		errors = output_pipe(STREAM_STDERR);
		if (program->keeps_channel) {
			if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
				fail("socketpair");
			fcntl(channel[0], F_SETFL, O_NONBLOCK);
			stream_add(STREAM_CHANNEL, channel[0], channel[0]);
		} else
			link_send(FRAME_END, STREAM_CHANNEL, NULL, 0);
	}
	pid = fork();
	if (pid < 0)
		fail("fork");
	/* Both say it: whoever comes first, a signal to the group finds it. */
	setpgid(pid, pid);
	if (pid == 0)
		run(program, number == 0 && has_code() ? "/var/task" : "/", channel[1], output, errors);
	programs[number].pid = pid;
	if (number == 0) {
		close(output);
		close(errors);
		if (channel[1] >= 0)
			close(channel[1]);
	}
}

void programs_signal(int program, int name)
{
	if (program < 0 || program >= PROGRAMS_MAX || programs[program].pid == 0 || programs[program].ended)
		return;
	kill(name == SIGKILL ? -programs[program].pid : programs[program].pid, name);
}

void programs_abandon(void)
{
	for (int number = 0; number < PROGRAMS_MAX; number += 1)
		if (programs[number].pid > 0 && !programs[number].ended) {
			kill(-programs[number].pid, SIGKILL);
			waitpid(programs[number].pid, NULL, 0);
		}
}

void programs_reap(void)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(ends, &info, sizeof info) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int number = 0; number < PROGRAMS_MAX; number += 1)
			if (programs[number].pid == pid && !programs[number].ended) {
				programs[number].ended = true;
				programs[number].status = status;
				programs[number].ended_ms = now_ms();
				for (uint32_t stream = STREAM_CHANNEL; stream <= STREAM_EXTENSIONS; stream += 1)
					stream_wet(stream);
			}
}

static bool said_everything(int number)
{
	if (number > 0)
		return stream_dry(STREAM_EXTENSIONS);
	return stream_dry(STREAM_CHANNEL) && stream_dry(STREAM_STDOUT) && stream_dry(STREAM_STDERR);
}

static void tell(int number)
{
	int status = programs[number].status;
	bool killed = WIFSIGNALED(status);
	int32_t code = killed ? -1 : WEXITSTATUS(status);
	uint8_t body[7] = { (uint8_t)number, killed ? (uint8_t)WTERMSIG(status) : 0, group_out_of_memory() };

	for (int i = 0; i < 4; i += 1)
		body[3 + i] = (uint8_t)((uint32_t)code >> 8 * i);
	report_peak();
	report(REPORT_EXIT, body, sizeof body);
	programs[number].told = true;
}

int programs_settle(void)
{
	int wait = -1;
	for (int number = 0; number < PROGRAMS_MAX; number += 1) {
		uint64_t waited;
		if (!programs[number].ended || programs[number].told)
			continue;
		waited = now_ms() - programs[number].ended_ms;
		if (said_everything(number) || waited >= DRAIN_MS_MAX)
			tell(number);
		else
			/* Soon: whether a descriptor has more to say shows only by asking again. */
			wait = 1;
	}
	return wait;
}
