import type { AssignmentEntry } from '../assignment/messages.js';

/** The journal as its port promises it: appends become durable in order, some time after they were asked for. */
export interface SimJournal {
  readonly entries: AssignmentEntry[];
  /** Sequence of the first entry kept. */
  first: number;
  durableMs: number;
}
