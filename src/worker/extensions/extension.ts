export type ExtensionState = 'Started' | 'Registered' | 'Ready' | 'Running' | 'InitError' | 'ExitError' | 'LaunchError';

/** One extension of a box, as its machine sees it. */
export class Extension {
  readonly name: string;
  /** Null for an internal one: it lives in the runtime's process. */
  readonly program: number | null;
  id: string | null = null;
  state: ExtensionState = 'Started';
  events: readonly string[] = [];
  errorType: string | null = null;
  /** Its process has ended, or never was. */
  gone = false;
  /** It did not wait when the invocation began: its next `next` brings it. */
  owed = false;
  /** It has the SHUTDOWN event. */
  told = false;
  #call: number | null = null;

  constructor(name: string, program: number | null) {
    this.name = name;
    this.program = program;
  }

  takes(event: 'INVOKE' | 'SHUTDOWN'): boolean {
    return this.events.includes(event) && !this.gone;
  }

  register(id: string, events: readonly string[]): void {
    this.id = id;
    this.events = [...new Set(events)];
    this.state = 'Registered';
  }

  wait(call: number): void {
    this.state = 'Ready';
    this.#call = call;
  }

  /** Runs again; returns the call that waited for it, or null. */
  release(): number | null {
    const call = this.#call;
    this.#call = null;
    if (call === null) return null;
    this.state = 'Running';
    this.owed = false;
    return call;
  }

  hangUp(call: number): void {
    if (this.#call === call) this.release();
  }

  fail(state: 'InitError' | 'ExitError' | 'LaunchError', errorType: string): void {
    this.state = state;
    this.errorType = errorType;
    this.#call = null;
    if (state === 'LaunchError') this.gone = true;
  }

  exit(): void {
    this.gone = true;
    this.#call = null;
  }
}
