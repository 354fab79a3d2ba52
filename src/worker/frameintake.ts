import { type FrameType, frameType } from '../wire/channel/frames.js';
import { captureLogFrame } from './log/framedevent.js';
import type { LogCapture } from './log/logcapture.js';
import { errorTypeOf } from './outcome.js';

/** What a managed runtime's frames mean to its sandbox. */
export interface FrameMeaning {
  onInitDone(): void;
  onInitError(errorType: string, payload: Buffer): void;
  onRestoreDone(): void;
  onRestoreError(errorType: string, payload: Buffer): void;
  onResponse(requestId: string | undefined, payload: Buffer, bytes: number): void;
  onError(requestId: string | undefined, errorType: string, payload: Buffer, bytes: number): void;
}

/** False: no runtime says this. `requestId`: of the invocation that it works on. */
export function takeFrame(
  type: FrameType,
  body: Buffer,
  requestId: string | undefined,
  to: FrameMeaning,
  capture: LogCapture,
  nowMs: () => number,
): boolean {
  const errorType = () => errorTypeOf(body, 'Runtime.Unknown');
  switch (type) {
    case frameType.log:
      return captureLogFrame(body, capture, nowMs());
    case frameType.response:
      to.onResponse(requestId, body, body.length);
      return true;
    case frameType.error:
    case frameType.lastError:
      to.onError(requestId, errorType(), body, body.length);
      return true;
    case frameType.initDone:
      to.onInitDone();
      return true;
    case frameType.initError:
      to.onInitError(errorType(), body);
      return true;
    case frameType.restoreDone:
      to.onRestoreDone();
      return true;
    case frameType.restoreError:
      to.onRestoreError(errorType(), body);
      return true;
    default:
      return false;
  }
}
