/** Extensions of our own that follow the documented protocol, as texts of executable files. */

/**
 * In Node, for boxes that have one: registers under its file's name, prints every event, and runs `hooks`: code with
 * `call(method, path, headers, body)`, `identifier`, `say(text)`, before `next` (`ready`) and on an event (`on`).
 */
export function nodeExtension(hooks: { readonly ready?: string; readonly on?: string; readonly events?: string } = {}) {
  return `#!/var/lang/bin/node
const http = require('node:http'), net = require('node:net'), fs = require('node:fs');
const name = require('node:path').basename(process.argv[1]);
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const say = (text) => process.stdout.write(name + ' ' + text + '\\n');
const call = (method, path, headers = {}, body = '') => new Promise((resolve, reject) => {
  const sent = http.request({ host, port, method, path, headers, agent: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece) => { text += piece; });
    answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
  });
  sent.on('error', reject);
  sent.end(body);
});
const base = '/2020-01-01/extension';
(async () => {
  const registered = await call('POST', base + '/register',
    { 'Lambda-Extension-Name': name, 'Lambda-Extension-Accept-Feature': 'accountId' },
    JSON.stringify({ events: ${hooks.events ?? "['INVOKE', 'SHUTDOWN']"} }));
  say('registered ' + registered.status + ' ' + registered.text);
  const identifier = registered.headers['lambda-extension-identifier'];
  const mine = { 'Lambda-Extension-Identifier': identifier };
  const subscribe = (api, request) => call('PUT', api, mine, JSON.stringify(request));
  ${hooks.ready ?? ''}
  for (;;) {
    const { status, text } = await call('GET', base + '/event/next', mine);
    if (status !== 200) { say('refused ' + text); process.exit(9); }
    const event = JSON.parse(text);
    say(event.eventType + ' ' + (event.requestId ?? event.shutdownReason));
    ${hooks.on ?? ''}
    if (event.eventType === 'SHUTDOWN') process.exit(0);
  }
})();
`;
}

/** In Python, with the standard library only. */
export const pythonExtension = `#!/usr/bin/python3
import json, os, sys, urllib.request
base = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2020-01-01/extension'
name = os.path.basename(__file__)
def call(path, headers, body=None):
    with urllib.request.urlopen(urllib.request.Request(base + path, data=body, headers=headers)) as answer:
        return answer.headers, json.loads(answer.read())
headers, answer = call('/register', {'Lambda-Extension-Name': name}, b'{"events": ["INVOKE", "SHUTDOWN"]}')
print(name, 'registered', answer['functionName'], flush=True)
while True:
    _, event = call('/event/next', {'Lambda-Extension-Identifier': headers['Lambda-Extension-Identifier']})
    print(name, event['eventType'], event.get('requestId', event.get('shutdownReason')), flush=True)
    if event['eventType'] == 'SHUTDOWN':
        sys.exit(0)
`;

/** In shell, with curl. */
export const shellExtension = `#!/bin/bash
base="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
name=$(basename "$0")
curl -sS -D /tmp/$name.head -X POST -H "Lambda-Extension-Name: $name" -d '{"events": ["INVOKE", "SHUTDOWN"]}' \\
  "$base/register" > /dev/null
id=$(grep -i '^lambda-extension-identifier:' /tmp/$name.head | tr -d '\\r' | cut -d' ' -f2)
echo "$name registered" > /dev/stderr
while :; do
  event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$base/event/next")
  echo "$name $event" > /dev/stdout
  case $event in *SHUTDOWN*) exit 0 ;; esac
done
`;

/** A function of a custom runtime: says what it got. */
export const shellBootstrap = `#!/bin/bash
base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
trap 'echo "runtime SIGTERM"; exit 0' TERM
while :; do
  curl -sS -D /tmp/head "$base/invocation/next" > /tmp/event &
  wait $!
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/head | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -d @/tmp/event "$base/invocation/$id/response" > /dev/null
done
`;
