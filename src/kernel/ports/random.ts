/** Randomness as a port: cryptographic in production, seeded in the simulator. */
export interface Random {
  /** A UUID v4 in lower case. */
  uuid(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `count` random bytes as lower-case hex. */
  hex(count: number): string;
}
