import { type SyscallName, syscallReviewedMax, syscalls } from './syscalls.js';

/** Constants of linux/filter.h, linux/seccomp.h, linux/audit.h, linux/sched.h, asm-generic/errno*.h, ioctls.h. */
const loadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS
const jumpEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const jumpGreater = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const jumpAnyBit = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const returnValue = 0x06; // BPF_RET | BPF_K
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const errno = (number: number): number => 0x00050000 | number;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const auditArch = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
/** Set in the numbers of the x32 interface, which shares x86_64's audit value. */
const x32Bit = 0x40000000;
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}. */
const namespaceFlags = 0x7e020000;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const AF_ALG = 38;
const AF_VSOCK = 40;
/** personality(2): Linux, 32-bit layout limits, UNAME26 combinations, and "only tell me" (as Docker allows). */
const personalitiesAllowed = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** Offsets in `struct seccomp_data`; arguments are 64 bits, little-endian: the low word comes first. */
const numberOffset = 0;
const archOffset = 4;
const argumentOffset = (index: number): number => 16 + 8 * index;

export type FilterArch = keyof typeof auditArch;

/** Answered with "no such call", so that libraries fall back (glibc from clone3 to clone, libuv from io_uring). */
const absent: readonly SyscallName[] = [
  'clone3',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
  'memfd_secret',
];
const byArgument: readonly SyscallName[] = ['clone', 'ioctl', 'socket', 'personality'];

/** Names refused with EPERM, whatever their arguments. */
export const refusedSyscalls: readonly SyscallName[] = (Object.keys(syscalls) as SyscallName[]).filter(
  (name) => !absent.includes(name) && !byArgument.includes(name),
);

/**
 * The sandbox's system call filter as a classic BPF program (array of `struct sock_filter`), for `bwrap --seccomp`.
 * A foreign architecture or the x32 interface kills the process; the kernel caches what is allowed by number alone.
 */
export function seccompProgram(arch: FilterArch): Buffer {
  const code: [number, number, number, number][] = [];
  const emit = (operation: number, value: number, jumpTrue = 0, jumpFalse = 0) =>
    code.push([operation, jumpTrue, jumpFalse, value]);
  const number = (name: SyscallName): number | null => syscalls[name][arch === 'x64' ? 0 : 1];
  /** Runs `body`, which must end with a return, only for this system call. */
  const forCall = (name: SyscallName, body: () => void) => {
    const call = number(name);
    if (call === null) return;
    const jump = emit(jumpEqual, call, 0, 0) - 1;
    body();
    code[jump]![2] = code.length - jump - 1;
  };

  emit(loadWord, archOffset);
  emit(jumpEqual, auditArch[arch], 1, 0);
  emit(returnValue, killProcess);
  emit(loadWord, numberOffset);
  if (arch === 'x64') {
    emit(jumpAnyBit, x32Bit, 0, 1);
    emit(returnValue, killProcess);
  }
  emit(jumpGreater, syscallReviewedMax, 0, 1);
  emit(returnValue, errno(ENOSYS));
  for (const name of refusedSyscalls) forCall(name, () => emit(returnValue, errno(EPERM)));
  for (const name of absent) forCall(name, () => emit(returnValue, errno(ENOSYS)));
  forCall('clone', () => {
    emit(loadWord, argumentOffset(0));
    emit(jumpAnyBit, namespaceFlags, 0, 1);
    emit(returnValue, errno(EPERM));
    emit(returnValue, allow);
  });
  forCall('ioctl', () => {
    emit(loadWord, argumentOffset(1));
    emit(jumpEqual, TIOCSTI, 1, 0);
    emit(jumpEqual, TIOCLINUX, 0, 1);
    emit(returnValue, errno(EPERM));
    emit(returnValue, allow);
  });
  forCall('socket', () => {
    emit(loadWord, argumentOffset(0));
    emit(jumpEqual, AF_ALG, 1, 0);
    emit(jumpEqual, AF_VSOCK, 0, 1);
    emit(returnValue, errno(EAFNOSUPPORT));
    emit(returnValue, allow);
  });
  forCall('personality', () => {
    emit(loadWord, argumentOffset(0));
    personalitiesAllowed.forEach((value, index) => {
      emit(jumpEqual, value, personalitiesAllowed.length - index, 0);
    });
    emit(returnValue, errno(EPERM));
    emit(returnValue, allow);
  });
  emit(returnValue, allow);

  const bytes = Buffer.alloc(code.length * 8);
  code.forEach(([operation, jumpTrue, jumpFalse, value], index) => {
    bytes.writeUInt16LE(operation, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  });
  return bytes;
}
