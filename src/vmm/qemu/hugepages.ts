import type { FilterArch } from '../../worker/sandbox/process/seccomp.js';

/** Constants of linux/filter.h, linux/seccomp.h, asm-generic/errno-base.h, asm-generic/mman-common.h, unistd.h. */
const loadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS
const jumpEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const returnValue = 0x06; // BPF_RET | BPF_K
const refuse = 0x00050000 | 22; // SECCOMP_RET_ERRNO | EINVAL
const MADV_HUGEPAGE = 14;
const madvise = { x64: 28, arm64: 233 } as const;
/** Offsets in `struct seccomp_data`: the call's number, the low word of its third argument. */
const numberOffset = 0;
const adviceOffset = 16 + 2 * 8;

/**
 * Beginning of a system call filter (the rest follows): the monitor cannot ask for huge pages for the guest's memory,
 * as QEMU does without asking. For a file so marked the kernel reads 4 MiB at a fault, where one page was touched. It is
 * answered as by a kernel without huge pages, which QEMU takes.
 */
export function withoutHugePages(arch: FilterArch): Buffer {
  const code: readonly (readonly [operation: number, jumpTrue: number, jumpFalse: number, value: number])[] = [
    [loadWord, 0, 0, numberOffset],
    [jumpEqual, 0, 3, madvise[arch]],
    [loadWord, 0, 0, adviceOffset],
    [jumpEqual, 0, 1, MADV_HUGEPAGE],
    [returnValue, 0, 0, refuse],
  ];
  const program = Buffer.alloc(code.length * 8);
  code.forEach(([operation, jumpTrue, jumpFalse, value], index) => {
    program.writeUInt16LE(operation, index * 8);
    program.writeUInt8(jumpTrue, index * 8 + 2);
    program.writeUInt8(jumpFalse, index * 8 + 3);
    program.writeUInt32LE(value, index * 8 + 4);
  });
  return program;
}
