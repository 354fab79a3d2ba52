/** Functions that draw from every generator their runtime has; what a clone of them answers to `draw`. */

/** Each generator by name, and the values one clone drew from it. */
export type Draws = Readonly<Record<string, readonly string[]>>;

/** Values of each cheap generator a clone draws: more than are drawn ahead anywhere but for integers (1,024). */
export const drawsPerClone = 200;

/** Draws while it loads, too, so that whatever is drawn ahead is there when the snapshot is taken. */
export const nodeDraws = `
const crypto = require('node:crypto');
const fs = require('node:fs');
const tls = require('node:tls');
const { Duplex } = require('node:stream');

const many = (draw) => Array.from({ length: ${drawsPerClone} }, () => String(draw()));

// Made once: it parses all root certificates.
const secureContext = tls.createSecureContext();

/** The 32 bytes that a client begins a handshake with (RFC 8446, 4.1.2). */
function clientRandom() {
  return new Promise((resolve) => {
    const line = new Duplex({ read() {}, write(chunk, _encoding, done) { resolve(chunk.subarray(11, 43).toString('hex')); done(); } });
    tls.connect({ socket: line, servername: 'example.com', secureContext }).on('error', () => {});
  });
}

const ofKernel = () => Array.from({ length: 8 }, () => fs.readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim());

async function draw() {
  return {
    'crypto.randomUUID': many(() => crypto.randomUUID()),
    'crypto.randomBytes': many(() => crypto.randomBytes(12).toString('hex')),
    'crypto.randomInt': many(() => crypto.randomInt(2 ** 48 - 1)),
    'crypto.getRandomValues': many(() => crypto.webcrypto.getRandomValues(new Uint32Array(3)).join('.')),
    'Math.random': many(() => Math.random()),
    'TLS client random': [await clientRandom(), await clientRandom()],
  };
}
const loading = draw();
let kernel;
awslambda.registerBeforeSnapshot(() => loading);
// At once after the restore: a kernel that nobody renewed does so itself after some seconds.
awslambda.registerAfterRestore(() => { kernel = ofKernel(); });
exports.handler = async () => ({ kernel, ...(await draw()) });
`;

export const pythonDraws = `
import os, random, secrets, snapshot_restore_py, ssl, tempfile, uuid

def many(draw):
    return [str(draw()) for _ in range(${drawsPerClone})]

tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

def client_random():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = tls.wrap_bio(incoming, outgoing, server_hostname="example.com")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()[11:43].hex()

def draw():
    return {
        "random": many(random.random),
        "tempfile": [next(tempfile._get_candidate_names()) for _ in range(8)],
        "uuid.uuid1": many(lambda: hex(uuid.uuid1().node) + uuid.uuid1().hex),
        "TLS client random": [client_random(), client_random()],
        "ssl.RAND_bytes": many(lambda: ssl.RAND_bytes(12).hex()),
    }

def of_kernel():
    return {
        "kernel": [open("/proc/sys/kernel/random/uuid").read().strip() for _ in range(8)],
        "secrets": many(lambda: secrets.token_hex(12)),
        "uuid.uuid4": many(uuid.uuid4),
    }

draw()
of_kernel()
drawn = {}

# At once after the restore: a kernel that nobody renewed does so itself after some seconds.
@snapshot_restore_py.register_after_restore
def restored():
    drawn.update(of_kernel())

def handler(event, context):
    return {**drawn, **draw()}
`;

/** Generators that gave a value more than once, over all clones together. */
export function repeated(clones: readonly Draws[]): string[] {
  const names = new Set(clones.flatMap((draws) => Object.keys(draws)));
  return [...names].filter((name) => {
    const values = clones.flatMap((draws) => draws[name] ?? []);
    return new Set(values).size < values.length;
  });
}
