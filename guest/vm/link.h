/*
 * The guest link: what the agent in a virtual machine and the worker say to each other over one byte stream, the
 * virtio-serial port `hearth`. The other side: src/worker/sandbox/microvm/linkframes.ts, which has the same numbers
 * (linkframes.test.ts compares them).
 *
 * Frames. u32 little-endian: bytes of the body (lowest 24 bits) and type (highest 8 bits); u32 stream; body.
 *
 *   OPEN    u16 port     a new stream. From the agent: a program has connected to the Runtime API (even numbers from
 *                        FIRST_GUEST_STREAM on); from the worker: connect to this port of the guest's loopback (odd
 *                        numbers from FIRST_HOST_STREAM on). Numbers are never used again.
 *   OPENED               the agent's answer: somebody listened. Else RESET.
 *   DATA    bytes        at most DATA_BYTES_MAX, and at most as many as the receiver's credit allows
 *   CREDIT  u32 bytes    so many more may be sent to whom sends this. Each side of a stream begins with WINDOW_BYTES.
 *   END                  no more data in this direction
 *   RESET                the stream is over in both directions; what was on its way is dropped
 *
 * Frames for a stream that is over are dropped. Streams that exist from the start: 0 control (no credit: both sides
 * take its messages at once), 1 channel (descriptor 3 of the runtime), 2 stdout and 3 stderr of the runtime, 4 output
 * of extensions (2 to 4: from the agent only).
 *
 * Control messages, cut out of stream 0's bytes: u32 bytes of the rest, u8 type, body.
 *
 *   from the worker                                             answered by
 *   START   a start message (../agent/program.h); extensions are numbered from 1 in their order, the runtime is 0
 *   SIGNAL  u8 program, u8 signal; SIGKILL goes to everything the program started, too
 *   ATTACH  u32 what (bits below), u32 memory limit in MiB      DONE
 *   QUIESCE programs stop, /tmp is written out, nothing is sent after the answer
 *              DONE
 *   RESUME  u64 wall clock in nanoseconds (0: keep), u16 bytes of the host name (0: keep), host name, entropy: clock
 *           and random generators are set, then programs go on  DONE
 *
 *   from the agent
 *   HELLO   u32 VERSION, first message
 *   DONE    u8 type of the request, u32 errno (0: done), text
 *   EXIT    u8 program, u8 signal (0: none), u8 out of memory, i32 status (-1: ended by a signal)
 *   PEAK    u64 bytes: highest memory use of the programs; sent before the data that follow when it has changed
 */
#ifndef HEARTH_LINK_H
#define HEARTH_LINK_H

enum link_frame { FRAME_OPEN = 1, FRAME_OPENED, FRAME_DATA, FRAME_CREDIT, FRAME_END, FRAME_RESET };

enum link_stream {
	STREAM_CONTROL,
	STREAM_CHANNEL,
	STREAM_STDOUT,
	STREAM_STDERR,
	STREAM_EXTENSIONS,
	FIRST_GUEST_STREAM = 16,
	FIRST_HOST_STREAM = 17
};

enum link_request {
	REQUEST_START = 0x01,
	REQUEST_SIGNAL = 0x02,
	REQUEST_ATTACH = 0x03,
	REQUEST_QUIESCE = 0x04,
	REQUEST_RESUME = 0x05
};

enum link_report { REPORT_HELLO = 0x41, REPORT_DONE = 0x42, REPORT_EXIT = 0x43, REPORT_PEAK = 0x44 };

/* What an ATTACH attaches. */
enum link_attach { ATTACH_RUNTIME = 1, ATTACH_CODE = 2, ATTACH_LAYERS = 4, ATTACH_SCRATCH = 8, ATTACH_LIMIT = 16 };

enum { LINK_VERSION = 1 };
enum { FRAME_HEAD_BYTES = 8 };
/* Two of the pieces that virtio-console moves at once. */
enum { DATA_BYTES_MAX = 65536 };
/* Twice a unix socket's usual buffer; a 6 MiB payload waits for credit 24 times. */
enum { WINDOW_BYTES = 262144 };
/* The start message (1 MiB) and its heads; everything else is smaller. */
enum { CONTROL_BYTES_MAX = (1 << 20) + 64 };
/* Connections at once. The Runtime API takes 32, the rest is for connections from outside. */
enum { CONNECTIONS_MAX = 64 };

#endif
