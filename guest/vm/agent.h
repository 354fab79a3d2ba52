/* What the files of the virtual machine's agent know of each other. `main.c` says what it does. */
#ifndef HEARTH_VM_AGENT_H
#define HEARTH_VM_AGENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../agent/program.h"
#include "link.h"

enum { SANDBOX_UID = 993, SANDBOX_GID = 990 };
#define SANDBOX_ROOT "/sandbox"

/* main.c: says what failed and ends the agent; as process 1 this ends the machine. */
void fail(const char *what) __attribute__((noreturn));
/* Monotonic. */
uint64_t now_ms(void);

/* frames.c: the port's two directions. */
void link_open(int fd);
int link_fd(void);
/* Whether there is room for a full DATA frame besides what control may need. */
bool link_has_room(void);
void link_send(enum link_frame type, uint32_t stream, const void *body, uint32_t bytes);
/* Where the body of the next DATA frame goes, DATA_BYTES_MAX bytes of it; sent by `link_data_done`. */
uint8_t *link_data_room(void);
void link_data_done(uint32_t stream, uint32_t bytes);
void report(enum link_report type, const void *body, uint32_t bytes);
/* Writes what the port takes now. */
void link_flush(void);
bool link_has_output(void);
/* Reads what the port has; false: nobody is connected at the other end. */
bool link_receive(void);

/* streams.c: streams between the link and descriptors. */
struct stream;
/* Data read from `in` go to the worker, its data are written to `out`; -1: not in this direction. */
struct stream *stream_add(uint32_t id, int in, int out);
struct stream *stream_find(uint32_t id);
void stream_frame(enum link_frame type, uint32_t id, const uint8_t *body, uint32_t bytes);
/* Fills `polls` (room for STREAM_POLLS) with what to wait for; `stream_pump` is then to be called with the same. */
enum { STREAM_POLLS = 2 * (CONNECTIONS_MAX + STREAM_EXTENSIONS + 1) };
size_t stream_polls(struct pollfd *polls);
void stream_pump(const struct pollfd *polls);
/* Nothing more to read from it now, or it is over. */
bool stream_dry(uint32_t id);
/* Makes `stream_dry` mean: since now. */
void stream_wet(uint32_t id);
/* Ends the direction to the worker and from it. */
void stream_end(uint32_t id);
/* Its descriptor is still connecting: OPENED or RESET follows. */
void stream_connecting(struct stream *stream);
size_t stream_connections(void);

/* connections.c: the Runtime API's listener, and connections that the worker asks for. */
void listen_on_loopback(int port);
int listener_fd(void);
void accept_connections(void);
void connect_stream(uint32_t id, uint16_t port);

/* programs.c: the runtime and its extensions. */
int programs_open(void);
/* Room for streams 1 to 3 of the runtime. */
void programs_start(const struct program *program);
void programs_signal(int program, int name);
/* Outside of a machine: ends them all. */
void programs_abandon(void);
/* After the descriptor of `programs_open` became readable. */
void programs_reap(void);
/* Reports ends whose output has been sent. Returns how long to wait at most for the next, ms; -1: forever. */
int programs_settle(void);

/* control.c */
void control_bytes(const uint8_t *bytes, uint32_t count);
/* Between QUIESCE and RESUME: only the link is listened to. */
bool quiet(void);
/* Sends PEAK when it has changed. */
void report_peak(void);

/* machine.c, attach.c, network.c, group.c: only in a virtual machine; `machine_boot` was called then. */
bool in_machine(void);
/* A setting of the kernel; one that it does not have is left alone. */
void write_text(const char *path, const char *text);
/* Mounts, modules, network; returns the port. */
int machine_boot(void);
/* Returns 0 or an error; `what` then says of which part. */
int machine_attach(uint32_t parts, uint32_t memory_mib, const char **what);
int machine_renew(uint64_t clock_ns, const char *host_name, const uint8_t *entropy, size_t bytes, const char **what);
/* Writes /tmp out. */
void machine_sync(void);
void network_up(void);
void group_open(void);
/* In a child: enters the group of the programs. */
void group_enter(void);
int group_limit(uint32_t memory_mib);
/* Returns when every program stands still: 0, or the error; nothing is frozen then. */
int group_freeze(bool frozen);
bool group_out_of_memory(void);
uint64_t group_peak_bytes(void);

#endif
