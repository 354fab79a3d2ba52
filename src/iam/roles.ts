import type { Caller } from '../wire/caller.js';
import type { XmlValue } from '../wire/xml.js';
import type { Directory } from './directory.js';
import { type IamFailure, iamLimits, type Role } from './entity.js';
import { type Form, IamProblem } from './form.js';
import type { Operation, Stamp } from './operations.js';
import { policyArn } from './policies.js';

const missing = (name: string): IamFailure => ({
  code: 'NoSuchEntity',
  message: `The role with name ${name} cannot be found.`,
});

/** Longest session in seconds: an hour unless asked for, at most twelve. */
const sessionSeconds = { default: 3_600, max: 43_200 };

export function roleOperations(directory: Directory, stamp: Stamp): Record<string, Operation> {
  const nameOf = (form: Form) => form.name('RoleName', 64);
  const read = async (caller: Caller, form: Form): Promise<Role> => {
    const name = nameOf(form);
    const role = await directory.role(caller.account, name);
    if (role === null) throw problemOf(missing(name));
    return role;
  };
  const change = async (
    caller: Caller,
    form: Form,
    action: (role: Role) => Role | IamFailure | null,
  ): Promise<Role> => {
    const name = nameOf(form);
    const changed = await directory.change<Role>(caller.account, 'role', name, missing(name), action);
    if ('code' in changed) throw problemOf(changed);
    return changed;
  };

  return {
    CreateRole: async (caller, form) => {
      const duration = Number(form.optional('MaxSessionDuration') ?? sessionSeconds.default);
      if (!(duration >= sessionSeconds.default && duration <= sessionSeconds.max)) {
        throw new IamProblem(
          'ValidationError',
          `1 validation error detected: Value '${duration}' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between ${sessionSeconds.default} and ${sessionSeconds.max}`,
        );
      }
      const role: Role = {
        kind: 'role',
        name: nameOf(form),
        path: form.path(),
        id: stamp.id('AROA'),
        createdMs: stamp.nowMs(),
        trustPolicy: form.policy('AssumeRolePolicyDocument', iamLimits.trustCharactersMax),
        description: form.optional('Description') ?? '',
        sessionSecondsMax: duration,
        tags: form.tags(),
        policies: {},
        attached: [],
      };
      if ((await directory.list(caller.account, 'role')).length >= iamLimits.rolesMax) {
        throw new IamProblem('LimitExceeded', `Cannot exceed quota for RolesPerAccount: ${iamLimits.rolesMax}`);
      }
      if (!(await directory.create(caller.account, role))) {
        throw new IamProblem('EntityAlreadyExists', `Role with name ${role.name} already exists.`);
      }
      return { Role: view(caller, role) };
    },
    GetRole: async (caller, form) => ({ Role: view(caller, await read(caller, form)) }),
    ListRoles: async (caller, form) => {
      const prefix = form.optional('PathPrefix') ?? '/';
      const roles = (await directory.list(caller.account, 'role')).filter(({ path }) => path.startsWith(prefix));
      return { Roles: roles.map((role) => view(caller, role)), IsTruncated: 'false' };
    },
    DeleteRole: async (caller, form) => {
      await change(caller, form, (role) => {
        if (role.attached.length > 0) return conflict('Cannot delete entity, must detach all policies first.');
        if (Object.keys(role.policies).length > 0) return conflict('Cannot delete entity, must delete policies first.');
        return null;
      });
      return null;
    },
    UpdateRole: async (caller, form) => {
      await change(caller, form, (role) => ({
        ...role,
        description: form.optional('Description') ?? role.description,
        sessionSecondsMax: Number(form.optional('MaxSessionDuration') ?? role.sessionSecondsMax),
      }));
      return {};
    },
    UpdateRoleDescription: async (caller, form) => {
      const description = form.required('Description');
      return { Role: view(caller, await change(caller, form, (role) => ({ ...role, description }))) };
    },
    UpdateAssumeRolePolicy: async (caller, form) => {
      const trustPolicy = form.policy('PolicyDocument', iamLimits.trustCharactersMax);
      await change(caller, form, (role) => ({ ...role, trustPolicy }));
      return null;
    },
    TagRole: async (caller, form) => {
      const tags = form.tags();
      await change(caller, form, (role) => {
        const all = { ...role.tags, ...tags };
        if (Object.keys(all).length <= iamLimits.tagsMax) return { ...role, tags: all };
        return { code: 'LimitExceeded', message: `Cannot exceed quota for TagsPerRole: ${iamLimits.tagsMax}` };
      });
      return null;
    },
    UntagRole: async (caller, form) => {
      const keys = new Set(form.list('TagKeys'));
      await change(caller, form, (role) => ({
        ...role,
        tags: Object.fromEntries(Object.entries(role.tags).filter(([key]) => !keys.has(key))),
      }));
      return null;
    },
    ListRoleTags: async (caller, form) => ({ Tags: tagsView((await read(caller, form)).tags), IsTruncated: 'false' }),

    PutRolePolicy: async (caller, form) => {
      const name = form.name('PolicyName', 128);
      const document = form.policy('PolicyDocument', iamLimits.inlineCharactersMax);
      await change(caller, form, (role) => {
        const policies = { ...role.policies, [name]: document };
        const characters = Object.values(policies).reduce((sum, text) => sum + text.replace(/\s/g, '').length, 0);
        if (characters <= iamLimits.inlineCharactersMax) return { ...role, policies };
        const message = `Maximum policy size of ${iamLimits.inlineCharactersMax} bytes exceeded for role ${role.name}`;
        return { code: 'LimitExceeded', message };
      });
      return null;
    },
    GetRolePolicy: async (caller, form) => {
      const role = await read(caller, form);
      const name = form.name('PolicyName', 128);
      const document = role.policies[name];
      if (document === undefined) throw problemOf(missingPolicy(name));
      return { RoleName: role.name, PolicyName: name, PolicyDocument: encodeURIComponent(document) };
    },
    DeleteRolePolicy: async (caller, form) => {
      const name = form.name('PolicyName', 128);
      await change(caller, form, (role) => {
        if (role.policies[name] === undefined) return missingPolicy(name);
        const { [name]: _, ...policies } = role.policies;
        return { ...role, policies };
      });
      return null;
    },
    ListRolePolicies: async (caller, form) => ({
      PolicyNames: Object.keys((await read(caller, form)).policies).sort(),
      IsTruncated: 'false',
    }),

    AttachRolePolicy: async (caller, form) => {
      const arn = policyArn(form);
      await change(caller, form, (role) => {
        if (role.attached.includes(arn)) return role;
        if (role.attached.length < iamLimits.attachedMax) return { ...role, attached: [...role.attached, arn] };
        const message = `Cannot exceed quota for PoliciesPerRole: ${iamLimits.attachedMax}`;
        return { code: 'LimitExceeded', message };
      });
      return null;
    },
    DetachRolePolicy: async (caller, form) => {
      const arn = policyArn(form);
      await change(caller, form, (role) => {
        if (role.attached.includes(arn)) return { ...role, attached: role.attached.filter((one) => one !== arn) };
        return { code: 'NoSuchEntity', message: `Policy ${arn} was not found.` };
      });
      return null;
    },
    ListAttachedRolePolicies: async (caller, form) => ({
      AttachedPolicies: (await read(caller, form)).attached.map((arn) => ({
        PolicyName: arn.split('/').at(-1) as string,
        PolicyArn: arn,
      })),
      IsTruncated: 'false',
    }),
    // Instances are not of this world; tools ask before they delete a role.
    ListInstanceProfilesForRole: async (caller, form) => {
      await read(caller, form);
      return { InstanceProfiles: [], IsTruncated: 'false' };
    },
  };
}

const conflict = (message: string): IamFailure => ({ code: 'DeleteConflict', message });
const missingPolicy = (name: string): IamFailure => ({
  code: 'NoSuchEntity',
  message: `The role policy with name ${name} cannot be found.`,
});
const problemOf = ({ code, message }: IamFailure) => new IamProblem(code, message);

export function tagsView(tags: Readonly<Record<string, string>>): XmlValue {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function view({ account }: Caller, role: Role): XmlValue {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: `arn:aws:iam::${account}:role${role.path}${role.name}`,
    CreateDate: stampText(role.createdMs),
    AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
    Description: role.description === '' ? undefined : role.description,
    MaxSessionDuration: String(role.sessionSecondsMax),
    Tags: Object.keys(role.tags).length === 0 ? undefined : tagsView(role.tags),
  };
}

/** `2026-01-01T00:00:00Z`: IAM shows no parts of seconds. */
export function stampText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
