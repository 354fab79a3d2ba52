import type { Caller } from '../wire/caller.js';
import type { XmlValue } from '../wire/xml.js';
import type { Directory } from './directory.js';
import { type IamFailure, iamLimits, type Policy } from './entity.js';
import { type Form, IamProblem } from './form.js';
import type { Operation, Stamp } from './operations.js';
import { stampText, tagsView } from './roles.js';

export function policyArn(form: Form): string {
  const arn = form.required('PolicyArn');
  if (/^arn:aws:iam::(\d{12}|aws):policy\/[\x21-\x7e]+$/.test(arn)) return arn;
  throw new IamProblem('ValidationError', `ARN ${arn} is not valid.`);
}

export function policyOperations(directory: Directory, stamp: Stamp): Record<string, Operation> {
  const missing = (arn: string): IamFailure => ({
    code: 'NoSuchEntity',
    message: `Policy ${arn} does not exist or is not attachable.`,
  });
  const nameIn = (arn: string) => arn.split('/').at(-1) as string;
  const read = async ({ account }: Caller, form: Form): Promise<Policy> => {
    const arn = policyArn(form);
    const policy = arn.includes(`::${account}:`) ? await directory.policy(account, nameIn(arn)) : null;
    if (policy === null) throw problemOf(missing(arn));
    return policy;
  };
  const change = async (caller: Caller, form: Form, action: (policy: Policy) => Policy | IamFailure | null) => {
    const arn = policyArn(form);
    const changed = await directory.change<Policy>(caller.account, 'policy', nameIn(arn), missing(arn), action);
    if ('code' in changed) throw problemOf(changed);
    return changed;
  };
  const attachments = async ({ account }: Caller, policy: Policy) => {
    const arn = arnOf(account, policy);
    return (await directory.list(account, 'role')).filter(({ attached }) => attached.includes(arn)).length;
  };

  return {
    CreatePolicy: async (caller, form) => {
      const nowMs = stamp.nowMs();
      const document = form.policy('PolicyDocument', iamLimits.policyCharactersMax);
      const policy: Policy = {
        kind: 'policy',
        name: form.name('PolicyName', 128),
        path: form.path(),
        id: stamp.id('ANPA'),
        createdMs: nowMs,
        description: form.optional('Description') ?? '',
        tags: form.tags(),
        versions: [{ id: 'v1', document, createdMs: nowMs }],
        defaultVersion: 'v1',
      };
      if ((await directory.list(caller.account, 'policy')).length >= iamLimits.policiesMax) {
        throw new IamProblem('LimitExceeded', `Cannot exceed quota for PoliciesPerAccount: ${iamLimits.policiesMax}`);
      }
      if (!(await directory.create(caller.account, policy))) {
        throw new IamProblem(
          'EntityAlreadyExists',
          `A policy called ${policy.name} already exists. Duplicate names are not allowed.`,
        );
      }
      return { Policy: view(caller, policy, 0) };
    },
    GetPolicy: async (caller, form) => {
      const policy = await read(caller, form);
      return { Policy: view(caller, policy, await attachments(caller, policy)) };
    },
    ListPolicies: async (caller, form) => {
      const own = form.optional('Scope') === 'AWS' ? [] : await directory.list(caller.account, 'policy');
      return { Policies: own.map((policy) => view(caller, policy, 0)), IsTruncated: 'false' };
    },
    DeletePolicy: async (caller, form) => {
      const policy = await read(caller, form);
      if ((await attachments(caller, policy)) > 0) {
        throw new IamProblem('DeleteConflict', 'Cannot delete a policy attached to entities.');
      }
      await change(caller, form, ({ versions }) =>
        versions.length === 1
          ? null
          : {
              code: 'DeleteConflict',
              message:
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            },
      );
      return null;
    },
    CreatePolicyVersion: async (caller, form) => {
      const document = form.policy('PolicyDocument', iamLimits.policyCharactersMax);
      const asDefault = form.optional('SetAsDefault') === 'true';
      const changed = await change(caller, form, (policy) => {
        if (policy.versions.length >= iamLimits.versionsMax) {
          const message = `A managed policy can have up to ${iamLimits.versionsMax} versions. Before you create a new version, you must delete an existing version.`;
          return { code: 'LimitExceeded', message };
        }
        const last = Number((policy.versions.at(-1) as { id: string }).id.slice(1));
        const version = { id: `v${last + 1}`, document, createdMs: stamp.nowMs() };
        return {
          ...policy,
          versions: [...policy.versions, version],
          ...(asDefault ? { defaultVersion: version.id } : {}),
        };
      });
      return { PolicyVersion: versionView(changed, (changed.versions.at(-1) as { id: string }).id, false) };
    },
    DeletePolicyVersion: async (caller, form) => {
      const id = form.required('VersionId');
      await change(caller, form, (policy) => {
        if (policy.defaultVersion === id) {
          return { code: 'DeleteConflict', message: 'Cannot delete the default version of a policy.' };
        }
        const versions = policy.versions.filter((version) => version.id !== id);
        if (versions.length < policy.versions.length) return { ...policy, versions };
        return { code: 'NoSuchEntity', message: `Policy version ${id} does not exist.` };
      });
      return null;
    },
    GetPolicyVersion: async (caller, form) => {
      const policy = await read(caller, form);
      const id = form.required('VersionId');
      if (!policy.versions.some((version) => version.id === id)) {
        throw new IamProblem(
          'NoSuchEntity',
          `Policy ${form.required('PolicyArn')} version ${id} does not exist or is not attachable.`,
        );
      }
      return { PolicyVersion: versionView(policy, id, true) };
    },
    ListPolicyVersions: async (caller, form) => {
      const policy = await read(caller, form);
      return { Versions: policy.versions.map(({ id }) => versionView(policy, id, false)), IsTruncated: 'false' };
    },
  };
}

const problemOf = ({ code, message }: IamFailure) => new IamProblem(code, message);
const arnOf = (account: string, policy: Policy) => `arn:aws:iam::${account}:policy${policy.path}${policy.name}`;

function view({ account }: Caller, policy: Policy, attachments: number): XmlValue {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: arnOf(account, policy),
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: String(attachments),
    PermissionsBoundaryUsageCount: '0',
    IsAttachable: 'true',
    Description: policy.description === '' ? undefined : policy.description,
    CreateDate: stampText(policy.createdMs),
    UpdateDate: stampText((policy.versions.at(-1) as { createdMs: number }).createdMs),
    Tags: Object.keys(policy.tags).length === 0 ? undefined : tagsView(policy.tags),
  };
}

function versionView(policy: Policy, id: string, full: boolean): XmlValue {
  const version = policy.versions.find((one) => one.id === id) as Policy['versions'][number];
  return {
    Document: full ? encodeURIComponent(version.document) : undefined,
    VersionId: id,
    IsDefaultVersion: String(policy.defaultVersion === id),
    CreateDate: stampText(version.createdMs),
  };
}
