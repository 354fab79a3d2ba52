/* What a machine gets later: drives with the runtime, code, layers and /tmp; after a restore clock and entropy. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "agent.h"

/* RNDADDENTROPY takes any amount; the kernel's pool is 256 bits. */
enum { ENTROPY_BYTES_MAX = 512 };
/* Linux's: one less than its buffer has with the end. */
enum { HOST_NAME_BYTES_MAX = 64 };

/* The kernel may have read the drive before it had its contents, and would go on with what it read. */
static int forget_cached(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	int error = 0;
	if (fd < 0)
		return errno;
	if (ioctl(fd, BLKFLSBUF, 0) < 0)
		error = errno;
	close(fd);
	return error;
}

static int mount_drive(const char *device, const char *target, const char *type, unsigned long flags, const char *options)
{
	int error = forget_cached(device);
	if (error == 0 && mount(device, target, type, flags | MS_NOSUID | MS_NODEV, options) < 0)
		error = errno;
	return error;
}

static int show(const char *source, const char *target)
{
	if (access(source, F_OK) < 0)
		return 0;
	return mount(source, target, NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

/* The image holds the folders under the paths where programs see them. */
static int attach_runtime(void)
{
	int error;
	mkdir("/runtime", 0755);
	error = mount_drive("/dev/vdb", "/runtime", "erofs", MS_RDONLY, NULL);
	if (error == 0)
		error = show("/runtime/var/lang", SANDBOX_ROOT "/var/lang");
	if (error == 0)
		error = show("/runtime/var/runtime", SANDBOX_ROOT "/var/runtime");
	return error;
}

static int attach_scratch(void)
{
	/* What the file system did not need to be made, nobody shall write while the function starts. */
	int error = mount_drive("/dev/vde", SANDBOX_ROOT "/tmp", "ext4", MS_NOATIME, "noinit_itable");
	if (error != 0)
		return error;
	rmdir(SANDBOX_ROOT "/tmp/lost+found");
	if (chown(SANDBOX_ROOT "/tmp", SANDBOX_UID, SANDBOX_GID) < 0 || chmod(SANDBOX_ROOT "/tmp", 0700) < 0)
		return errno;
	return 0;
}

int machine_attach(uint32_t parts, uint32_t memory_mib, const char **what)
{
	int error = 0;

	if (!in_machine())
		return ENOSYS;
	if (parts & ATTACH_RUNTIME) {
		*what = "runtime image";
		error = attach_runtime();
	}
	if (error == 0 && parts & ATTACH_CODE) {
		*what = "code image";
		error = mount_drive("/dev/vdc", SANDBOX_ROOT "/var/task", "erofs", MS_RDONLY, NULL);
	}
	if (error == 0 && parts & ATTACH_LAYERS) {
		*what = "layers image";
		error = mount_drive("/dev/vdd", SANDBOX_ROOT "/opt", "erofs", MS_RDONLY, NULL);
	}
	if (error == 0 && parts & ATTACH_SCRATCH) {
		*what = "scratch image";
		error = attach_scratch();
	}
	if (error == 0 && parts & ATTACH_LIMIT) {
		*what = "memory limit";
		error = group_limit(memory_mib);
	}
	return error;
}

void machine_sync(void)
{
	int fd = in_machine() ? open(SANDBOX_ROOT "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	syncfs(fd);
	close(fd);
}

/* Opened once, and never closed: every clone that wakes up comes through here, emulated for milliseconds. */
static int opened(int *fd, const char *path, int flags)
{
	if (*fd < 0)
		*fd = open(path, flags | O_CLOEXEC, 0644);
	return *fd < 0 ? errno : 0;
}

static int add_entropy(const uint8_t *entropy, size_t bytes)
{
	static int fd = -1;
	struct {
		struct rand_pool_info info;
		uint8_t bytes[ENTROPY_BYTES_MAX];
	} pool;
	int error = opened(&fd, "/dev/urandom", O_WRONLY);

	if (error != 0)
		return error;
	pool.info.entropy_count = (int)bytes * 8;
	pool.info.buf_size = (int)bytes;
	memcpy(pool.info.buf, entropy, bytes);
	/* Mixed into the pool; and then at once into what every processor draws from. */
	return ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0 ? errno : 0;
}

/* A small file of ours that programs are shown in place of another one. */
struct shown {
	const char *path, *target;
	int fd;
	size_t bytes;
};

static int write_shown(struct shown *file, const char *text, size_t bytes)
{
	bool first = file->fd < 0;
	int error = opened(&file->fd, file->path, O_WRONLY | O_CREAT);

	if (error != 0)
		return error;
	if (pwrite(file->fd, text, bytes, 0) != (ssize_t)bytes)
		return EIO;
	if (bytes < file->bytes && ftruncate(file->fd, (off_t)bytes) < 0)
		return errno;
	file->bytes = bytes;
	return first && mount(file->path, file->target, NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

/* The kernel keeps its boot id as long as it runs, which a restore does not end: programs are shown another. */
static int renew_boot_id(void)
{
	static struct shown file = { "/boot_id", SANDBOX_ROOT "/proc/sys/kernel/random/boot_id", -1, 0 };
	static const char hex[] = "0123456789abcdef";
	uint8_t random[16];
	char text[37];
	size_t at = 0;

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return EIO;
	/* As the kernel's: version 4 of RFC 9562. */
	random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
	random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i += 1) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		text[at++] = hex[random[i] >> 4];
		text[at++] = hex[random[i] & 15];
	}
	text[at++] = '\n';
	return write_shown(&file, text, at);
}

/* A program that looks its own host name up finds it. */
static int set_host_name(const char *name)
{
	static struct shown file = { "/hosts", SANDBOX_ROOT "/etc/hosts", -1, 0 };
	static const char before[] = "127.0.0.1 localhost\n127.0.0.1 sandbox.localdomain sandbox\n127.0.0.1 ";
	char text[sizeof before + HOST_NAME_BYTES_MAX + 1];
	size_t bytes = strlen(name);

	if (bytes > HOST_NAME_BYTES_MAX)
		return ENAMETOOLONG;
	if (sethostname(name, bytes) < 0)
		return errno;
	memcpy(text, before, sizeof before - 1);
	memcpy(text + sizeof before - 1, name, bytes);
	text[sizeof before - 1 + bytes] = '\n';
	return write_shown(&file, text, sizeof before + bytes);
}

int machine_renew(uint64_t clock_ns, const char *host_name, const uint8_t *entropy, size_t bytes, const char **what)
{
	int error = 0;

	if (!in_machine())
		return 0;
	if (bytes > ENTROPY_BYTES_MAX)
		return EMSGSIZE;
	if (bytes > 0) {
		*what = "entropy";
		error = add_entropy(entropy, bytes);
		if (error == 0) {
			*what = "boot id";
			error = renew_boot_id();
		}
	}
	if (error == 0 && clock_ns > 0) {
		struct timespec clock = { (time_t)(clock_ns / 1000000000), (long)(clock_ns % 1000000000) };
		*what = "clock";
		if (clock_settime(CLOCK_REALTIME, &clock) < 0)
			error = errno;
	}
	if (error == 0 && host_name[0] != '\0') {
		*what = "host name";
		error = set_host_name(host_name);
	}
	return error;
}
