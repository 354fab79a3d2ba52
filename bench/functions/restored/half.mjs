// Half a second of init, as from a database, a secret store, a model.
await new Promise((resolve) => setTimeout(resolve, 500));
export const handler = async (event) => event;
