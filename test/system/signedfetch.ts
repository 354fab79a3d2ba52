import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Hearth } from './hearth.js';

export interface Signing {
  readonly method?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly service?: string;
  readonly region?: string;
  readonly date?: Date;
  /** Signs in the query and lets the signature expire after so many seconds. */
  readonly presignedSeconds?: number;
}

export interface Sent {
  readonly url: string;
  readonly init: { readonly method: string; headers: Record<string, string>; readonly body?: Buffer | string };
}

export interface Answer {
  readonly status: number;
  /** Code of the error, from the header. */
  readonly errorType: string | null;
  readonly text: string;
  readonly headers: Headers;
}

/** A request signed as told, which may then be spoilt before it is sent. */
export async function sign(hearth: Hearth, signing: Signing): Promise<Sent> {
  const { method = 'GET', path, query = {}, body, service = 'lambda', region = 'us-east-1' } = signing;
  const endpoint = new URL(hearth.endpoint);
  const accessKeyId = signing.accessKeyId ?? hearth.credential.accessKeyId;
  const secretAccessKey = signing.secretAccessKey ?? hearth.credential.secretAccessKey;
  const signer = new SignatureV4({ service, region, credentials: { accessKeyId, secretAccessKey }, sha256: Sha256 });
  const request = {
    method,
    protocol: endpoint.protocol,
    hostname: endpoint.hostname,
    path,
    query,
    headers: { host: endpoint.host, ...signing.headers },
    ...(body === undefined ? {} : { body }),
  };
  const when = signing.date === undefined ? {} : { signingDate: signing.date };
  const signed =
    signing.presignedSeconds === undefined
      ? await signer.sign(request, when)
      : await signer.presign(request, { ...when, expiresIn: signing.presignedSeconds });
  const search = new URLSearchParams(signed.query as Record<string, string>).toString();
  return {
    url: `${endpoint.origin}${path}${search === '' ? '' : `?${search}`}`,
    init: { method, headers: { ...signed.headers }, ...(body === undefined ? {} : { body }) },
  };
}

export async function send({ url, init }: Sent): Promise<Answer> {
  const answer = await fetch(url, init as RequestInit);
  return {
    status: answer.status,
    errorType: answer.headers.get('x-amzn-errortype')?.split(':')[0] ?? null,
    text: await answer.text(),
    headers: answer.headers,
  };
}

export async function signedFetch(hearth: Hearth, signing: Signing): Promise<Answer> {
  return send(await sign(hearth, signing));
}
