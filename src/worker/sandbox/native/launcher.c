/*
 * launcher [option…] -- program argument…
 *
 * Puts itself where the program shall run, then becomes it:
 *   --cgroup FILE   join this cgroup.procs (repeatable)
 *   --owner PID     be killed when the process PID, our parent, dies; fail if it is gone already
 *   --uid N --gid N become this user, without supplementary groups
 *   --nofile N      soft and hard limit of open files
 *   --core N        limit of core files, bytes
 *   --rest-fd N     wait: program and arguments come on this descriptor, each ended by NUL, up to its end
 *   --mounts private  own copy of the mounts, from and to which nothing propagates
 *   --read N:FILE   open FILE as descriptor N for the program (repeatable); before the change of user, so that the
 *   --write N:FILE  program gets these files and no others; `write` is for reading, too
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "hearth launcher: %s: %s\n", what, strerror(errno));
	_exit(71); /* EX_OSERR */
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *text == '\0' || *end != '\0') {
		errno = EINVAL;
		die(text);
	}
	return value;
}

static void join(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(file);
	close(fd);
}

static void limit(__rlimit_resource_t resource, unsigned long value, const char *what)
{
	struct rlimit both = { value, value };
	if (setrlimit(resource, &both) < 0)
		die(what);
}

static void give(const char *value, int flags)
{
	const char *colon = strchr(value, ':');
	int wanted = atoi(value), fd;
	if (!colon || wanted < 3) {
		errno = EINVAL;
		die(value);
	}
	fd = open(colon + 1, flags | O_CLOEXEC);
	if (fd < 0)
		die(colon + 1);
	if (fd == wanted) {
		if (fcntl(fd, F_SETFD, 0) < 0)
			die(value);
	} else if (dup2(fd, wanted) < 0) {
		die(value);
	}
}

/* Program and arguments from a descriptor. Nothing at all means that nobody needs us any more. */
static char **arguments_from(int fd)
{
	size_t room = 64 * 1024, bytes = 0, count = 0;
	char *text = malloc(room), **list;
	for (;;) {
		ssize_t got;
		if (text && bytes == room)
			text = realloc(text, room *= 2);
		if (!text)
			die("malloc");
		got = read(fd, text + bytes, room - bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			die("read arguments");
		if (got == 0)
			break;
		bytes += (size_t)got;
	}
	if (bytes == 0 || text[bytes - 1] != '\0')
		_exit(0);
	close(fd);
	list = malloc((bytes + 1) * sizeof *list);
	if (!list)
		die("malloc");
	for (char *at = text; at < text + bytes; at += strlen(at) + 1)
		list[count++] = at;
	list[count] = NULL;
	return list;
}

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		die("unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("private mounts");
}

int main(int count, char **arguments)
{
	unsigned long owner = 0, uid = 0, gid = 0;
	int change_user = 0, rest_fd = -1, at = 1;
	char **program;

	for (; at < count && strcmp(arguments[at], "--") != 0; at += 2) {
		const char *option = arguments[at], *value = at + 1 < count ? arguments[at + 1] : "";
		if (strcmp(option, "--cgroup") == 0)
			join(value);
		else if (strcmp(option, "--owner") == 0)
			owner = number(value);
		else if (strcmp(option, "--uid") == 0)
			uid = number(value), change_user = 1;
		else if (strcmp(option, "--gid") == 0)
			gid = number(value);
		else if (strcmp(option, "--nofile") == 0)
			limit(RLIMIT_NOFILE, number(value), option);
		else if (strcmp(option, "--core") == 0)
			limit(RLIMIT_CORE, number(value), option);
		else if (strcmp(option, "--rest-fd") == 0)
			rest_fd = (int)number(value);
		else if (strcmp(option, "--read") == 0)
			give(value, O_RDONLY);
		else if (strcmp(option, "--write") == 0)
			give(value, O_RDWR);
		else if (strcmp(option, "--mounts") == 0)
			private_mounts();
		else {
			errno = EINVAL;
			die(option);
		}
	}
	if (rest_fd < 0 && at + 1 >= count) {
		errno = EINVAL;
		die("no program");
	}
	if (change_user) {
		if (setgroups(0, NULL) < 0)
			die("setgroups");
		if (setresgid(gid, gid, gid) < 0)
			die("setresgid");
		if (setresuid(uid, uid, uid) < 0)
			die("setresuid");
	}
	/* After the change of user, which clears it. The check closes the gap before it. */
	if (owner) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			die("prctl");
		if ((unsigned long)getppid() != owner)
			_exit(1);
	}
	program = rest_fd < 0 ? arguments + at + 1 : arguments_from(rest_fd);
	execvp(program[0], program);
	die(program[0]);
}
