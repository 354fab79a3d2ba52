/** How Lambda names signals: as Go's `os/exec` does, because its sandbox agent is a Go program. */
const signalNames: Readonly<Record<string, string>> = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGKILL: 'killed',
  SIGUSR1: 'user defined signal 1',
  SIGSEGV: 'segmentation fault',
  SIGUSR2: 'user defined signal 2',
  SIGPIPE: 'broken pipe',
  SIGALRM: 'alarm clock',
  SIGTERM: 'terminated',
  SIGXCPU: 'CPU time limit exceeded',
  SIGXFSZ: 'file size limit exceeded',
  SIGSYS: 'bad system call',
};

/** The text after `Error: ` that Lambda gives for a runtime process that ended. */
export function exitMessage(exit: {
  readonly code: number | null;
  readonly signal: string | null;
  readonly outOfMemory: boolean;
}): string {
  if (exit.outOfMemory) return 'Runtime exited with error: signal: killed';
  if (exit.signal === null && !exit.code) return 'Runtime exited without providing a reason';
  return `Runtime exited with error: ${exitStatusOf(exit)}`;
}

/** Of a function that fails although its runtime runs. */
export const noExit = { code: null, signal: null, outOfMemory: false } as const;

/** A runtime that ends after an extension reported an error in it fails with that. */
export function failureOf(
  exit: Parameters<typeof exitMessage>[0],
  reported: string | null | undefined,
): { readonly failure?: { readonly errorType: string; readonly message: string } } {
  return reported ? { failure: { errorType: reported, message: exitMessage(exit) } } : {};
}

/** How any process ended; of an extension this is all that is said. */
export function exitStatusOf({
  code,
  signal,
}: {
  readonly code: number | null;
  readonly signal: string | null;
}): string {
  if (signal !== null) return `signal: ${signalNames[signal] ?? signal.toLowerCase()}`;
  return code === 0 || code === null ? 'exit code 0' : `exit status ${code}`;
}
