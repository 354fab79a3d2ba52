/*
 * First process of the guest that the monitors' contract suite boots: loads the modules, opens the port named `hearth`
 * and answers one line with one line. In C because it must be the only program of its guest.
 *
 *   echo TEXT         TEXT
 *   fill SEED PAGES   overwrites PAGES pages (at most 16,384) of its memory by SEED; their checksum
 *   sum               checksum of all that memory
 *   size N            bytes of drive N (0 is vda)
 *   read N OFFSET     24 characters of drive N there
 *   write N OFFSET TEXT   written and flushed: `ok`
 *   burn              from now on a child process uses up the processor: `ok`
 *   connect IP PORT   `ok`, or the error's number
 *   off               powers the machine off
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES_MAX 16384UL

static uint64_t *arena;

/* In the order of the list that comes with them. */
static void load_modules(void)
{
	char name[256];
	FILE *order = fopen("/modules/order", "r");
	while (order && fgets(name, sizeof name, order)) {
		char path[512];
		int fd;
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof path, "/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, "", 0) < 0)
			printf("module %s: %s\n", path, strerror(errno));
		close(fd);
	}
	if (order)
		fclose(order);
}

/* Opens the port whose name the host chose; it appears some time after the module. */
static int open_port(void)
{
	for (;;) {
		DIR *ports = opendir("/sys/class/virtio-ports");
		struct dirent *entry;
		while (ports && (entry = readdir(ports))) {
			char path[512], name[32] = "";
			FILE *file;
			int fd;
			snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
			file = fopen(path, "r");
			if (!file)
				continue;
			if (!fgets(name, sizeof name, file))
				name[0] = '\0';
			fclose(file);
			if (strcmp(name, "hearth\n") != 0)
				continue;
			snprintf(path, sizeof path, "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd >= 0) {
				closedir(ports);
				return fd;
			}
		}
		if (ports)
			closedir(ports);
		usleep(2000);
	}
}

static void network(void)
{
	struct ifreq request = { .ifr_name = "eth0" };
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = inet_addr("10.0.3.15");
	if (ioctl(fd, SIOCSIFADDR, &request) == 0) {
		address->sin_addr.s_addr = inet_addr("255.255.255.0");
		ioctl(fd, SIOCSIFNETMASK, &request);
		request.ifr_flags = IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &request);
		((struct sockaddr_in *)&route.rt_dst)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_genmask)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_gateway)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_gateway)->sin_addr.s_addr = inet_addr("10.0.3.2");
		ioctl(fd, SIOCADDRT, &route);
	}
	close(fd);
}

static int dial(const char *ip, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct timeval wait = { .tv_sec = 3 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), problem = 0;
	char byte;
	to.sin_addr.s_addr = inet_addr(ip);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	/* User-mode networks accept first and learn later: only a byte from the other end proves it is there. */
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		problem = errno;
	else if (read(fd, &byte, 1) != 1)
		problem = ECONNRESET;
	close(fd);
	return problem;
}

static uint64_t sum(void)
{
	uint64_t total = 14695981039346656037UL;
	for (size_t at = 0; at < PAGES_MAX * PAGE / 8; at++)
		total = (total ^ arena[at]) * 1099511628211UL;
	return total;
}

static int drive(int number, int flags)
{
	char path[] = "/dev/vda";
	path[7] = (char)('a' + number);
	return open(path, flags | O_CLOEXEC);
}

static void answer(char *line, char *reply, size_t room)
{
	unsigned long first = 0, second = 0;
	char word[64] = "", text[64] = "";
	if (strncmp(line, "echo ", 5) == 0) {
		snprintf(reply, room, "%s", line + 5);
	} else if (sscanf(line, "fill %lu %lu", &first, &second) == 2 && second <= PAGES_MAX) {
		for (size_t at = 0; at < second * PAGE / 8; at++)
			arena[at] = (at + 1) * (first + 1) * 0x9e3779b97f4a7c15UL;
		snprintf(reply, room, "%016lx", sum());
	} else if (strcmp(line, "sum") == 0) {
		snprintf(reply, room, "%016lx", sum());
	} else if (sscanf(line, "size %lu", &first) == 1) {
		uint64_t bytes = 0;
		int fd = drive((int)first, O_RDONLY);
		ioctl(fd, BLKGETSIZE64, &bytes);
		close(fd);
		snprintf(reply, room, "%lu", bytes);
	} else if (sscanf(line, "read %lu %lu", &first, &second) == 2) {
		int fd = drive((int)first, O_RDONLY);
		ioctl(fd, BLKFLSBUF, 0);
		if (pread(fd, text, 24, (off_t)second) < 0)
			snprintf(text, sizeof text, "errno %d", errno);
		close(fd);
		snprintf(reply, room, "%s", text);
	} else if (sscanf(line, "write %lu %lu %63s", &first, &second, word) == 3) {
		int fd = drive((int)first, O_RDWR);
		if (fd < 0 || pwrite(fd, word, strlen(word), (off_t)second) < 0 || fsync(fd) < 0)
			snprintf(reply, room, "errno %d", errno);
		else
			snprintf(reply, room, "ok");
		close(fd);
	} else if (strcmp(line, "burn") == 0) {
		if (fork() == 0)
			for (volatile unsigned long turns = 0;; turns++)
				;
		snprintf(reply, room, "ok");
	} else if (sscanf(line, "connect %63s %lu", word, &first) == 2) {
		int problem = dial(word, (int)first);
		snprintf(reply, room, problem ? "%d" : "ok", problem);
	} else if (strcmp(line, "off") == 0) {
		reboot(RB_POWER_OFF);
	} else {
		snprintf(reply, room, "what?");
	}
}

int main(void)
{
	static char line[4096], reply[4200];
	size_t bytes = 0;
	int port;

	mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	/* Nothing was open: there was no console device when we were started. */
	for (int fd = 0; fd < 3; fd++)
		if (open("/dev/console", O_RDWR) < 0)
			reboot(RB_POWER_OFF);
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("hearth test guest\n");
	arena = mmap(NULL, PAGES_MAX * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	load_modules();
	network();
	port = open_port();
	write(port, "ready\n", 6);
	for (;;) {
		char *end;
		/* Without a listener on the host a read answers 0 at once. */
		struct pollfd wait = { .fd = port, .events = POLLIN };
		ssize_t got;
		poll(&wait, 1, -1);
		got = read(port, line + bytes, sizeof line - 1 - bytes);
		if (got <= 0) {
			usleep(1000);
			continue;
		}
		bytes += (size_t)got;
		line[bytes] = '\0';
		while ((end = strchr(line, '\n'))) {
			size_t length;
			*end = '\0';
			answer(line, reply, sizeof reply - 2);
			length = strlen(reply);
			reply[length++] = '\n';
			if (write(port, reply, length) < 0)
				printf("write: %s\n", strerror(errno));
			bytes -= (size_t)(end + 1 - line);
			memmove(line, end + 1, bytes + 1);
		}
		if (bytes == sizeof line - 1)
			bytes = 0;
	}
}
