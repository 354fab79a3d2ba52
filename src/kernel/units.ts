/** Units, so that no file multiplies by 1024 on its own. Names put the unit last: `idleMsMax`, `memoryMib`. */
export const kib = 1024;
export const mib = 1024 * kib;
export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
