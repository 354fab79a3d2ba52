/* Loopback, and the card with the fixed addresses that every machine has. */
#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent.h"

/* `guestNetwork` of src/vmm/vmm.ts. */
#define ADDRESS "10.0.3.15"
#define MASK "255.255.255.0"
#define GATEWAY "10.0.3.2"

static void set_address(struct sockaddr *to, const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(to, &address, sizeof address);
}

static void bring_up(int fd, struct ifreq *request)
{
	if (ioctl(fd, SIOCGIFFLAGS, request) < 0)
		fail(request->ifr_name);
	request->ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, request) < 0)
		fail(request->ifr_name);
}

void network_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	/* Off everywhere by the kernel's command line: eth0 has no IPv6, and would ask for it again and again. */
	write_text("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
	bring_up(fd, &request);
	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "eth0");
	if (ioctl(fd, SIOCGIFINDEX, &request) == 0) { /* Else a machine without network. */
		set_address(&request.ifr_addr, ADDRESS);
		if (ioctl(fd, SIOCSIFADDR, &request) < 0)
			fail("address of eth0");
		set_address(&request.ifr_netmask, MASK);
		if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
			fail("netmask of eth0");
		bring_up(fd, &request);
		set_address(&route.rt_dst, "0.0.0.0");
		set_address(&route.rt_genmask, "0.0.0.0");
		set_address(&route.rt_gateway, GATEWAY);
		if (ioctl(fd, SIOCADDRT, &route) < 0)
			fail("route");
	}
	close(fd);
}
