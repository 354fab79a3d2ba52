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
  if (exit.signal !== null) {
    return `Runtime exited with error: signal: ${signalNames[exit.signal] ?? exit.signal.toLowerCase()}`;
  }
  return exit.code === 0 || exit.code === null
    ? 'Runtime exited without providing a reason'
    : `Runtime exited with error: exit status ${exit.code}`;
}
