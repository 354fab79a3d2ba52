import type { AssignmentEffect, AssignmentEntry } from './messages.js';
import type { Roster } from './roster.js';

/** Numbers the entries of each step, turns them into `persist` effects, and writes a checkpoint now and then. */
export class JournalWriter {
  readonly #roster: Roster;
  readonly #checkpointEntriesMin: number;
  #nextSequence: number;
  #entries: AssignmentEntry[] = [];
  #checkpointSequence = 0;
  #checkpointDurable = true;

  constructor(roster: Roster, nextSequence: number, checkpointEntriesMin: number) {
    this.#roster = roster;
    this.#nextSequence = nextSequence;
    this.#checkpointEntriesMin = checkpointEntriesMin;
  }

  /** Returns the entry's sequence. */
  add(entry: AssignmentEntry): number {
    this.#entries.push(entry);
    return this.#nextSequence + this.#entries.length - 1;
  }

  /**
   * The step's effects with what it wrote before all others: performing those may lead to further steps at once, whose
   * entries come later in the journal.
   */
  before(effects: readonly AssignmentEffect[]): readonly AssignmentEffect[] {
    if (this.#entries.length === 0) return effects;
    const written = [this.#persist(this.#entries)];
    this.#entries = [];
    if (this.#isCheckpointDue()) written.push(this.checkpoint());
    return [...written, ...effects];
  }

  /** Everything that exists, written anew, so that the journal can forget what was before. */
  checkpoint(): AssignmentEffect {
    this.#checkpointSequence = this.#nextSequence;
    this.#checkpointDurable = false;
    return this.#persist(this.#roster.checkpoint());
  }

  /** The sequence below which the journal may be trimmed, the first time that it may. */
  trimmable(persistedSequence: number): number | null {
    if (this.#checkpointDurable || persistedSequence < this.#checkpointSequence) return null;
    this.#checkpointDurable = true;
    return this.#checkpointSequence;
  }

  /** A new leader goes on where the journal ends. */
  continueAt(nextSequence: number): void {
    this.#nextSequence = nextSequence;
  }

  #persist(entries: readonly AssignmentEntry[]): AssignmentEffect {
    const sequence = this.#nextSequence;
    this.#nextSequence += entries.length;
    return { kind: 'persist', sequence, entries };
  }

  #isCheckpointDue(): boolean {
    // Twice what exists: writing all of it then costs at most as much again as the entries themselves.
    const dueAfter = Math.max(this.#checkpointEntriesMin, 2 * this.#roster.sandboxes.size);
    return this.#nextSequence - this.#checkpointSequence >= dueAfter;
  }
}
