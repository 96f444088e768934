// What the page carries compressed: the library of charts, and the bytes of all arrays as one text,
// in which "$" marks where one belongs.

const KINDS = {
  f4: Float32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array, i4: Int32Array,
};

function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate')));
}

async function unpack(described, text) {
  return revive(described, await inflated(text).arrayBuffer());
}

// A script element runs as it is put into the page.
async function begin(library) {
  document.head.append(element('script', await inflated(library).text()));
}

function revive(value, buffer) {
  if (Array.isArray(value)) return value.map((held) => revive(held, buffer));
  if (value === null || typeof value !== 'object') return value;
  if ('$' in value) {
    const size = value.shape.reduce((a, b) => a * b, 1);
    const array = new KINDS[value.$](buffer, value.at, size);
    array.shape = value.shape;
    return array;
  }
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, revive(held, buffer)]));
}

// The part of an array that begins with these indices, without a copy.
function part(array, ...indices) {
  let size = array.length, at = 0;
  indices.forEach((index, axis) => {
    size /= array.shape[axis];
    at += index * size;
  });
  return array.subarray(at, at + size);
}
