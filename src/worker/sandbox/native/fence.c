/*
 * fence NETNS ADDRESS… -- program argument…
 *
 * Makes IPv4 addresses unreachable in another network namespace (a route of type `prohibit` each: EACCES), then
 * becomes the program, which stays in its own. Node can neither enter a namespace nor speak netlink.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel answers within the call; one that does not is broken. */
enum { ANSWER_S_MAX = 5 };

static void die(const char *what)
{
	fprintf(stderr, "hearth fence: %s: %s\n", what, strerror(errno));
	_exit(71); /* EX_OSERR */
}

static void prohibit(int netlink, const char *address)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		struct rtattr attribute;
		struct in_addr destination;
	} request;
	struct {
		struct nlmsghdr header;
		struct nlmsgerr result;
		char more[256];
	} answer;
	ssize_t got;

	memset(&request, 0, sizeof request);
	request.header.nlmsg_len = sizeof request;
	request.header.nlmsg_type = RTM_NEWROUTE;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	request.route.rtm_family = AF_INET;
	request.route.rtm_dst_len = 32;
	request.route.rtm_table = RT_TABLE_MAIN;
	request.route.rtm_protocol = RTPROT_STATIC;
	request.route.rtm_scope = RT_SCOPE_UNIVERSE;
	request.route.rtm_type = RTN_PROHIBIT;
	request.attribute.rta_len = RTA_LENGTH(sizeof request.destination);
	request.attribute.rta_type = RTA_DST;
	if (inet_pton(AF_INET, address, &request.destination) != 1) {
		errno = EINVAL;
		die(address);
	}
	if (send(netlink, &request, sizeof request, 0) != (ssize_t)sizeof request)
		die("send");
	got = recv(netlink, &answer, sizeof answer, 0);
	if (got < (ssize_t)sizeof answer.header + (ssize_t)sizeof answer.result.error)
		die("receive");
	if (answer.header.nlmsg_type != NLMSG_ERROR || answer.result.error != 0) {
		errno = answer.header.nlmsg_type == NLMSG_ERROR ? -answer.result.error : EPROTO;
		die(address);
	}
}

/* In a child: without the machine's root there is no way back. */
static void fence(const char *path, char **addresses, int count)
{
	struct timeval patience = { ANSWER_S_MAX, 0 };
	int space = open(path, O_RDONLY | O_CLOEXEC), netlink;
	if (space < 0 || setns(space, CLONE_NEWNET) < 0)
		die(path);
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0 || setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
		die("netlink");
	for (int at = 0; at < count; at += 1)
		prohibit(netlink, addresses[at]);
	_exit(0);
}

int main(int count, char **arguments)
{
	int at = 2, status;
	pid_t child;

	while (at < count && strcmp(arguments[at], "--") != 0)
		at += 1;
	if (at + 1 >= count) {
		errno = EINVAL;
		die("arguments");
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		fence(arguments[1], arguments + 2, at - 2);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		_exit(71);
	execv(arguments[at + 1], arguments + at + 1);
	die(arguments[at + 1]);
}
