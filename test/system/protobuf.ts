import assert from 'node:assert/strict';

/**
 * A message of Protocol Buffers, by the numbers of its fields (protobuf.dev, "Encoding"). Throws for what is no message;
 * fields that nobody asks for are passed over.
 */
export class Message {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  constructor(bytes: Buffer) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at];
        assert.ok(byte !== undefined && shift < 70n, 'a number that has an end');
        at += 1;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const taken = (count: number): Buffer => {
      assert.ok(at + count <= bytes.length, 'a field that has an end');
      at += count;
      return bytes.subarray(at - count, at);
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const values = this.#fields.get(tag >> 3) ?? [];
      this.#fields.set(tag >> 3, values);
      switch (tag & 7) {
        case 0:
          values.push(varint());
          break;
        case 1:
          values.push(taken(8).readBigUInt64LE());
          break;
        case 2:
          values.push(taken(Number(varint())));
          break;
        case 5:
          values.push(BigInt(taken(4).readUInt32LE()));
          break;
        default:
          assert.fail(`wire type ${tag & 7}`);
      }
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  /** 0: not there. */
  number(field: number): bigint {
    const value = this.#fields.get(field)?.at(-1) ?? 0n;
    assert.ok(typeof value === 'bigint', `field ${field} is a number`);
    return value;
  }

  double(field: number): number {
    return Buffer.from(new BigUint64Array([this.number(field)]).buffer).readDoubleLE();
  }

  /** Empty: not there. */
  bytes(field: number): Buffer {
    return this.#buffers(field).at(-1) ?? Buffer.alloc(0);
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8');
  }

  message(field: number): Message {
    return new Message(this.bytes(field));
  }

  messages(field: number): Message[] {
    return this.#buffers(field).map((bytes) => new Message(bytes));
  }

  #buffers(field: number): Buffer[] {
    return (this.#fields.get(field) ?? []).map((value) => {
      assert.ok(Buffer.isBuffer(value), `field ${field} has a length`);
      return value;
    });
  }
}
