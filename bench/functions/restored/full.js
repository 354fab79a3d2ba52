// Memory full of what cannot be compressed, as a function that keeps a model or a cache. Noise of xorshift, because
// random bytes take a guest without hardware virtualization a minute.
const words = new Uint32Array((Number(process.env.FILL_MIB) * 2 ** 20) / 4);
let noise = Number(process.env.SEED);
for (let at = 0; at < words.length; at += 1) {
  noise ^= noise << 13;
  noise ^= noise >>> 17;
  noise ^= noise << 5;
  words[at] = noise;
}
exports.handler = async (event) => ({ ...event, word: words[event.at ?? 0] });
