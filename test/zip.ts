import { crc32, deflateRawSync } from 'node:zlib';

/** One entry of a hand-made zip; what is given overrides what would be true, to make broken ones. */
export interface ZipMember {
  readonly name: string;
  readonly data?: Buffer | string;
  /** Unix mode with type bits, such as 0o120777 for a link. Default: 0o100644. */
  readonly mode?: number;
  readonly stored?: boolean;
  readonly flags?: number;
  readonly crc?: number;
  readonly declaredBytes?: number;
  /** Takes the bytes of an earlier entry instead of its own: overlapping bombs. */
  readonly sharesDataOf?: number;
}

/** A zip made by hand, so that tests can make those that no tool would. */
export function makeZip(members: readonly ZipMember[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  const places: { at: number; packed: Buffer; raw: Buffer }[] = [];
  let at = 0;
  for (const member of members) {
    const shared = member.sharesDataOf === undefined ? undefined : places[member.sharesDataOf];
    const raw = shared?.raw ?? Buffer.from(member.data ?? '');
    const packed = shared?.packed ?? (member.stored === true ? raw : deflateRawSync(raw, { level: 9 }));
    const name = Buffer.from(member.name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(member.flags ?? 0x800, 2);
    common.writeUInt16LE(member.stored === true ? 0 : 8, 4);
    common.writeUInt32LE(member.crc ?? crc32(raw), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(member.declaredBytes ?? raw.length, 18);
    common.writeUInt16LE(name.length, 22);
    const place = shared?.at ?? at;
    const central = Buffer.alloc(46);
    central.write('PK\x01\x02', 0, 'latin1');
    central.writeUInt16LE((3 << 8) | 20, 4);
    common.copy(central, 6);
    central.writeUInt32LE(((member.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(place, 42);
    centrals.push(central, name);
    if (shared === undefined) {
      locals.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, packed);
      places.push({ at, packed, raw });
      at += 30 + name.length + packed.length;
    } else places.push(shared);
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(members.length & 0xffff, 8);
  end.writeUInt16LE(members.length & 0xffff, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}
