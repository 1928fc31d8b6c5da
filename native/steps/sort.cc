// Sorting along an axis, and searching in what is sorted.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/kernels.h"
#include "step.h"

namespace gradtape {
namespace {

#define GRADTAPE_APART __attribute__((noinline))  // one piece of code for all that call it

constexpr int64_t kInserted = 64;  // elements, or results, up to which they are inserted one by one

// Elements are sorted by keys: unsigned integers of the same order. Both zeros have one key, and so has every NaN,
// which is larger than all numbers. Keys in descending order are all flipped.
template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class K>
constexpr K kSign = K(1) << (8 * sizeof(K) - 1);
template <class K>
constexpr K kInfinity = sizeof(K) == 8 ? K(uint64_t{0x7FF0} << 48) : K(0x7F800000);
template <class K>
constexpr K kNaN = sizeof(K) == 8 ? K(uint64_t{0x7FF8} << 48) : K(0x7FC00000);  // the bits of one

template <class T>
KeyOf<T> key_of(T x) {
  using K = KeyOf<T>;
  if constexpr (std::is_floating_point_v<T>) {
    K bits;  // and integers only, which compilers make vectors of
    std::memcpy(&bits, &x, sizeof bits);
    const K key = bits ^ (K(std::make_signed_t<K>(bits) >> (8 * sizeof(K) - 1)) | kSign<K>), size = bits << 1;
    return size > kInfinity<K> << 1 ? kNaN<K> | kSign<K> : size == 0 ? kSign<K> : key;
  } else {
    return std::is_signed_v<T> ? K(x) ^ kSign<K> : K(x);
  }
}
template <class T>
T element_of(KeyOf<T> key) {
  using K = KeyOf<T>;
  if constexpr (std::is_floating_point_v<T>) {
    key = key & kSign<K> ? K(key ^ kSign<K>) : K(~key);
    T x;
    std::memcpy(&x, &key, sizeof x);
    return x;
  } else {
    return T(std::is_signed_v<T> ? key ^ kSign<K> : key);
  }
}

constexpr int64_t kChunk = 512;  // elements that become keys at once, and back

// By vectors, items of 64 bits are sorted as doubles. Keys of 32 bits with places, of 31, are the bits of the doubles
// around zero, of which there are as many.
constexpr int kPlaceBits = 31;
constexpr uint64_t kMiddle = uint64_t{1} << 62;
uint64_t turned(uint64_t x) {  // between -n in two's complement and n with a sign, either way
  const uint64_t below = 0 - (x >> 63);
  return ((x ^ below) - below) ^ (below & kSign<uint64_t>);
}
uint64_t real_of(uint64_t item) { return turned(item - kMiddle); }
uint64_t item_of(uint64_t real) { return turned(real) + kMiddle; }

// What is done with the elements of a dtype.
template <class K>
struct Elements {
  void (*keys)(const char* x, int64_t n, K flip, K* keys);
  void (*write)(const K* keys, int64_t n, K flip, char* out);
  // Zeros keep their signs, which the keys do not have: they stand in the order of the operand, from result `first` on.
  // null: for integers.
  void (*zeros)(const char* x, int64_t n, int64_t stride, char* out, int64_t first, int64_t count);
};

template <class T>
void read_keys(const char* x, int64_t n, KeyOf<T> flip, KeyOf<T>* keys) {
  for (int64_t i = 0; i < n; ++i) keys[i] = key_of(reinterpret_cast<const T*>(x)[i]) ^ flip;
}
template <class T>
void write_keys(const KeyOf<T>* keys, int64_t n, KeyOf<T> flip, char* out) {
  for (int64_t i = 0; i < n; ++i) reinterpret_cast<T*>(out)[i] = element_of<T>(keys[i] ^ flip);
}
template <class T>
void write_zeros(const char* from, int64_t n, int64_t stride, char* to, int64_t first, int64_t count) {
  const T* x = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to) + first * stride;
  int64_t at = 0;
  for (int64_t i = 0; i < n && at < count && out[at * stride] == 0; ++i) {
    if (x[i * stride] == 0) out[at++ * stride] = x[i * stride];
  }
}

template <class T>
constexpr Elements<KeyOf<T>> elements_kind() {
  if constexpr (std::is_floating_point_v<T>) return {read_keys<T>, write_keys<T>, write_zeros<T>};
  return {read_keys<T>, write_keys<T>, nullptr};
}

// n elements of a size, with strides in elements.
GRADTAPE_APART void copy(int64_t size, char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n) {
  for (int64_t i = 0; i < n; ++i, to += to_stride * size, from += from_stride * size) {
    if (size == 4)
      std::memcpy(to, from, 4);
    else if (size == 8)
      std::memcpy(to, from, 8);
    else
      *to = *from;
  }
}

// What is sorted are items: keys, or keys with the place that each comes from below it, so that equal keys stay in
// order. The first `count` of n items:
template <class E>
GRADTAPE_APART void insert_each(const E* x, int64_t n, E* to, int64_t count) {
  int64_t held = 0;
  for (int64_t i = 0; i < n; ++i) {
    const E item = x[i];
    if (held == count && !(item < to[count - 1])) continue;
    int64_t j = held < count ? held++ : count - 1;
    for (; j > 0 && to[j - 1] > item; --j) to[j] = to[j - 1];
    to[j] = item;
  }
}

// Radix sort by digits of so many bits from bit `first` on, the lowest first: a pass moves the items to where their
// digit begins, in order. A digit that all items share needs no pass. Returns where the sorted ones are.
template <class E>
GRADTAPE_APART E* radix(E* from, E* to, int64_t n, int first, int bits, int digits) {
  uint32_t counts[3 << 11];
  const uint32_t mask = (1u << bits) - 1;
  std::memset(counts, 0, sizeof(uint32_t) * size_t(digits << bits));
  for (int64_t i = 0; i < n; ++i) {
    for (int d = 0; d < digits; ++d) ++counts[(uint32_t(d) << bits) + (uint32_t(from[i] >> (first + d * bits)) & mask)];
  }
  for (int d = 0; d < digits; ++d) {
    const int shift = first + d * bits;
    uint32_t* const at = counts + (d << bits);
    if (at[uint32_t(from[0] >> shift) & mask] == uint32_t(n)) continue;
    uint32_t sum = 0;
    for (uint32_t digit = 0; digit <= mask; ++digit) {
      const uint32_t here = at[digit];
      at[digit] = sum;
      sum += here;
    }
    for (int64_t i = 0; i < n; ++i) to[at[uint32_t(from[i] >> shift) & mask]++] = from[i];
    E* const swap = from;
    from = to;
    to = swap;
  }
  return from;
}

__extension__ using Wide = unsigned __int128;
constexpr int64_t kWideDigits = 1 << 13;  // keys of 32 bits from which fewer passes are worth more counters

template <class K, class E>
E* radix_items(E* from, E* to, int64_t n, int shift) {
  if (sizeof(E) == 4 && n >= kWideDigits) return radix(from, to, n, 0, 11, 3);
  return radix(from, to, n, shift, 8, int(sizeof(K)));
}

// Of a tensor [outer, length, inner], along the middle axis: the first `count`.
struct Sort {
  int64_t outer, length, inner, count;
  bool descending;
  explicit Sort(const Value& v)
      : outer(attribute(v, 0)),
        length(attribute(v, 1)),
        inner(attribute(v, 2)),
        count(outer * inner > 0 ? v.size / (outer * inner) : 0),
        descending(attribute(v, 3) != 0) {}
  bool inserts() const { return length <= kInserted || count <= kInserted / 4; }
  // A long line is cut by its values, so that several threads can sort it.
  int64_t pieces() const { return outer * inner < kPieces && length >= kCut && !inserts() ? kPieces : 1; }
  static constexpr int64_t kPieces = 16, kCut = 1 << 16;
};

const char* check_sort(const Value& v, Operands x) {
  if (x[0].dtype != v.dtype) return "wrong dtype";
  int64_t lines, size;
  for (int i = 0; i < 3; ++i) {
    if (attribute(v, i) < 0) return "negative attribute";
  }
  if (__builtin_mul_overflow(attribute(v, 0), attribute(v, 2), &lines)) return "sizes overflow";
  if (__builtin_mul_overflow(lines, attribute(v, 1), &size)) return "sizes overflow";
  if (size != x[0].size || attribute(v, 1) > INT32_MAX) return "sizes differ from the attributes";
  if (lines == 0) return v.size == 0 ? nullptr : "wrong shape";
  return v.size % lines == 0 && v.size <= size ? nullptr : "wrong shape";
}
// Result 1: of each element, where it comes from.
const char* check_places(const Value& v, Operands, int, const Value& places) {
  return places.dtype == kInt32 && same_shape(v, places) ? nullptr : "places are int32, of the shape of the result";
}

double sort_work(const Value&, Operands x) { return double(x[0].size) * 32; }

int64_t sort_units(const Value& v, Operands, const Kernels&) {
  const Sort a(v);
  return a.count == 0 ? 0 : a.outer * a.inner * a.pieces();
}

// Twice the items, to whole lines of the cache.
int64_t item_bytes(const Value& v) {
  const int64_t key = v.dtype == kFloat64 ? 8 : 4;
  return v.results & 2 ? 2 * key : key;
}
int64_t room_of(const Value& v) { return (attribute(v, 1) * item_bytes(v) + 63) / 64 * 64; }
size_t sort_bytes(const Value& v, Operands, const Kernels&) { return size_t(room_of(v)) * 2; }

// Where the pieces of each line begin, as keys: those that cut a sample into equal parts.
size_t cuts_bytes(const Value& v, Operands, const Kernels&) {
  const Sort a(v);
  return a.pieces() == 1 ? 0 : size_t(a.outer * a.inner * a.pieces()) * sizeof(uint64_t);
}

// What of a line is sorted: all, or the keys from `low` to below `high` (`last`: whatever is above).
struct Part {
  uint64_t low, high;
  bool whole, last;
  template <class K>
  bool holds(K key) const {
    return K(key - K(low)) <= K((last ? ~K(0) : K(high) - 1) - K(low));
  }
};

// The elements themselves, of the size of keys, by vectors. NaN has no place among them, and is left out: seldom is
// there any, and then the line is read once more.
template <class K>
void sort_elements(const Sort& a, const Part& part, const Elements<K>& elements, SortFn sort, const char* x, char* to,
                   K* items, K* others) {
  constexpr int64_t kSize = sizeof(K);
  const bool floats = elements.zeros != nullptr;
  const K flip = a.descending ? K(~K(0)) : K(0), nan = floats ? (kNaN<K> | kSign<K>)^flip : 0;
  K *const out = reinterpret_cast<K*>(to), *sorted = out;
  int64_t before = 0, count = a.count;
  const bool straight = part.whole && a.inner == 1 && a.count == a.length;
  if (!straight || !sort(x, out, items, size_t(a.length), {floats, a.descending})) {
    int64_t m = 0, nans = 0;
    K keys[kChunk], line[kChunk];
    for (int64_t begin = 0; begin < a.length; begin += kChunk) {
      const int64_t n = a.length - begin < kChunk ? a.length - begin : kChunk;
      copy(kSize, reinterpret_cast<char*>(line), 1, x + begin * a.inner * kSize, a.inner, n);
      elements.keys(reinterpret_cast<const char*>(line), n, flip, keys);
      for (int64_t i = 0; i < n; ++i) {
        const bool held = part.holds(keys[i]), left_out = floats && keys[i] == nan;
        items[m] = line[i];
        m += held && !left_out;
        nans += held && left_out;
        before += keys[i] < K(part.low);
      }
    }
    const int64_t all = m + nans;
    count = before + all < a.count ? all : a.count - before;
    if (count <= 0) return;
    sorted = a.inner == 1 && count == all ? out + before : others;
    sort(items, sorted + (a.descending ? nans : 0), items, size_t(m), {floats, a.descending});
    std::fill_n(sorted + (a.descending ? 0 : m), nans, kNaN<K>);
    if (sorted == others)
      copy(kSize, to + before * a.inner * kSize, a.inner, reinterpret_cast<const char*>(others), 1, count);
  }
  if (!floats) return;
  const auto below = [&](K bits) {
    K key;
    elements.keys(reinterpret_cast<const char*>(&bits), 1, flip, &key);
    return key < (kSign<K> ^ flip);
  };
  const int64_t zero = std::partition_point(sorted, sorted + count, below) - sorted;
  elements.zeros(x, a.length, a.inner, to, before + zero, count - zero);
}

template <class K, class E>
void sort_part(const Sort& a, const Part& part, const Elements<K>& elements, SortFn by_vectors, int64_t size,
               const char* x, char* out, int32_t* places, E* items, E* others) {
  constexpr int kShift = sizeof(E) == sizeof(K) ? 0 : sizeof(E) == 8 ? kPlaceBits : 64;  // of the key, above the place
  if (a.inserts() || sizeof(E) > 8) by_vectors = nullptr;
  const bool reals = by_vectors && sizeof(E) == 8;
  const K flip = a.descending ? K(~K(0)) : K(0);
  int64_t m = 0, before = 0;
  K keys[kChunk], line[kChunk];  // these and what they are keys of
  char* const chunk = reinterpret_cast<char*>(line);
  for (int64_t begin = 0; begin < a.length; begin += kChunk) {
    const int64_t n = a.length - begin < kChunk ? a.length - begin : kChunk;
    const char* from = x + begin * a.inner * size;
    if (a.inner > 1) {
      copy(size, chunk, 1, from, a.inner, n);
      from = chunk;
    }
    if constexpr (kShift == 0) {
      if (part.whole) {
        elements.keys(from, n, flip, items + begin);
        m += n;
        continue;
      }
    }
    elements.keys(from, n, flip, keys);
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (kShift == 0)
        items[m] = keys[i];
      else
        items[m] = E(keys[i]) << kShift | E(uint32_t(begin + i));
      if constexpr (kShift == kPlaceBits) items[m] = reals ? real_of(items[m]) : items[m];
      m += part.holds(keys[i]);
      before += keys[i] < K(part.low);
    }
  }
  const int64_t count = before + m < a.count ? m : a.count - before;  // of those that are asked for
  if (count <= 0) return;
  E* sorted = items;
  if (a.inserts())
    insert_each(items, m, sorted = others, count);
  else if (by_vectors)
    by_vectors(items, items, others, size_t(m), {});
  else
    sorted = radix_items<K>(items, others, m, kShift);
  if constexpr (kShift == kPlaceBits) {
    for (int64_t i = 0; reals && i < count; ++i) sorted[i] = item_of(sorted[i]);
  }
  int64_t zero = 0;
  if (elements.zeros) {
    const E least = E(K(kSign<K> ^ flip)) << kShift;  // of the first place
    zero = std::partition_point(sorted, sorted + count, [&](E item) { return item < least; }) - sorted;
  }
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t n = count - begin < kChunk ? count - begin : kChunk;
    char* const to = out + (before + begin) * a.inner * size;
    char* const written = a.inner > 1 ? chunk : to;
    if constexpr (kShift == 0) {
      elements.write(sorted + begin, n, flip, written);
    } else {
      for (int64_t i = 0; i < n; ++i) keys[i] = K(sorted[begin + i] >> kShift);
      elements.write(keys, n, flip, written);
    }
    if (a.inner > 1) copy(size, to, a.inner, chunk, 1, n);
  }
  if (elements.zeros) elements.zeros(x, a.length, a.inner, out, before + zero, count - zero);
  if constexpr (kShift != 0) {
    for (int64_t i = 0; i < count; ++i)
      places[(before + i) * a.inner] = int32_t(uint32_t(sorted[i]) & ((1u << kPlaceBits) - 1));
  }
}

template <class K>
void sort_lines(const StepRun& s, const Elements<K>& elements, int64_t from, int64_t to, const char* prepared,
                char* own) {
  const Sort a(s.v);
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]);
  auto* const places = reinterpret_cast<int32_t*>(s.out[1]);
  for (int64_t unit = from, next; unit < to; unit = next) {
    const int64_t pieces = a.pieces(), line = unit / pieces, first = unit - line * pieces;
    next = (line + 1) * pieces < to ? (line + 1) * pieces : to;
    const int64_t end = next - line * pieces;
    Part part{0, 0, first == 0 && end == pieces, end == pieces};
    if (!part.whole) {
      const auto* cuts = reinterpret_cast<const uint64_t*>(prepared) + line * pieces;
      part.low = cuts[first];
      if (!part.last) part.high = cuts[end];
    }
    if (!part.last && part.low == part.high) continue;
    const int64_t column = line % a.inner, result = line / a.inner * a.count * a.inner + column;
    const char* x = s.in[0] + (line / a.inner * a.length * a.inner + column) * size;
    char* const out = s.out[0] + result * size;
    char* const others = own + room_of(s.v);
    const SortFn by_vectors = sizeof(K) == 8 ? s.kernels.sort_reals : s.kernels.sort_integers;
    if (places) {
      using E = std::conditional_t<sizeof(K) == 8, Wide, uint64_t>;
      sort_part(a, part, elements, s.kernels.sort_reals, size, x, out, places + result, reinterpret_cast<E*>(own),
                reinterpret_cast<E*>(others));
    } else if (by_vectors && size == sizeof(K) && !a.inserts()) {
      sort_elements(a, part, elements, by_vectors, x, out, reinterpret_cast<K*>(own), reinterpret_cast<K*>(others));
    } else {
      sort_part(a, part, elements, by_vectors, size, x, out, nullptr, reinterpret_cast<K*>(own),
                reinterpret_cast<K*>(others));
    }
  }
}

// Calls f with the elements of a dtype.
template <class F>
void with_elements(DType dtype, F f) {
  switch (dtype) {
    case kFloat32:
      return f(elements_kind<float>());
    case kFloat64:
      return f(elements_kind<double>());
    case kInt32:
      return f(elements_kind<int32_t>());
    default:
      f(elements_kind<uint8_t>());
  }
}

Failure run_sort(const StepRun& s, int64_t from, int64_t to, const char* prepared, char* own) {
  with_elements(s.v.dtype, [&](const auto& elements) { sort_lines(s, elements, from, to, prepared, own); });
  return {};
}

template <class K>
void cut_lines(const StepRun& s, const Elements<K>& elements, uint64_t* cuts) {
  constexpr int64_t kEach = 16, kSample = Sort::kPieces * kEach;
  const Sort a(s.v);
  const int64_t size = int64_t(kDTypeSize[s.v.dtype]);
  for (int64_t line = 0; line < a.outer * a.inner; ++line) {
    K sample[kSample], sorted[kSample], chunk[kSample];
    const char* x = s.in[0] + (line / a.inner * a.length * a.inner + line % a.inner) * size;
    copy(size, reinterpret_cast<char*>(chunk), 1, x, a.length / kSample * a.inner, kSample);
    elements.keys(reinterpret_cast<const char*>(chunk), kSample, a.descending ? K(~K(0)) : K(0), sample);
    insert_each(sample, kSample, sorted, kSample);
    for (int64_t p = 0; p < Sort::kPieces; ++p) *cuts++ = p == 0 ? 0 : sorted[p * kEach];
  }
}

void prepare_sort(const StepRun& s, char* prepared) {
  if (Sort(s.v).pieces() == 1) return;
  auto* const cuts = reinterpret_cast<uint64_t*>(prepared);
  with_elements(s.v.dtype, [&](const auto& elements) { cut_lines(s, elements, cuts); });
}

constexpr StepKind sort() {
  StepKind k;
  k.attributes = 4;  // outer, length, inner, descending
  k.sizes = true;
  k.results = 2;
  k.check = check_sort;
  k.check_result = check_places;
  k.work = sort_work;
  k.units = sort_units;
  k.repeats = true;
  k.prepared_bytes = cuts_bytes;
  k.prepare = prepare_sort;
  k.own_bytes = sort_bytes;
  k.run = run_sort;
  return k;
}

// ---- searchsorted ----

constexpr int64_t kSearched = 1024;  // values of a unit

// A sorted sequence [.., length] for each row of values [.., count].
struct Search {
  int64_t length, count;
  Search(const Value& v, const Value& sequence) : length(sequence.dims[sequence.rank - 1]), count(v.dims[v.rank - 1]) {}
  int64_t across() const { return units_of(count, kSearched); }
};

const char* check_search(const Value& v, Operands x) {
  if (v.dtype != kInt32 || x[0].dtype != x[1].dtype || is_boolean(x[0].dtype)) return "wrong dtype";
  if (v.rank == 0 || x[0].rank != v.rank || !same_shape(v, x[1])) return "wrong shape";
  for (int d = 0; d + 1 < v.rank; ++d) {
    if (v.dims[d] != x[0].dims[d]) return "wrong shape";
  }
  return nullptr;
}

double search_work(const Value& v, Operands) { return double(v.size) * 64; }

int64_t search_units(const Value& v, Operands x, const Kernels&) {
  const Search search(v, x[0]);
  return v.size / search.count * search.across();
}

// The first place whose element is not less than the value; after: where it is greater.
template <class T>
int32_t place_of(const T* sequence, int64_t n, T value, bool after) {
  int64_t low = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    const T middle = sequence[low + half];
    const bool beyond = after ? !(value < middle) : middle < value;
    low = beyond ? low + half + 1 : low;
    n = beyond ? n - half - 1 : half;
  }
  return int32_t(low);
}

template <class T>
void search(const StepRun& s, int64_t from, int64_t to) {
  const Search search(s.v, s.x[0]);
  const bool after = attribute(s.v, 0) != 0;
  for (int64_t unit = from; unit < to; ++unit) {
    const int64_t row = unit / search.across(), strip = unit % search.across();
    const Range values(strip, strip + 1, kSearched, search.count);
    const T* sequence = reinterpret_cast<const T*>(s.in[0]) + row * search.length;
    for (int64_t i = row * search.count + values.begin; i < row * search.count + values.end; ++i)
      reinterpret_cast<int32_t*>(s.out[0])[i] =
          place_of(sequence, search.length, reinterpret_cast<const T*>(s.in[1])[i], after);
  }
}

Failure run_search(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  switch (s.x[0].dtype) {
    case kFloat32:
      search<float>(s, from, to);
      break;
    case kFloat64:
      search<double>(s, from, to);
      break;
    case kInt32:
      search<int32_t>(s, from, to);
      break;
    default:
      search<uint8_t>(s, from, to);
  }
  return {};
}

constexpr StepKind searchsorted() {  // (sequences, values)
  StepKind k;
  k.arity = 2;
  k.attributes = 1;  // after
  k.check = check_search;
  k.work = search_work;
  k.units = search_units;
  k.run = run_search;
  return k;
}

}  // namespace

const StepKind sort_step = sort();
const StepKind searchsorted_step = searchsorted();

}  // namespace gradtape
