import type { Clock } from '../kernel/ports/clock.js';
import { frameType, type InitBody } from '../wire/channel/frames.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Invocation } from '../wire/invocation.js';
import type { InitializationType } from '../wire/start.js';
import type { BoxLink } from './boxlink.js';
import { encodeFrame, type InvokeHeader } from './channel.js';
import { findBootstrap } from './entrypoint.js';
import type { CodeSource, WorkerOptions } from './service.js';

/** What a bound box needs to become a function's. */
export interface Initiation {
  readonly link: BoxLink;
  readonly spec: FunctionSpec;
  readonly options: WorkerOptions;
  readonly code: Awaited<ReturnType<CodeSource['acquire']>>;
  readonly logStream: string;
  /** `snap-start`: for the function's snapshot, not for an invocation that waits. */
  readonly initializationType: InitializationType;
}

/** The whole environment of the function's processes. */
export function processEnvironment(initiation: Initiation): Record<string, string> {
  const { link, spec, options, logStream, initializationType } = initiation;
  const { taskRoot, layersRoot } = link.box;
  const env = {
    ...options.runtimes.functionEnvironment(spec, {
      logStream,
      runtimeApi: link.box.runtimeApiAddress,
      taskRoot,
      initializationType,
    }),
    LAMBDA_TASK_ROOT: taskRoot,
    ...link.box.environment,
  };
  if (layersRoot === '/opt') return env;
  // Without a mount namespace: variables name files of layers where the host has them.
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replaceAll('/opt/', `${layersRoot}/`)]),
  );
}

/** Starts (or tells) the runtime to load the function. Returns why it cannot, in the service's words, or null. */
export function initiate(initiation: Initiation, env = processEnvironment(initiation)): string | null {
  const { link, spec, options, code } = initiation;
  const snapStart = initiation.initializationType === 'snap-start';
  const { taskRoot, layersRoot } = link.box;
  if (link.managed) {
    // The code is there by now: these variables may name files in it.
    link.startHeld(
      { ...env, ...options.runtimes.startVariables(spec, code.libraries) },
      spec.environment.AWS_LAMBDA_EXEC_WRAPPER,
    );
    const inherited = link.held !== null;
    // Where boxes can be saved, those that boot are clones of saved ones already.
    const reseed = options.driver.snapshots !== null && options.reseeding !== false;
    const { handler } = spec;
    const init: InitBody = { env, handler, taskRoot, layersRoot, inherited, snapStart, reseed };
    link.box.channel.write(encodeFrame(frameType.init, Buffer.from(JSON.stringify(init))));
    return null;
  }
  link.api.snapStart = snapStart;
  const client = options.runtimes.client?.(spec) ?? null;
  if (client !== null) {
    link.startClient(client, env, spec.environment.AWS_LAMBDA_EXEC_WRAPPER);
    return null;
  }
  const found = findBootstrap(code, { taskRoot, layersRoot });
  if ('problem' in found) return found.problem;
  link.box.start([found.path], env);
  return null;
}

/** `deadlineMs` in the clock's monotonic time. */
export function invokeHeader(invocation: Invocation, deadlineMs: number, clock: Clock): InvokeHeader {
  return {
    requestId: invocation.requestId,
    deadlineMs: Math.floor(clock.nowMs() + deadlineMs - clock.monotonicMs()),
    invokedFunctionArn: invocation.invokedFunctionArn,
    traceHeader: invocation.traceHeader,
    clientContext: invocation.clientContext,
    cognitoIdentity: invocation.cognitoIdentity,
  };
}
