import { Sha256 } from '@aws-crypto/sha256-js';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { type Credential, CredentialStore } from '../../frontend/signature/credentials.js';
import { DataFolder } from '../datafolder.js';
import { CommandError } from './terminal.js';

/** What every command that talks to a platform accepts. */
export interface ConnectionOptions {
  readonly data: string;
  readonly region?: string | undefined;
  readonly account?: string | undefined;
}

export interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly credential: Credential;
}

/** Finds the platform that serves from the data folder, and the credentials of one of its accounts. */
export function connect(options: ConnectionOptions): Connection {
  const folder = new DataFolder(options.data);
  const platform = folder.platform();
  if (platform === null) {
    throw new CommandError(
      `No platform serves from ${folder.path}. Start one with: hearth up --data ${folder.path}`,
      3,
    );
  }
  const credentials = CredentialStore.open(folder.path);
  const credential = options.account
    ? credentials.list().find(({ account }) => account === options.account)
    : credentials.list()[0];
  if (credential === undefined) throw new CommandError(`There is no account ${options.account} in ${folder.path}`);
  return { endpoint: platform.endpoint, region: options.region ?? credentials.defaultRegion, credential };
}

function clientConfiguration({ endpoint, region, credential }: Connection) {
  const { accessKeyId, secretAccessKey } = credential;
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
}

export async function lambdaClient(connection: Connection): Promise<LambdaClient> {
  quietNodeWarning();
  const { LambdaClient } = await import('@aws-sdk/client-lambda');
  return new LambdaClient(clientConfiguration(connection));
}

export async function logsClient(connection: Connection): Promise<CloudWatchLogsClient> {
  quietNodeWarning();
  const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
  return new CloudWatchLogsClient(clientConfiguration(connection));
}

/** A signed GET of one of Hearth's own resources (`/_hearth/…`), as JSON. */
export function getAdmin<T>(connection: Connection, path: string): Promise<T> {
  return askAdmin(connection, 'GET', path);
}

/** A signed POST without a body. */
export function postAdmin<T>(connection: Connection, path: string): Promise<T> {
  return askAdmin(connection, 'POST', path);
}

async function askAdmin<T>(connection: Connection, method: 'GET' | 'POST', path: string): Promise<T> {
  const url = new URL(path, connection.endpoint);
  const { credentials, region } = clientConfiguration(connection);
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
  const signed = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    headers: { host: url.host },
  });
  const response = await fetch(url, { method, headers: signed.headers, signal: AbortSignal.timeout(5_000) });
  const body = await response.text();
  if (!response.ok) throw new CommandError(`${path}: ${response.status} ${body}`);
  return JSON.parse(body) as T;
}

/** The SDK's remark that it will drop a Node version some day is for its developers, not for a command's users. */
function quietNodeWarning(): void {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
}
