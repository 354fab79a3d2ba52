// As rehearsal.js, as a module.
export const handler = async (event) => event;
