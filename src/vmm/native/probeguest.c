/*
 * Only program of the guest that proves whether hardware virtualization works here: says so on the console and powers
 * the machine off. In C because it is the first process of its kernel.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	static const char line[] = "hearth probe: a process runs\n";
	int fd;
	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/ttyS0", O_WRONLY);
	if (fd >= 0 && write(fd, line, sizeof line - 1) > 0)
		fsync(fd);
	reboot(RB_POWER_OFF);
	return 1;
}
