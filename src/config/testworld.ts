/** What tests of the function's machine share: one function's store in memory. */
import type { AccountId, Region } from '../kernel/ids.js';
import type { AttachmentRecord } from './attachments/attachments.js';
import { step } from './machine.js';
import type {
  AliasRecord,
  Code,
  ConfigEffect,
  ConfigInput,
  FunctionId,
  FunctionRecord,
  FunctionState,
  Settings,
  VersionRecord,
} from './messages.js';
import type { UrlRecord } from './urls/messages.js';

export const id: FunctionId = { account: '111111111111' as AccountId, region: 'us-east-1' as Region, name: 'f' };
export const settings: Settings = {
  runtime: 'nodejs20.x',
  role: 'arn:aws:iam::111111111111:role/r',
  handler: 'index.handler',
  description: '',
  timeoutSeconds: 3,
  memoryMib: 128,
  ephemeralMib: 512,
  environment: null,
  tracing: 'PassThrough',
  deadLetterArn: null,
  logFormat: 'Text',
  logGroup: '/aws/lambda/f',
  applicationLogLevel: null,
  systemLogLevel: null,
  snapStart: 'None',
  architecture: 'x86_64',
  layers: [],
};
export const codeOf = (n: number): Code => ({
  sha256Hex: String(n).repeat(64),
  zipBytes: 100 + n,
  unzippedBytes: 200 + n,
});

/** The store of one function in memory, and the inputs the machine is owed. */
export class World {
  record: FunctionRecord | null = null;
  readonly versions = new Map<string, VersionRecord>();
  readonly aliases = new Map<string, AliasRecord>();
  readonly urls = new Map<string, UrlRecord>();
  readonly attachments = new Map<string, AttachmentRecord>();
  owed: Extract<ConfigEffect, { kind: 'prepare' }>[] = [];
  nowMs = 1_000;
  revisions = 0;

  state(): FunctionState | null {
    const { record, versions, aliases, urls, attachments } = this;
    return record === null ? null : { record, versions, aliases, urls, attachments };
  }

  stamp() {
    return { nowMs: this.nowMs, revisionIds: [`r${++this.revisions}`, `r${++this.revisions}`] as const };
  }

  input(input: ConfigInput): readonly ConfigEffect[] {
    const effects = step(id, this.state(), input);
    for (const effect of effects) {
      if (effect.kind === 'prepare') this.owed.push(effect);
      if (effect.kind !== 'write') continue;
      for (const write of effect.writes) {
        if (write.kind === 'function') this.record = write.record;
        else if (write.kind === 'version') {
          if (write.record === null) this.versions.delete(write.version);
          else this.versions.set(write.version, write.record);
        } else if (write.kind === 'url') {
          if (write.record === null) this.urls.delete(write.qualifier);
          else this.urls.set(write.qualifier, write.record);
        } else if (write.kind === 'attachment') {
          if (write.record === null) this.attachments.delete(write.qualifier);
          else this.attachments.set(write.qualifier, write.record);
        } else if (write.record === null) this.aliases.delete(write.name);
        else this.aliases.set(write.name, write.record);
      }
    }
    return effects;
  }

  prepare(failure: string | null = null, snapshot = false): readonly ConfigEffect[] {
    const effect = this.owed.shift();
    if (effect === undefined) return [];
    const { version, generation } = effect;
    const why = failure === null ? null : { code: 'InternalError' as const, message: failure };
    return this.input({ kind: 'prepared', ...this.stamp(), version, generation, failure: why, snapshot });
  }
}
