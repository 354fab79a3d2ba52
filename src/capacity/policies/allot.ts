import type { AllotPolicy, Allotted } from './policy.js';

/** Worth by memory, best first; of each as many as memory and starts still allow. */
export const allotByWorth: AllotPolicy = (wants, budget) => {
  let { memoryMib, startsMax } = budget;
  const allotted: Allotted[] = [];
  const inOrder = [...wants].sort((one, other) => other.worth / other.memoryMib - one.worth / one.memoryMib);
  for (const want of inOrder) {
    const more = Math.min(want.count - want.have, startsMax, Math.floor(memoryMib / want.memoryMib));
    if (more <= 0) continue;
    memoryMib -= more * want.memoryMib;
    startsMax -= more;
    allotted.push({ version: want.version, count: want.have + more });
  }
  return allotted;
};
