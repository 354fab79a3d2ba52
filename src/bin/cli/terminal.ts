import Table from 'cli-table3';
import colours from 'picocolors';

/** Output for people on a terminal, or for programs with `--json`: one place decides. */
export class Terminal {
  constructor(readonly json: boolean) {}

  /** The command's result: JSON as is, or what `render` makes of it. */
  result<T>(value: T, render: (value: T) => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value, null, 2) : render(value)}\n`);
  }

  /** Progress and remarks; on standard error, so that a pipe gets only the result. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`);
  }
}

/** Borderless columns, headings dimmed. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const borderless = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((name) => [name, '']),
  );
  const drawn = new Table({
    head: head.map((text) => colours.dim(text)),
    chars: { ...borderless, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}

/** Ends the command with a message for people and a status for programs. Nothing was changed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}
