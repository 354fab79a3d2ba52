// The function that a runtime plays through before it waits for a real one (bootstrap.cjs, `rehearse`).
exports.handler = async (event) => event;
