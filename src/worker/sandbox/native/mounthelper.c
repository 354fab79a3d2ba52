/*
 * Performs mounts for the worker, which would otherwise start mount(8) for each. Runs in the worker's private mount
 * namespace and ends with its standard input.
 *
 * One command a line; fields end with NUL, the line with '\n' (so a path may hold anything but those two):
 *   shared  PATH                    tmpfs at PATH, propagating into sandboxes
 *   bind    SOURCE TARGET           read-only, nosuid, nodev from its first moment
 *   repeat  SOURCE TARGET           one more place for a mount of ours, with the restrictions it has
 *   tmpfs   TARGET MIB UID GID
 *   loop    IMAGE TARGET            attach to a free loop device, mount as ext4, unlink the image
 *   copy    SOURCE TARGET           new sparse file: copies only where the source has data
 *   fifo    PATH UID                new pipe that this user may open again (by /dev/stdout)
 *   umount  TARGET                  detached: goes when its last user does
 * Answers, in order: "ok\n", or "ERRNO what: message\n".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { FIELDS_MAX = 8, LOOP_TRIES_MAX = 64 };

static const char *failed; /* What failed, for the answer; errno says how. */

static int fail(const char *what)
{
	failed = what;
	return -1;
}

/* Flags of the source that a less privileged mount namespace may not drop. */
static unsigned long locked_flags(const char *path)
{
	struct statvfs info;
	unsigned long flags = 0;
	if (statvfs(path, &info) < 0)
		return 0;
	if (info.f_flag & ST_RDONLY)
		flags |= MS_RDONLY;
	if (info.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	if (info.f_flag & ST_NOATIME)
		flags |= MS_NOATIME;
	if (info.f_flag & ST_NODIRATIME)
		flags |= MS_NODIRATIME;
	if (info.f_flag & ST_RELATIME)
		flags |= MS_RELATIME;
	return flags;
}

/*
 * A bind mount is born with its source's flags, and a later remount does not propagate into sandboxes. So the
 * restricted mount is made at a staging point first, and bound from there.
 */
static int bind_mount(const char *staging, const char *source, const char *target)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_RDONLY;
	struct stat info;
	char stage[4096];
	int result = 0;

	if (stat(source, &info) < 0)
		return fail(source);
	snprintf(stage, sizeof stage, "%s/%s", staging, S_ISDIR(info.st_mode) ? "directory" : "file");
	if (mount(source, stage, NULL, MS_BIND, NULL) < 0)
		return fail(source);
	if (mount(NULL, stage, NULL, flags | locked_flags(stage), NULL) < 0)
		result = fail("restrict");
	else if (mount(stage, target, NULL, MS_BIND, NULL) < 0)
		result = fail(target);
	if (result < 0) {
		int reason = errno;
		umount2(stage, MNT_DETACH);
		errno = reason;
		return result;
	}
	if (umount2(stage, MNT_DETACH) < 0)
		return fail(stage);
	return 0;
}

static int make_staging(const char *staging)
{
	char path[4096];
	int fd;
	if (mkdir(staging, 0700) < 0 && errno != EEXIST)
		return fail(staging);
	snprintf(path, sizeof path, "%s/directory", staging);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail("staging directory");
	snprintf(path, sizeof path, "%s/file", staging);
	fd = open(path, O_CREAT | O_CLOEXEC | O_RDONLY, 0600);
	if (fd < 0)
		return fail("staging file");
	close(fd);
	/* Private, so that staging mounts stay out of every sandbox and cost no propagation. */
	if (mount(staging, staging, NULL, MS_BIND, NULL) < 0 || mount(NULL, staging, NULL, MS_PRIVATE, NULL) < 0)
		return fail("staging mount");
	return 0;
}

static int tmpfs_mount(const char *target, const char *mib, const char *uid, const char *gid)
{
	char options[128];
	snprintf(options, sizeof options, "size=%sm,mode=0700,uid=%s,gid=%s", mib, uid, gid);
	return mount("hearth-tmp", target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? fail(target) : 0;
}

/* Another process can take the free device between the question and the attachment: ask again. */
static int attach(int image, char *device, size_t device_bytes)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return fail("/dev/loop-control");
	for (int tries = 0; tries < LOOP_TRIES_MAX; tries++) {
		struct loop_config config;
		int fd, number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(device, device_bytes, "/dev/loop%d", number);
		fd = open(device, O_RDWR | O_CLOEXEC);
		/* In a container /dev is often a copy from before the device. Block major 7: loop (devices.txt). */
		if (fd < 0 && errno == ENOENT && mknod(device, S_IFBLK | 0600, makedev(7, (unsigned)number)) == 0)
			fd = open(device, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			break;
		/* One step, so that being killed between two never leaves a device that does not free itself. */
		memset(&config, 0, sizeof config);
		config.fd = (unsigned)image;
		config.info.lo_flags = LO_FLAGS_AUTOCLEAR; /* The device frees itself with its last user. */
		snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "hearth");
		if (ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
			int reason = errno;
			close(fd);
			if (reason == EBUSY)
				continue;
			errno = reason;
			break;
		}
		close(control);
		return fd;
	}
	{
		int reason = errno;
		close(control);
		errno = reason;
	}
	return fail("loop device");
}

static int copy_data(int from, int to, off_t bytes)
{
	for (off_t at = 0; at < bytes;) {
		off_t start = lseek(from, at, SEEK_DATA), end;
		if (start < 0)
			return errno == ENXIO ? 0 : -1; /* Nothing but a hole follows. */
		end = lseek(from, start, SEEK_HOLE);
		if (end < 0 || lseek(from, start, SEEK_SET) < 0 || lseek(to, start, SEEK_SET) < 0)
			return -1;
		for (at = start; at < end;) {
			ssize_t count = sendfile(to, from, NULL, (size_t)(end - at));
			if (count <= 0)
				return -1;
			at += count;
		}
	}
	return 0;
}

static int copy_sparse(const char *source, const char *target)
{
	struct stat info;
	int to, result, from = open(source, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return fail(source);
	to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	result = to < 0 || fstat(from, &info) < 0 || ftruncate(to, info.st_size) < 0 ||
		 copy_data(from, to, info.st_size) < 0
		? fail(target)
		: 0;
	close(from);
	if (to >= 0)
		close(to);
	return result;
}

static int loop_mount(const char *image, const char *target)
{
	char device[64];
	int result = 0, loop, file = open(image, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return fail(image);
	loop = attach(file, device, sizeof device);
	unlink(image);
	close(file);
	if (loop < 0)
		return -1;
	/* Scratch data is worth nothing after a crash: no barriers, no access times. */
	if (mount(device, target, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "nobarrier") < 0)
		result = fail(target);
	close(loop);
	return result;
}

static int perform(char **field, int count)
{
	static char staging[4000];
	const char *command = count > 0 ? field[0] : "";

	errno = EINVAL;
	if (strcmp(command, "shared") == 0 && count == 2) {
		if (mount("hearth", field[1], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
			return fail(field[1]);
		if (mount(NULL, field[1], NULL, MS_SHARED, NULL) < 0)
			return fail("make shared");
		snprintf(staging, sizeof staging, "%s/staging", field[1]);
		return make_staging(staging);
	}
	if (strcmp(command, "bind") == 0 && count == 3)
		return bind_mount(staging, field[1], field[2]);
	if (strcmp(command, "repeat") == 0 && count == 3)
		return mount(field[1], field[2], NULL, MS_BIND, NULL) < 0 ? fail(field[2]) : 0;
	if (strcmp(command, "tmpfs") == 0 && count == 5)
		return tmpfs_mount(field[1], field[2], field[3], field[4]);
	if (strcmp(command, "loop") == 0 && count == 3)
		return loop_mount(field[1], field[2]);
	if (strcmp(command, "copy") == 0 && count == 3)
		return copy_sparse(field[1], field[2]);
	if (strcmp(command, "fifo") == 0 && count == 3) {
		uid_t uid = (uid_t)strtoul(field[2], NULL, 10);
		return mkfifo(field[1], 0600) < 0 || lchown(field[1], uid, uid) < 0 ? fail(field[1]) : 0;
	}
	if (strcmp(command, "umount") == 0 && count == 2)
		return umount2(field[1], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? fail(field[1]) : 0;
	return fail("unknown command");
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;

	/* Ends with its input; this is for the moment in which it is busy then. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	while ((bytes = getline(&line, &room, stdin)) > 0) {
		char *field[FIELDS_MAX];
		int count = 0;
		for (char *at = line, *end = line + bytes - 1; at < end && count < FIELDS_MAX; at += strlen(at) + 1)
			field[count++] = at;
		if (perform(field, count) < 0)
			printf("%d %s: %s\n", errno, failed, strerror(errno));
		else
			printf("ok\n");
		if (fflush(stdout) == EOF)
			break;
	}
	return 0;
}
