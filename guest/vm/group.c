/* The cgroup (version 2) of the programs. Its file system is mounted nowhere that they can see. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent.h"

#define GROUPS "/cgroup"
#define GROUP GROUPS "/programs"
/* As in Lambda's execution environment: processes and threads. */
#define PIDS_MAX "1024"
/* Freezing takes a trip through every thread: milliseconds. As long as the worker waits for an answer. */
enum { FREEZE_MS_MAX = 15000 };

static int peak = -1, events = -1, freezer = -1;

static int put(const char *path, const char *text)
{
	int error = 0, fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

void group_open(void)
{
	mkdir(GROUPS, 0755);
	if (mount("cgroup2", GROUPS, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fail("cgroup2");
	errno = put(GROUPS "/cgroup.subtree_control", "+memory +pids");
	if (errno != 0 || mkdir(GROUP, 0755) < 0)
		fail("cgroup of the programs");
	errno = put(GROUP "/pids.max", PIDS_MAX);
	if (errno != 0)
		fail("pids.max");
	/* One victim takes the others with it, instead of leaving a runtime without its child. */
	put(GROUP "/memory.oom.group", "1");
	peak = open(GROUP "/memory.peak", O_RDONLY | O_CLOEXEC);
	events = open(GROUP "/memory.events", O_RDONLY | O_CLOEXEC);
	/* Open already when a clone wakes up. */
	freezer = open(GROUP "/cgroup.freeze", O_WRONLY | O_CLOEXEC);
}

void group_enter(void)
{
	errno = put(GROUP "/cgroup.procs", "0");
	if (errno != 0)
		fail("cgroup of the programs");
}

int group_limit(uint32_t memory_mib)
{
	char text[32];
	snprintf(text, sizeof text, "%llu", (unsigned long long)memory_mib << 20);
	return put(GROUP "/memory.max", text);
}

/* The number behind `name ` in a small file, or at its start without a name; 0 when it is not there. */
static uint64_t number(int fd, const char *name)
{
	char text[512];
	char *at = text;
	ssize_t count = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
	if (count <= 0)
		return 0;
	text[count] = '\0';
	if (name != NULL) {
		at = strstr(text, name);
		if (at == NULL)
			return 0;
		at += strlen(name);
	}
	return strtoull(at, NULL, 10);
}

int group_freeze(bool frozen)
{
	uint64_t since = now_ms();
	int fd, error;

	if (!in_machine())
		return 0;
	error = pwrite(freezer, frozen ? "1" : "0", 1, 0) < 0 ? errno : 0;
	if (error != 0 || !frozen)
		return error;
	fd = open(GROUP "/cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	/* A group without processes is never reported as frozen, and needs not be. */
	while (number(fd, "populated ") == 1 && number(fd, "frozen ") == 0) {
		if (now_ms() - since > FREEZE_MS_MAX) {
			pwrite(freezer, "0", 1, 0);
			error = ETIMEDOUT;
			break;
		}
		usleep(500);
	}
	close(fd);
	return error;
}

bool group_out_of_memory(void)
{
	return number(events, "oom_kill ") > 0;
}

uint64_t group_peak_bytes(void)
{
	return number(peak, NULL);
}
