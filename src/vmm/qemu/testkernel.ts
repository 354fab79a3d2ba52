/**
 * For tests: the smallest kernel that a monitor starts, in the Multiboot format (specification 0.6.96, section 3.1).
 * It loops forever; the processor has work without end.
 */
export function loopKernel(): Buffer {
  const magic = 0x1bad_b002;
  /** Addresses follow in the header. */
  const flags = 0x0001_0000;
  const base = 0x10_0000;
  const code = 32;
  const bytes = 4096;
  const kernel = Buffer.alloc(bytes);
  const checksum = -(magic + flags) >>> 0;
  const addresses = [base, base, base + bytes, base + bytes, base + code];
  [magic, flags, checksum, ...addresses].forEach((value, index) => {
    kernel.writeUInt32LE(value, 4 * index);
  });
  kernel.set([0xeb, 0xfe], code); // jmp to itself
  return kernel;
}
