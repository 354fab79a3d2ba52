/** Frame types of the sandbox channel; `README.md` beside this file is the contract. */
export const frameType = {
  hello: 0x01,
  init: 0x02,
  initDone: 0x03,
  initError: 0x04,
  invoke: 0x05,
  response: 0x06,
  error: 0x07,
  log: 0x08,
  lastError: 0x09,
  pause: 0x0a,
  paused: 0x0b,
  restore: 0x0c,
  restoreDone: 0x0d,
  restoreError: 0x0e,
  rehearse: 0x0f,
  rehearsed: 0x10,
} as const;

export type FrameType = (typeof frameType)[keyof typeof frameType];

/** Bytes before a frame's body: u32 length and u8 type. */
export const frameHeaderBytes = 5;

/**
 * Largest frame accepted from a runtime: the largest response (6,291,556 bytes, refused above that by the worker with
 * the proper error) needs room to be seen as too large instead of ending the channel. 32 MiB; beyond it the channel
 * is broken and the sandbox is killed.
 */
export const frameBytesMax = 32 * 1024 * 1024;

export interface InitBody {
  readonly env: Readonly<Record<string, string>>;
  readonly handler: string;
  readonly taskRoot: string;
  /** Where the layers are: `/opt` wherever there are walls. */
  readonly layersRoot: string;
  /** The process started with this environment, perhaps changed by a wrapper: it stays as it is. */
  readonly inherited: boolean;
  /** A snapshot is taken after this init: hooks for before it run first, and `Math.random` is the runtime's own. */
  readonly snapStart: boolean;
  /** The process is a clone of one that waited for INIT: all its generators need a new seed before anything else. */
  readonly reseed: boolean;
}

export interface RestoreBody {
  /** False only to show what happens without. */
  readonly reseed: boolean;
}

/** `kind` of a LOG frame. */
export const logKind = { stdout: 0, stderr: 1, event: 2 } as const;
