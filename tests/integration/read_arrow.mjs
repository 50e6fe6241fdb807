// SPDX-License-Identifier: Apache-2.0
// Prints the columns of an Arrow stream file, as arrow-js reads it, in the
// plain form of columns.py.  Buffers are walked by hand because the library's
// own accessors turn nanosecond times into floats.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as arrow from 'apache-arrow';
import * as fzstd from 'fzstd';

const lz4 = createRequire(import.meta.url)('lz4js');

// Copies, because typed arrays need memory that starts at a multiple of eight.
arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, {
  decode: (bytes) => new Uint8Array(fzstd.decompress(bytes)),
});
arrow.compressionRegistry.set(arrow.CompressionType.LZ4_FRAME, {
  decode: (bytes) => new Uint8Array(lz4.decompress(bytes)),
});

const scratch = new DataView(new ArrayBuffer(8));
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const hex = (bytes) => 'x:' + Buffer.from(bytes).toString('hex');

function double(value) {
  if (Number.isNaN(value)) return 'NaN';
  scratch.setFloat64(0, value);
  return 'f:' + scratch.getBigUint64(0).toString(16).padStart(16, '0');
}

// The values of one arrow.Data, whatever its type.
function values(data) {
  const { type, length } = data;
  const at = valueAt(data, type);
  const out = [];
  for (let i = 0; i < length; i++) {
    out.push(data.nullCount > 0 && !data.getValid(i) ? null : at(i));
  }
  return out;
}

function valueAt(data, type) {
  if (data.offset !== 0) throw new Error('sliced data is not expected');
  if (arrow.DataType.isDictionary(type)) {
    const words = data.dictionary.data.flatMap(values);
    return (i) => words[data.values[i]];
  }
  if (arrow.DataType.isList(type)) {
    const items = values(data.children[0]);
    return (i) => items.slice(data.valueOffsets[i], data.valueOffsets[i + 1]);
  }
  if (arrow.DataType.isStruct(type)) {
    const columns = data.children.map(values);
    return (i) => Object.fromEntries(type.children.map((f, c) => [f.name, columns[c][i]]));
  }
  if (arrow.DataType.isUtf8(type)) {
    return (i) => 's:' + text.decode(
      data.values.subarray(data.valueOffsets[i], data.valueOffsets[i + 1]));
  }
  if (arrow.DataType.isBinary(type)) {
    return (i) => hex(data.values.subarray(data.valueOffsets[i], data.valueOffsets[i + 1]));
  }
  if (arrow.DataType.isFixedSizeBinary(type)) {
    const width = type.byteWidth;
    return (i) => hex(data.values.subarray(i * width, (i + 1) * width));
  }
  if (arrow.DataType.isBool(type)) {
    return (i) => (data.values[i >> 3] >> (i & 7) & 1) === 1;
  }
  if (arrow.DataType.isFloat(type)) return (i) => double(data.values[i]);
  if (arrow.DataType.isInt(type) || arrow.DataType.isTimestamp(type)) {
    return (i) => 'i:' + data.values[i].toString();
  }
  throw new Error(`unexpected type ${type}`);
}

const columns = {};
// Batch by batch: a later dictionary replaces an earlier one.
for (const batch of arrow.RecordBatchReader.from(readFileSync(process.argv[2]))) {
  batch.schema.fields.forEach((field, c) => {
    columns[field.name] = (columns[field.name] ?? []).concat(values(batch.data.children[c]));
  });
}
process.stdout.write(JSON.stringify(columns));
