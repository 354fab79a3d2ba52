import type { Hearth } from '../test/system/hearth.js';
import { signedFetch } from '../test/system/signedfetch.js';

/** Sum of a metric's samples, of those with this label value if one is given (`start="cold"`). */
export async function metric(hearth: Hearth, name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${hearth.endpoint}/metrics`)).text();
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name}{`) && line.includes(label)) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

export interface Status {
  readonly worker: { readonly sandboxes: number };
  readonly queuedEvents: number;
}

export async function statusOf(hearth: Hearth): Promise<Status> {
  return JSON.parse((await signedFetch(hearth, { path: '/_hearth/status' })).text);
}
