import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FilterArch, refusedSyscalls, seccompProgram } from './seccomp.js';
import { type SyscallName, syscallReviewedMax, syscalls } from './syscalls.js';

const allow = 0x7fff0000;
const kill = 0x80000000;
const errno = (number: number) => 0x50000 + number;
const audit = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Runs the program as the kernel does, on one `struct seccomp_data`. */
function verdict(program: Buffer, arch: number, call: number, argumentsGiven: readonly number[] = []): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call >>> 0, 0);
  data.writeUInt32LE(arch, 4);
  argumentsGiven.forEach((value, index) => {
    data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  });
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const operation = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean) => {
      at += program.readUInt8(at * 8 + (taken ? 2 : 3));
    };
    if (operation === 0x20) accumulator = data.readUInt32LE(value);
    else if (operation === 0x15) jump(accumulator === value);
    else if (operation === 0x25) jump(accumulator > value);
    else if (operation === 0x45) jump((accumulator & value) !== 0);
    else if (operation === 0x06) return value;
    else assert.fail(`unknown operation ${operation}`);
  }
  return assert.fail('the program has no end');
}

for (const arch of ['x64', 'arm64'] as const satisfies readonly FilterArch[]) {
  describe(`system call filter for ${arch}`, () => {
    const program = seccompProgram(arch);
    const number = (name: SyscallName) => syscalls[name][arch === 'x64' ? 0 : 1]!;
    const ask = (call: number, ...values: number[]) => verdict(program, audit[arch], call, values);

    it('refuses every named call and allows all others up to the last reviewed one', () => {
      const special = new Map<number, number>();
      for (const name of refusedSyscalls) if (number(name) !== null) special.set(number(name), errno(1));
      for (const name of ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'memfd_secret'] as const) {
        special.set(number(name), errno(38));
      }
      for (let call = 0; call <= syscallReviewedMax; call += 1) {
        assert.equal(ask(call), special.get(call) ?? allow, `call ${call}`);
      }
      assert.equal(ask(syscallReviewedMax + 1), errno(38));
    });

    it('judges some calls by their arguments', () => {
      for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
        assert.equal(ask(number('clone'), flag | 17), errno(1));
      }
      assert.equal(ask(number('clone'), 0x3d0f00), allow); // What a thread is made with.
      assert.equal(ask(number('ioctl'), 0, 0x5412), errno(1));
      assert.equal(ask(number('ioctl'), 0, 0x541c), errno(1));
      assert.equal(ask(number('ioctl'), 0, 0x5401), allow);
      assert.equal(ask(number('socket'), 2), allow);
      assert.equal(ask(number('socket'), 38), errno(97));
      assert.equal(ask(number('socket'), 40), errno(97));
      for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) assert.equal(ask(number('personality'), value), allow);
      assert.equal(ask(number('personality'), 0x40000), errno(1));
    });

    it('kills foreign architectures', () => {
      assert.equal(verdict(program, 0x40000003, 1), kill);
      assert.equal(verdict(program, audit[arch === 'x64' ? 'arm64' : 'x64'], 1), kill);
      if (arch === 'x64') assert.equal(ask(0x40000001), kill);
    });
  });
}
