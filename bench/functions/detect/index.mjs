// The published way to see from inside whether a sandbox was initialized ahead of its first invocation.
// INIT_MS: how long loading takes. Event: {"waitMs": 100} for an invocation that takes so long.
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await pause(Number(process.env.INIT_MS ?? 0));
console.log('loaded');
const loadedMs = Date.now();
let first = true;

export const handler = async ({ waitMs = 0 }) => {
  const proactiveInitialization = first && Date.now() - loadedMs > 10_000;
  console.log({ proactiveInitialization, coldStart: first && !proactiveInitialization });
  first = false;
  await pause(waitMs);
  return { proactiveInitialization };
};
