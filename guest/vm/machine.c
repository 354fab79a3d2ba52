/*
 * From the kernel's start to a sandbox without programs. What the agent mounts for itself lies in the initramfs, which
 * programs (their root is SANDBOX_ROOT) do not see; what they see is read-only.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "agent.h"

#define PORT_NAME "hearth"
/* `sandboxHostname` of src/worker/sandbox/process/skeleton.ts. */
#define HOST_NAME "169.254.100.6"
/* Drivers find their devices while they are loaded; a machine that needs longer is broken. */
enum { DEVICE_MS_MAX = 10000 };
static bool machine;

bool in_machine(void)
{
	return machine;
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, options) < 0)
		fail(target);
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* A kernel without that setting. */
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "hearth agent: %s: %s\n", path, strerror(errno));
	close(fd);
}

/* `/modules/order` names the drivers, a line each, in the order of their dependencies. */
static void load_modules(void)
{
	char line[128], path[160];
	FILE *order = fopen("/modules/order", "re");
	if (order == NULL)
		fail("/modules/order");
	while (fgets(line, sizeof line, order) != NULL) {
		int fd;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof path, "/modules/%s", line);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			fail(path);
		close(fd);
		unlink(path); /* Loaded: the file's memory is free again. */
	}
	fclose(order);
}

static void wait_for(const char *path)
{
	uint64_t since = now_ms();
	while (access(path, F_OK) < 0) {
		if (now_ms() - since > DEVICE_MS_MAX)
			fail(path);
		usleep(1000);
	}
}

static void make_device(const char *name, unsigned major_number, unsigned minor_number)
{
	char path[64];
	snprintf(path, sizeof path, SANDBOX_ROOT "/dev/%s", name);
	if (mknod(path, S_IFCHR | 0666, makedev(major_number, minor_number)) < 0 || chmod(path, 0666) < 0)
		fail(path);
}

/* The devices of the `process` driver's sandboxes, and no others. */
static void make_devices(void)
{
	umask(0);
	must_mount("tmpfs", SANDBOX_ROOT "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k");
	make_device("null", 1, 3);
	make_device("zero", 1, 5);
	make_device("full", 1, 7);
	make_device("random", 1, 8);
	make_device("urandom", 1, 9);
	make_device("tty", 5, 0);
	mkdir(SANDBOX_ROOT "/dev/shm", 0755);
	if (symlink("/proc/self/fd", SANDBOX_ROOT "/dev/fd") < 0 || symlink("/proc/self/fd/0", SANDBOX_ROOT "/dev/stdin") < 0 ||
	    symlink("/proc/self/fd/1", SANDBOX_ROOT "/dev/stdout") < 0 ||
	    symlink("/proc/self/fd/2", SANDBOX_ROOT "/dev/stderr") < 0)
		fail("links in /dev");
	if (mount(NULL, SANDBOX_ROOT "/dev", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID, "mode=755,size=64k") < 0)
		fail("read-only /dev");
	umask(022);
}

/* Programs get a process namespace of their own. Its process 1 shows them /proc, reaps orphans and does nothing else. */
static void make_process_namespace(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0 || pipe(ready) < 0)
		fail("process namespace");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		struct sigaction reap = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };
		sigaction(SIGCHLD, &reap, NULL);
		must_mount("proc", SANDBOX_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
		if (write(ready[1], "", 1) != 1)
			fail("process namespace");
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		fail("process namespace");
	close(ready[0]);
}

/* The port of our name; there is no udev to link it. */
static int open_port(void)
{
	static const char class[] = "/sys/class/virtio-ports";
	uint64_t since = now_ms();
	char path[320], name[32];

	for (;;) {
		DIR *ports = opendir(class);
		struct dirent *entry;
		while (ports != NULL && (entry = readdir(ports)) != NULL) {
			FILE *file;
			snprintf(path, sizeof path, "%s/%s/name", class, entry->d_name);
			file = fopen(path, "re");
			if (file == NULL)
				continue;
			if (fgets(name, sizeof name, file) != NULL && strcmp(name, PORT_NAME "\n") == 0) {
				int fd;
				snprintf(path, sizeof path, "/dev/%s", entry->d_name);
				fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
				if (fd < 0)
					fail(path);
				return fd;
			}
			fclose(file);
		}
		if (ports != NULL)
			closedir(ports);
		if (now_ms() - since > DEVICE_MS_MAX) {
			errno = ENODEV;
			fail("virtio port " PORT_NAME);
		}
		usleep(1000);
	}
}

int machine_boot(void)
{
	machine = true;
	umask(022);
	must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
	must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	load_modules();
	/* Programs have nothing to do with these, and fewer ways into the kernel are better. */
	write_text("/proc/sys/user/max_user_namespaces", "0");
	write_text("/proc/sys/kernel/unprivileged_bpf_disabled", "1");
	write_text("/proc/sys/kernel/dmesg_restrict", "1");
	write_text("/proc/sys/kernel/kptr_restrict", "2");
	write_text("/proc/sys/kernel/perf_event_paranoid", "3");
	wait_for("/dev/vda");
	must_mount("/dev/vda", SANDBOX_ROOT, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
	make_devices();
	/* Until a restore gives it another: what /etc/hosts in the image has. */
	if (sethostname(HOST_NAME, sizeof HOST_NAME - 1) < 0)
		fail("host name");
	group_open();
	network_up();
	make_process_namespace();
	return open_port();
}
