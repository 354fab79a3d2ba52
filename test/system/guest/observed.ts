import { existsSync, realpathSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

/** What one invocation came to. `exit`: the process ended instead. */
export interface Answer {
  readonly kind: 'response' | 'streamed' | 'error' | 'init-error' | 'exit';
  readonly body: string;
}

/** A streamed response as a runtime sent it, or null when it is an ordinary one. */
export function streamedAnswer(request: IncomingMessage, body: string): Answer | null {
  const { headers, trailers } = request;
  if (headers['lambda-runtime-function-response-mode'] !== 'streaming') return null;
  const report = trailers['lambda-runtime-function-error-body'];
  return {
    kind: 'streamed',
    body: JSON.stringify({
      contentType: headers['content-type'],
      body,
      errorType: trailers['lambda-runtime-function-error-type'],
      error: report === undefined ? null : Buffer.from(String(report), 'base64').toString(),
    }),
  };
}

/** Reads a request to its end, or to where it was cut. */
export async function bodyOf(request: IncomingMessage): Promise<{ readonly body: string; readonly whole: boolean }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return { body: Buffer.concat(chunks).toString(), whole: false };
  }
  return { body: Buffer.concat(chunks).toString(), whole: request.complete };
}

/** Everything a runtime did with one case, made comparable. */
export interface Observed {
  readonly answers: readonly Answer[];
  /** Framed log events. */
  readonly events: readonly string[];
  readonly stdout: string;
}

export interface Case {
  readonly handler: string;
  /** Folder below the fixtures that is the task root. */
  readonly folder?: string;
  readonly event?: unknown;
  readonly invocations?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Decoded JSON texts. */
  readonly clientContext?: string;
  readonly identity?: string;
}

export const invokedArn = 'arn:aws:lambda:eu-central-1:123456789012:function:sample:live';
export const trace = 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Sampled=0';
/** Far enough that no case meets it. */
export const deadlineMs = Date.UTC(2100, 0);

export function requestId(index: number): string {
  return `00000000-0000-4000-8000-00000000000${index}`;
}

/** The function's environment, the same for both runtimes. */
export function environment(runtime: string, taskRoot: string, wanted: Case): Record<string, string> {
  return {
    AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_FUNCTION_NAME: 'sample',
    AWS_LAMBDA_FUNCTION_VERSION: '7',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/sample',
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/01/[7]0123456789abcdef',
    AWS_REGION: 'eu-central-1',
    LAMBDA_TASK_ROOT: taskRoot,
    LANG: 'C.UTF-8',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    TZ: ':UTC',
    _HANDLER: wanted.handler,
    ...wanted.environment,
  };
}

/** Takes out what may differ: times, and frames and paths inside the runtimes themselves. */
export function comparable(text: string, runtimeDirectories: readonly string[]): string {
  let made = text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, 'TIME')
    .replace(/\(node:\d+\)/g, '(node:PID)');
  for (const directory of runtimeDirectories) {
    // Node shows where a module really is, Python where it was looked for.
    const real = existsSync(directory) ? realpathSync(directory) : directory;
    made = made.replaceAll(real, 'RUNTIME').replaceAll(directory, 'RUNTIME');
  }
  return (
    made
      // A frame as an element of a JSON array, then as a line of text.
      .replace(/,?"\s+at (?:[^"\\]|\\.)*(?:RUNTIME|node:|<anonymous>|native)(?:[^"\\]|\\.)*"/g, '')
      .replace(/(?:^|\n) +at .*(?:RUNTIME|node:|<anonymous>|native).*/g, '')
      // The same inside a JSON string; and how many of them a cause has in common with its error.
      .replace(/\\n +at (?:[^"\\]|\\(?!n))*?(?:RUNTIME|node:|<anonymous>|native)(?:[^"\\ ]|\\(?!n))*/g, '')
      .replace(/\d+ lines matching cause/g, 'N lines matching cause')
      .replace(/\[,/g, '[')
      // How deep a runtime itself is in the stack.
      .replace(/repeated \d+ more times/g, 'repeated N more times')
      // Which file of a runtime asked for a module that is not there.
      .replace(/RUNTIME\/(bootstrap\.cjs|index\.mjs)/g, 'RUNTIME/LOADER')
      // The one frame of a Python runtime that may show: which file and line is the runtime's own affair.
      .replace(/RUNTIME\/\w+\/bootstrap\.py(\\?"), line \d+/g, 'RUNTIME/bootstrap.py$1')
  );
}
