import type { Clock } from '../../kernel/ports/clock.js';
import type { Random } from '../../kernel/ports/random.js';
import { frameType } from '../../wire/channel/frames.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import { afterPoll, type BoxLink, type BoxOwner, nobody } from '../boxlink.js';
import type { InvokeHeader } from '../channel.js';
import { exitStatusOf } from '../exitmessage.js';
import { type Initiation, processEnvironment } from '../initiation.js';
import { captureLogFrame } from '../log/framedevent.js';
import { LineCutter } from '../log/logcapture.js';
import type { SandboxLog } from '../log/sandboxlog.js';
import type { ShutdownReason } from '../messages.js';
import type { HttpConnection } from '../runtimeapi/httpconnection.js';
import type { HttpRequest } from '../runtimeapi/httprequest.js';
import type { BoxExit, Crew } from '../sandbox/driver.js';
import { TelemetryHub } from '../telemetry/hub.js';
import { parseSubscription } from '../telemetry/subscription.js';
import { ExtensionsMachine } from './machine.js';
import type { ExtensionsEffect, ExtensionsInput, LaunchedProgram } from './messages.js';
import { extensionEnvironment, extensionsFolder } from './programs.js';
import { type ExtensionRequest, readEvents, readRequest } from './requests.js';

/** The sandbox around a host. Calls may come while one of the host's methods runs. */
export interface Company {
  readonly spec: FunctionSpec;
  readonly link: BoxLink;
  readonly log: SandboxLog;
  readonly clock: Clock;
  readonly random: Random;
  startRuntime(): void;
  onInitialized(): void;
  onInvoked(): void;
  /** An extension ended, or could not start. */
  onFailed(errorType: string, message: string): void;
  onRuntimeExit(exit: BoxExit): void;
}

const json = (value: unknown) => JSON.stringify(value);
const noop = () => {};

/** The extensions of one box: their processes, their HTTP APIs, what they subscribed to. Performs the machine's effects. */
export class ExtensionHost {
  readonly #company: Company;
  readonly #crew: Crew | null;
  readonly #programs: readonly LaunchedProgram[];
  readonly #machine: ExtensionsMachine;
  readonly #hub: TelemetryHub;
  readonly #output = new LineCutter();
  readonly #calls = new Map<number, { readonly connection: HttpConnection; readonly accountId: boolean }>();
  #lastCall = 0;
  #header: InvokeHeader | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Set when the shutdown begins. */
  #over: () => void = noop;
  #closed = false;

  /** `ready`: the function is initialized already. `programs`: the external extensions, for which the link has a crew. */
  constructor(company: Company, ready: boolean, programs: readonly LaunchedProgram[] = []) {
    const { clock, link, log, spec } = company;
    const { crew } = link;
    this.#company = company;
    this.#crew = crew;
    this.#programs = programs;
    this.#machine = new ExtensionsMachine(crew !== null ? 'waiting' : ready ? 'ready' : 'started');
    this.#hub = new TelemetryHub({
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      connect: (port) => link.box.connect(port),
      json: spec.logging.format === 'JSON',
    });
    if (ready) this.#hub.seal();
    log.observer = (line, facts) => this.#hub.platform(line, facts);
    log.capture.tap = (timestampMs, text, source) => this.#hub.log(timestampMs, text, source);
    if (crew === null) return;
    crew.onExit = (program, exit) => afterPoll(() => this.#exited(program, exit));
    crew.output.on('data', (bytes: Buffer) => this.#output.push(bytes, (line) => this.#print(line)));
  }

  /** Whether an invocation that is answered now has to wait for extensions. */
  get busy(): boolean {
    return this.#machine.busy;
  }

  /** The error type that an extension reported before its process ends. */
  get reported(): string | null {
    return this.#machine.reported;
  }

  /** Starts the external extensions; the runtime follows when all have registered. */
  launch(initiation: Initiation): void {
    const programs = this.#programs;
    const folder = extensionsFolder(initiation);
    const environment = extensionEnvironment(processEnvironment(initiation));
    if (programs.every(({ problem }) => problem === null)) {
      for (const { name } of programs) this.#crew!.start([`${folder}/${name}`], environment);
    }
    this.#step({ kind: 'launched', programs });
  }

  runtimeReady(): void {
    this.#step({ kind: 'runtime-ready' });
  }

  invoke(header: InvokeHeader): void {
    this.#header = header;
    this.#dropClosed();
    this.#step({ kind: 'invoke' });
  }

  runtimeDone(): void {
    this.#step({ kind: 'runtime-done' });
  }

  /** False: not a request for extensions. */
  serve(request: HttpRequest, connection: HttpConnection): boolean {
    const read = readRequest(request);
    if (read === null) return false;
    if (read.kind === 'refused') {
      const { status, errorType, message } = read;
      connection.answer(status, '', status === 405 ? '' : json({ errorMessage: message, errorType }));
    } else if (read.kind === 'subscribe') this.#subscribe(read, request.payload, connection);
    else this.#call(read, request.payload, connection);
    return true;
  }

  /**
   * Tells the extensions and the runtime, and resolves when they have ended or had their time. Null: nothing to wait
   * for. What the box says meanwhile comes to the returned owner.
   */
  shutDown(reason: ShutdownReason): { readonly over: Promise<void>; readonly owner: BoxOwner } | null {
    if (this.#machine.empty) {
      this.close();
      return null;
    }
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    this.#company.link.thaw();
    this.#company.link.leaving = true;
    this.#dropClosed();
    this.#step({ kind: 'shutdown', nowMs: this.#nowMs(), reason });
    // What is logged in this turn, the REPORT above all, belongs to it.
    setImmediate(() => this.#hub.flush());
    const { log, clock } = this.#company;
    const owner: BoxOwner = {
      ...nobody,
      onOutput: (stream, bytes) => log.capture.raw(stream, bytes, clock.nowMs()),
      onFrame: (type, body) => {
        if (type === frameType.log) captureLogFrame(body, log.capture, clock.nowMs());
      },
      onOther: (request, connection) => this.serve(request, connection),
      onExit: () => {
        if (this.#crew === null) this.#step({ kind: 'exited', program: 0, how: '' });
        this.#over();
      },
    };
    return { over, owner };
  }

  /** The box is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output.flush((line) => this.#print(line));
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#hub.close();
    const { log } = this.#company;
    log.observer = null;
    log.capture.tap = null;
  }

  #nowMs(): number {
    return this.#company.clock.monotonicMs();
  }

  #print(line: string): void {
    const { log, clock } = this.#company;
    log.capture.event(clock.nowMs(), line, 'extension');
  }

  #exited(program: number, exit: BoxExit): void {
    this.#step({ kind: 'exited', program, how: exitStatusOf(exit) });
    if (program === 0 && this.#over === noop) this.#company.onRuntimeExit(exit);
  }

  #subscribe(
    { id, api }: Extract<ExtensionRequest, { readonly kind: 'subscribe' }>,
    payload: Buffer,
    connection: HttpConnection,
  ): void {
    const refuse = (status: 400 | 403, errorType: string, errorMessage: string) =>
      connection.answer(status, '', json({ errorMessage, errorType }));
    const name = this.#machine.nameOf(id);
    if (name === null) {
      refuse(403, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`);
      return;
    }
    const title = api === 'logs' ? 'Logs' : 'Telemetry';
    if (!this.#machine.open) {
      refuse(403, `${title}.SubscriptionClosed`, `${title} API subscription is closed already`);
      return;
    }
    const subscription = parseSubscription(api, payload);
    if (typeof subscription === 'string') {
      refuse(400, 'ValidationError', subscription);
      return;
    }
    this.#hub.subscribe(name, subscription);
    this.#company.log.line({ kind: 'subscription', api, name, types: subscription.types });
    connection.answer(200, '', '"OK"');
  }

  #call(
    request: Exclude<ExtensionRequest, { readonly kind: 'subscribe' | 'refused' }>,
    payload: Buffer,
    connection: HttpConnection,
  ): void {
    this.#lastCall += 1;
    const call = this.#lastCall;
    this.#calls.set(call, {
      connection,
      accountId: request.kind === 'register' && request.features.includes('accountId'),
    });
    if (request.kind === 'register') {
      const events = readEvents(payload);
      if (typeof events === 'string') this.#refuse(call, 'InvalidRequestFormat', events);
      else {
        const { name } = request;
        this.#step({ kind: 'register', call, id: this.#company.random.uuid(), name, events });
      }
    } else this.#step({ ...request, call });
  }

  #dropClosed(): void {
    for (const [call, { connection }] of this.#calls) {
      if (!connection.closed) continue;
      this.#calls.delete(call);
      this.#step({ kind: 'hung-up', call });
    }
  }

  #step(input: ExtensionsInput): void {
    if (this.#closed) return;
    for (const effect of this.#machine.step(input)) this.#perform(effect);
  }

  #perform(effect: ExtensionsEffect): void {
    const company = this.#company;
    switch (effect.kind) {
      case 'refuse':
        this.#refuse(effect.call, effect.errorType, effect.message);
        break;
      case 'registered':
        this.#registered(effect.call, effect.id);
        break;
      case 'accept':
        this.#answer(effect.call, 202, '', json({ status: 'OK' }));
        break;
      case 'send-invoke':
        this.#sendInvoke(effect.call);
        break;
      case 'send-shutdown': {
        const { call, reason } = effect;
        const deadlineMs = Math.round(company.clock.nowMs() + effect.deadlineMs - this.#nowMs());
        // In lower case: the guide names the reasons in capitals, the service sends them so.
        const event = { eventType: 'SHUTDOWN', deadlineMs, shutdownReason: reason.toLowerCase() };
        this.#answer(call, 200, '', json(event));
        break;
      }
      case 'start-runtime':
        company.startRuntime();
        break;
      case 'init-done':
        this.#hub.seal();
        company.onInitialized();
        break;
      case 'invoke-done':
        company.onInvoked();
        break;
      case 'tell': {
        const { name, state, events, errorType } = effect;
        company.log.line({ kind: 'extension', name, state, events, errorType });
        break;
      }
      case 'failed':
        afterPoll(() => {
          if (this.#over === noop && !this.#closed) company.onFailed(effect.errorType, effect.message);
        });
        break;
      case 'signal':
        if (this.#crew !== null) this.#crew.signal(effect.program, effect.name);
        else if (effect.name === 'SIGTERM') company.link.box.terminate();
        break;
      case 'arm':
        if (this.#timer !== null) clearTimeout(this.#timer);
        this.#timer = setTimeout(
          () => this.#step({ kind: 'timer' }),
          Math.max(0, Math.ceil(effect.atMs - this.#nowMs())),
        );
        break;
      case 'over':
        this.#over();
        break;
    }
  }

  #registered(call: number, id: string): void {
    const { spec } = this.#company;
    const body = {
      functionName: spec.functionName,
      functionVersion: spec.version,
      handler: spec.handler,
      ...(this.#calls.get(call)?.accountId === true && { accountId: spec.account }),
    };
    this.#answer(call, 200, `Lambda-Extension-Identifier: ${id}\r\n`, json(body));
  }

  #sendInvoke(call: number): void {
    const { requestId, deadlineMs, invokedFunctionArn, traceHeader } = this.#header!;
    const tracing = { type: 'X-Amzn-Trace-Id', value: traceHeader };
    const head = `Lambda-Extension-Event-Identifier: ${this.#company.random.uuid()}\r\n`;
    this.#answer(call, 200, head, json({ eventType: 'INVOKE', deadlineMs, requestId, invokedFunctionArn, tracing }));
  }

  #refuse(call: number, errorType: string, errorMessage: string): void {
    this.#answer(call, 403, '', json({ errorMessage, errorType }));
  }

  #answer(call: number, status: number, head: string, body: string): void {
    this.#calls.get(call)?.connection.answer(status, head, body);
    this.#calls.delete(call);
  }
}
