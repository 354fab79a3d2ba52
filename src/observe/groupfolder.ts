import { createHash } from 'node:crypto';

/** Longest folder name made by plain escaping; file systems allow 255 bytes. */
const plainCharsMax = 200;

/**
 * Folder of a log group: its name with every character but letters, digits, `-`, `_` and `.` escaped as `%XX`.
 * Names that would be too long are cut and get a hash; their full name is only in `group.json`.
 */
export function groupFolder(name: string): string {
  const escaped = encodeURIComponent(name)
    .replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\./, '%2E');
  if (escaped.length <= plainCharsMax) return escaped;
  return `${escaped.slice(0, plainCharsMax - 65)}~${createHash('sha256').update(name).digest('hex')}`;
}

/** The group's name, or null when it must be read from `group.json`, or `undefined` when it is no group's folder. */
export function groupOfFolder(folder: string): string | null | undefined {
  if (folder.startsWith('.')) return undefined;
  if (folder.includes('~')) return null;
  try {
    return decodeURIComponent(folder);
  } catch {
    return undefined;
  }
}
