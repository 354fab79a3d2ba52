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
}

/** `kind` of a LOG frame. */
export const logKind = { stdout: 0, stderr: 1, event: 2 } as const;
