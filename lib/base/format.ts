/**
 * TensorFlow's print format of tensors and variables (NumPy's array printing inside `tf.Tensor(...)`). Knows elements,
 * shape and dtype, and no tensor. Checked against TensorFlow 2.21 and NumPy 2.4.
 */
import type { DType } from './dtype.js';

// NumPy's defaults, which TensorFlow leaves as they are.
const kPrecision = 8;
const kLineWidth = 75;
const kSummaryAbove = 1000;
const kEdgeItems = 3;

/** Elements in row-major order, or one number that all elements equal. */
type Values = ArrayLike<number> | number;

/** What Python's `print(tensor)` shows for these values. */
export function formatTensor(values: Values, shape: readonly number[], dtype: DType): string {
  return `tf.Tensor(${ownLines(formatArray(values, shape, dtype))}, shape=${tuple(shape)}, dtype=${dtype})`;
}

/** What Python's `print(variable)` shows, without the `:0` behind the name. */
export function formatVariable(name: string, values: Values, shape: readonly number[], dtype: DType): string {
  // A float32 scalar is printed like a double, because Python's float is one.
  const text =
    shape.length === 0
      ? formatScalar(at(values, 0), dtype === 'float32' ? 'float64' : dtype)
      : representArray(values, shape, dtype);
  return `<tf.Variable '${name}' shape=${tuple(shape)} dtype=${dtype}, numpy=${ownLines(text)}>`;
}

function ownLines(text: string): string {
  return text.includes('\n') ? `\n${text}` : text;
}

function tuple(shape: readonly number[]): string {
  return `(${shape.length === 1 ? `${shape[0]},` : shape.join(', ')})`;
}

function at(values: Values, offset: number): number {
  return typeof values === 'number' ? values : (values[offset] ?? 0);
}

/** NumPy's `str(array)`. */
function formatArray(values: Values, shape: readonly number[], dtype: DType): string {
  return shape.length === 0 ? formatScalar(at(values, 0), dtype) : elements(values, shape, dtype, ' ', ' ', kLineWidth);
}

/** NumPy's `repr(array)`. */
function representArray(values: Values, shape: readonly number[], dtype: DType): string {
  const open = 'array(';
  const indent = ' '.repeat(open.length);
  const size = sizeOf(shape);
  const text = open + elements(values, shape, dtype, ', ', `${indent} `, kLineWidth - 1);
  const extras: string[] = [];
  if (size > kSummaryAbove || (size === 0 && shape.length > 1)) extras.push(`shape=${tuple(shape)}`);
  if (size === 0 || (dtype !== 'float64' && dtype !== 'bool')) extras.push(`dtype=${dtype}`);
  if (extras.length === 0) return `${text})`;
  const extra = `${extras.join(', ')})`;
  const lastLine = text.length - text.lastIndexOf('\n'); // and a comma
  return `${text},${lastLine + extra.length + 1 > kLineWidth ? `\n${indent}` : ' '}${extra}`;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

function elements(
  values: Values,
  shape: readonly number[],
  dtype: DType,
  separator: string,
  indent: string,
  width: number,
): string {
  const size = sizeOf(shape);
  if (size === 0) return '[]';
  const summarise = size > kSummaryAbove;
  const cells = formatCells(
    shownOffsets(shape, summarise).map((offset) => at(values, offset)),
    dtype,
  );
  return layOut(cells, shape, summarise, separator, indent, width);
}

/** Row-major offsets of the elements that are printed, in printing order. */
function shownOffsets(shape: readonly number[], summarise: boolean): number[] {
  let offsets = [0];
  for (const dim of shape) {
    const skipped = summarise && dim > 2 * kEdgeItems;
    const next: number[] = [];
    for (const offset of offsets) {
      for (let i = 0; i < dim; i++) {
        if (skipped && i === kEdgeItems) i = dim - kEdgeItems;
        next.push(offset * dim + i);
      }
    }
    offsets = next;
  }
  return offsets;
}

function layOut(
  cells: readonly string[],
  shape: readonly number[],
  summarise: boolean,
  separator: string,
  firstIndent: string,
  lineWidth: number,
): string {
  const comma = separator.trimEnd();
  let next = 0;
  const cell = (): string => cells[next++] ?? '';

  function bracketed(axis: number, indent: string, width: number): string {
    const dim = shape[axis] ?? 0;
    const skipped = summarise && dim > 2 * kEdgeItems;
    const items = skipped ? 2 * kEdgeItems + 1 : dim;
    const axesLeft = shape.length - axis;
    if (axesLeft > 1) {
      const rows: string[] = [];
      for (let i = 0; i < items; i++) {
        rows.push(skipped && i === kEdgeItems ? '...' : bracketed(axis + 1, `${indent} `, width - 1));
      }
      return `[${rows.join(comma + '\n'.repeat(axesLeft - 1) + indent)}]`;
    }
    let done = '';
    let line = indent;
    for (let i = 0; i < items; i++) {
      const word = skipped && i === kEdgeItems ? '...' : cell();
      if (line.length + word.length > width - 1 && line.length > indent.length) {
        done += `${line.trimEnd()}\n`;
        line = indent;
      }
      line += i + 1 < items ? word + separator : word;
    }
    return `[${(done + line).slice(indent.length)}]`;
  }

  return bracketed(0, firstIndent, lineWidth);
}

function formatScalar(value: number, dtype: DType): string {
  if (dtype === 'bool') return value ? 'True' : 'False';
  if (dtype !== 'float32' && dtype !== 'float64') return String(value);
  if (!Number.isFinite(value)) return nonFinite(value);
  const abs = Math.abs(value);
  return abs === 0 || (abs >= 1e-4 && abs < (dtype === 'float32' ? 1e6 : 1e16))
    ? positional(value, dtype, Number.POSITIVE_INFINITY, true).join('.')
    : scientific(value, dtype, Number.POSITIVE_INFINITY, 0).join('e').replace('.e', 'e');
}

function formatCells(values: readonly number[], dtype: DType): string[] {
  if (dtype === 'bool') return values.map((value) => (value ? ' True' : 'False'));
  if (dtype === 'float32' || dtype === 'float64') return formatFloats(values, dtype);
  return padStart(values.map(String));
}

function padStart(texts: readonly string[]): string[] {
  const width = longest(texts);
  return texts.map((word) => word.padStart(width));
}

function longest(texts: readonly string[]): number {
  return texts.reduce((max, word) => Math.max(max, word.length), 0);
}

type FloatType = 'float32' | 'float64';

// All elements in one form (positional or scientific), which NumPy's FloatingFormat chooses; decimal points are
// aligned.
function formatFloats(values: readonly number[], dtype: FloatType): string[] {
  const finite = values.filter(Number.isFinite);
  const exponential = needsExponent(finite, dtype);
  let strings: string[];
  let left = 0;
  let right = 0;
  if (exponential) {
    const shortest = finite.map((value) => scientific(value, dtype, kPrecision, 0));
    const digits = longest(shortest.map(([mantissa]) => mantissa.slice(mantissa.indexOf('.') + 1)));
    const exponentDigits = longest(shortest.map(([, exponent]) => exponent)) - 1;
    const padded = finite.map((value) => scientific(value, dtype, digits, digits, exponentDigits));
    left = longest(padded.map(([mantissa]) => mantissa.slice(0, mantissa.indexOf('.'))));
    right = digits + 2 + exponentDigits;
    strings = padded.map(([mantissa, exponent]) => `${mantissa}e${exponent}`);
    strings = strings.map((text) => text.padStart(left + 1 + right));
  } else {
    const parts = finite.map((value) => positional(value, dtype, kPrecision, false));
    left = longest(parts.map(([whole]) => whole));
    right = longest(parts.map(([, fraction]) => fraction));
    strings = parts.map(([whole, fraction]) => `${whole.padStart(left)}.${fraction.padEnd(right)}`);
  }
  if (finite.length === values.length) return strings;
  const longestName = values.includes(Number.NEGATIVE_INFINITY) ? 4 : 3;
  const width = Math.max(left + 1 + right, longestName);
  let next = 0;
  return values.map((value) => (Number.isFinite(value) ? (strings[next++] ?? '') : nonFinite(value)).padStart(width));
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
}

function needsExponent(finite: readonly number[], dtype: FloatType): boolean {
  let max = 0;
  let min = Number.POSITIVE_INFINITY;
  for (const value of finite) {
    const abs = Math.abs(value);
    if (abs === 0) continue;
    max = Math.max(max, abs);
    min = Math.min(min, abs);
  }
  if (max === 0) return false;
  // NumPy compares in the array's own precision.
  if (dtype === 'float32') return max >= 1e6 || min < Math.fround(1e-4) || Math.fround(max / min) > 1000;
  return max >= 1e8 || min < 1e-4 || max / min > 1000;
}

// [whole, fraction] of the shortest decimal that reads back as the value, rounded to `precision` decimals if it has
// more.
function positional(value: number, dtype: FloatType, precision: number, keepZero: boolean): [string, string] {
  const { digits, exponent } = decimalDigits(value, dtype, 'fraction', precision, 0);
  const sign = isNegative(value) ? '-' : '';
  const whole = exponent >= 0 ? digits.slice(0, exponent + 1).padEnd(exponent + 1, '0') : '0';
  const fraction = exponent >= 0 ? digits.slice(exponent + 1) : '0'.repeat(-exponent - 1) + digits;
  return [sign + whole, fraction.replace(/0+$/, '') || (keepZero ? '0' : '')];
}

// [mantissa, exponent], as in ["1.25", "+03"]: from `minDigits` to `precision` digits follow the point.
function scientific(
  value: number,
  dtype: FloatType,
  precision: number,
  minDigits: number,
  exponentDigits = 2,
): [string, string] {
  const { digits, exponent } = decimalDigits(value, dtype, 'total', precision + 1, minDigits + 1);
  const fraction = digits.slice(1).replace(/0+$/, '').padEnd(minDigits, '0');
  const power = Math.abs(exponent).toString().padStart(exponentDigits, '0');
  return [`${isNegative(value) ? '-' : ''}${digits[0]}.${fraction}`, (exponent < 0 ? '-' : '+') + power];
}

function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

interface Digits {
  digits: string; // significant decimal digits
  exponent: number; // power of ten of the first one
}

const bits = new DataView(new ArrayBuffer(8));

// The value as mantissa * 2**exponent. `unequalGaps`: it is a power of two, whose gap to the next float below is half
// of that above.
function decode(value: number, dtype: FloatType): { mantissa: bigint; exponent: number; unequalGaps: boolean } {
  if (dtype === 'float32') {
    bits.setFloat32(0, value);
    const word = bits.getUint32(0);
    const biased = (word >>> 23) & 0xff;
    const fraction = word & 0x7fffff;
    if (biased === 0) return { mantissa: BigInt(fraction), exponent: -149, unequalGaps: false };
    return { mantissa: BigInt(fraction + 0x800000), exponent: biased - 150, unequalGaps: biased > 1 && fraction === 0 };
  }
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const biased = Number((word >> 52n) & 0x7ffn);
  const fraction = word & 0xfffffffffffffn;
  if (biased === 0) return { mantissa: fraction, exponent: -1074, unequalGaps: false };
  return { mantissa: fraction + (1n << 52n), exponent: biased - 1075, unequalGaps: biased > 1 && fraction === 0n };
}

// Steele and White's Dragon4 in exact integers: the fewest digits that read back as the value, but at least `atLeast`
// and at most `atMost` of them, counted in total or after the point; the last one is rounded, ties to even.
function decimalDigits(
  value: number,
  dtype: FloatType,
  counted: 'total' | 'fraction',
  atMost: number,
  atLeast: number,
): Digits {
  if (value === 0) return { digits: '0', exponent: 0 };
  const { mantissa, exponent: power, unequalGaps } = decode(value, dtype);
  const even = (mantissa & 1n) === 0n;
  const extra = unequalGaps ? 2 : 1;
  // value = rest / scale; half the gaps to the neighbours are gapBelow / scale and gapAbove / scale.
  let rest = mantissa << BigInt(extra + Math.max(power, 0));
  let scale = 1n << BigInt(extra + Math.max(-power, 0));
  let gapBelow = 1n << BigInt(Math.max(power, 0));
  let gapAbove = unequalGaps ? gapBelow << 1n : gapBelow;

  let exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= 0) {
    scale *= 10n ** BigInt(exponent);
  } else {
    const up = 10n ** BigInt(-exponent);
    rest *= up;
    gapBelow *= up;
    gapAbove *= up;
  }
  const times10 = (): void => {
    rest *= 10n;
    gapBelow *= 10n;
    gapAbove *= 10n;
  };
  // log10 may be off by one next to a power of ten.
  if (rest >= scale * 10n) {
    scale *= 10n;
    exponent++;
  } else if (rest < scale) {
    times10();
    exponent--;
  }

  const lastAllowed = counted === 'total' ? exponent - atMost + 1 : -atMost;
  const firstAllowed = counted === 'total' ? exponent - atLeast + 1 : exponent;
  const digits: number[] = [];
  let position = exponent;
  for (;;) {
    const digit = Number(rest / scale);
    rest %= scale;
    const low = even ? rest <= gapBelow : rest < gapBelow;
    const high = even ? rest + gapAbove >= scale : rest + gapAbove > scale;
    if (((low || high) && position <= firstAllowed) || position === lastAllowed) {
      const twice = rest * 2n;
      const down = low !== high ? low : twice < scale || (twice === scale && digit % 2 === 0);
      digits.push(down ? digit : digit + 1);
      break;
    }
    digits.push(digit);
    times10();
    position--;
  }
  // Carry a rounded-up 10 to the left.
  for (let i = digits.length - 1; digits[i] === 10; i--) {
    digits.pop();
    if (i === 0) {
      digits.push(1);
      exponent++;
      break;
    }
    digits[i - 1] = (digits[i - 1] ?? 0) + 1;
  }
  return { digits: digits.join(''), exponent };
}
