import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Message } from './protobuf.js';
import { ReceivingServer, received } from './receivingserver.js';

export type Value = string | number | boolean;

/** A span as it arrived (opentelemetry-proto, trace/v1/trace.proto). */
export interface ArrivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly message: string;
  /** Of whoever sent it. */
  readonly resource: Readonly<Record<string, Value>>;
  readonly scope: string;
}

/** An OpenTelemetry collector as far as exporters of traces need one: OTLP over HTTP, both encodings, kept in memory. */
export class OtlpCollector extends ReceivingServer {
  readonly spans: ArrivedSpan[] = [];
  /** `POST /v1/traces application/json gzip` of each request. */
  readonly requests: string[] = [];

  private constructor() {
    super((error, res) => res.writeHead(400).end(error.stack));
  }

  static async start(): Promise<OtlpCollector> {
    const one = new OtlpCollector();
    await one.listen();
    return one;
  }

  /** Of one trace, as they began; those that began together in the order in which they came. */
  trace(traceId: string): ArrivedSpan[] {
    const found = this.spans.filter((span) => span.traceId === traceId);
    return found.sort((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
  }

  protected async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { 'content-type': type = '', 'content-encoding': encoding = '' } = req.headers;
    const sent = await received(req);
    const body = encoding === 'gzip' ? gunzipSync(sent) : sent;
    assert.equal(`${req.method} ${req.url}`, 'POST /v1/traces');
    this.spans.push(...(type === 'application/json' ? readJson(body) : readProtobuf(body)));
    this.requests.push(`POST /v1/traces ${type} ${encoding}`.trim());
    res.writeHead(200, { 'Content-Type': type }).end(type === 'application/json' ? '{}' : '');
  }
}

/** ExportTraceServiceRequest. Numbers are those of opentelemetry-proto's fields. */
function readProtobuf(body: Buffer): ArrivedSpan[] {
  return new Message(body).messages(1).flatMap((resourceSpans) => {
    const resource = attributesOf(resourceSpans.message(1).messages(1));
    return resourceSpans.messages(2).flatMap((scopeSpans) =>
      scopeSpans.messages(2).map((span) => ({
        traceId: span.bytes(1).toString('hex'),
        spanId: span.bytes(2).toString('hex'),
        traceState: span.text(3),
        parentSpanId: span.bytes(4).toString('hex'),
        name: span.text(5),
        kind: Number(span.number(6)),
        startNs: span.number(7),
        endNs: span.number(8),
        attributes: attributesOf(span.messages(9)),
        links: span.messages(13).map((link) => ({
          traceId: link.bytes(1).toString('hex'),
          spanId: link.bytes(2).toString('hex'),
        })),
        message: span.message(15).text(2),
        status: Number(span.message(15).number(3)),
        resource,
        scope: scopeSpans.message(1).text(1),
      })),
    );
  });
}

function attributesOf(pairs: readonly Message[]): Record<string, Value> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const value = pair.message(2);
      if (value.has(1)) return [pair.text(1), value.text(1)];
      if (value.has(2)) return [pair.text(1), value.number(2) === 1n];
      if (value.has(3)) return [pair.text(1), Number(value.number(3))];
      assert.ok(value.has(4), `${pair.text(1)} is of no known type`);
      return [pair.text(1), value.double(4)];
    }),
  );
}

interface JsonPair {
  readonly key: string;
  readonly value: { stringValue?: string; boolValue?: boolean; intValue?: number | string; doubleValue?: number };
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly JsonPair[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly traceState?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly JsonPair[];
        readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
        readonly status: { readonly code?: number; readonly message?: string };
      }[];
    }[];
  }[];
}

function readJson(body: Buffer): ArrivedSpan[] {
  const pairs = (given: readonly JsonPair[]) =>
    Object.fromEntries(
      given.map(({ key, value }) => {
        const number = value.intValue === undefined ? value.doubleValue : Number(value.intValue);
        return [key, (value.stringValue ?? value.boolValue ?? number) as Value];
      }),
    );
  return (JSON.parse(body.toString()) as JsonRequest).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        traceState: span.traceState ?? '',
        name: span.name,
        kind: span.kind,
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
        attributes: pairs(span.attributes),
        links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
        status: span.status.code ?? 0,
        message: span.status.message ?? '',
        resource: pairs(resource.attributes),
        scope: scope.name,
      })),
    ),
  );
}
