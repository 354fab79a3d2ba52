// What a function looks like: initialization once per execution environment, the handler once per invocation.
const initializedAt = Date.now();
let invocations = 0;

export const handler = async (event, context) => {
  invocations += 1;
  console.log('hello from', context.functionName, 'invocation', invocations);
  return { hello: event.name ?? 'world', runtime: `Node ${process.version}`, invocations, ageMs: Date.now() - initializedAt };
};
