// A second of init.
await new Promise((resolve) => setTimeout(resolve, 1000));
export const handler = async (event) => event;
