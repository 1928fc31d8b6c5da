// Sorting where lanes can be permuted by a vector: quicksort that leaves the lower part where it belongs and moves the
// upper to another array, or the other way round, and networks for what is left.
#pragma once

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

#if defined(__AVX2__)
// Batcher's network for so many (odd-even merge exchange): which are exchanged, in order.
template <size_t N>
struct Network {
  uint8_t pair[N * 4][2];
  size_t size;
  constexpr Network() : pair(), size(0) {
    for (size_t run = 1; run < N; run *= 2) {
      for (size_t apart = run; apart > 0; apart /= 2) {
        for (size_t from = apart % run; from + apart < N; from += 2 * apart) {
          for (size_t i = from; i < from + apart && i + apart < N; ++i) {
            if (i / (2 * run) != (i + apart) / (2 * run)) continue;
            pair[size][0] = uint8_t(i);
            pair[size++][1] = uint8_t(i + apart);
          }
        }
      }
    }
  }
};

// T, of the keys: int32_t, or double without NaN, whose instructions are more and faster than those of int64_t.
template <class T>
struct Sort {
  using V = Vec<T>;
  using I = typename IntOfSize<sizeof(T)>::Signed;
  using U = typename IntOfSize<sizeof(T)>::Unsigned;
  using VI = Vec<I>;
  static constexpr bool kReal = sizeof(T) == 8;
  static constexpr size_t L = kLanes<T>;
#if defined(__AVX512F__)
  static constexpr size_t kRows = L;  // vectors of a block, which is sorted in registers
  static constexpr size_t kBlock = kRows * L, kLeaf = kBlock;
#else
  static constexpr size_t kRows = 8;
  static constexpr size_t kBlock = kRows * L, kLeaf = 2 * kBlock;  // and keys that are sorted by networks
#endif
  using Rows = V[kRows];
  static constexpr size_t kLine = 64 / sizeof(T), kAhead = 16 * kLine;  // of the cache; what is fetched before
  static constexpr I kLeastI = I(U(1) << (8 * sizeof(T) - 1));
  static constexpr I kInfinity = kReal ? I(uint64_t{0x7ff0} << 8 * (sizeof(T) - 2)) : I(0x7f800000);
  static constexpr I kMost = kReal ? kInfinity : I(~kLeastI);  // of the last element

  static I bits_of(T x) {
    I i;
    __builtin_memcpy(&i, &x, sizeof i);
    return i;
  }
  static T of_bits(I i) {
    T x;
    __builtin_memcpy(&x, &i, sizeof x);
    return x;
  }

  // What makes keys of the bits of elements: those of a magnitude, if they are floats, which become integers of the
  // same order; and those that are flipped for a descending order.
  I magnitude, flip;

  explicit Sort(SortOrder order)
      : magnitude(order.floats ? I(~kLeastI) : I(0)), flip(order.descending ? kReal ? kLeastI : I(-1) : I(0)) {}

  template <class X>
  GRADTAPE_INLINE X flipped(X bits) const {
    return kReal ? bits : X(bits ^ ((bits >> (8 * sizeof(T) - 1)) & magnitude));
  }
  GRADTAPE_INLINE V key_of(V v) const { return (V)(flipped((VI)v) ^ flip); }
  GRADTAPE_INLINE V unkeyed(V v) const { return (V)flipped((VI)v ^ flip); }
  T key_of(T x) const { return of_bits(flipped(bits_of(x)) ^ flip); }

  // Keys as integers of the same order, one for each value; and back.
  static I integer_of(T x) {
    const I i = bits_of(x);
    return kReal && i < 0 ? I(U(kLeastI) - U(i)) : i;
  }
  static T element_of(I i) { return of_bits(kReal && i < 0 ? I(U(kLeastI) - U(i)) : i); }

  // Which lanes are above the pivot, as bits; and a vector whose first lanes are those whose bit is off.
  static constexpr unsigned kAll = (1u << L) - 1;
#if defined(__AVX512F__)
  static GRADTAPE_INLINE unsigned above(V v, V pivot) {
    if constexpr (kReal) return _mm512_cmp_pd_mask(v, pivot, _CMP_GT_OQ);
    return _mm512_cmpgt_epi32_mask((__m512i)v, (__m512i)pivot);
  }
  static GRADTAPE_INLINE V without(V v, unsigned bits) {
    if constexpr (kReal) return (V)_mm512_maskz_compress_epi64(__mmask8(~bits), (__m512i)v);
    return (V)_mm512_maskz_compress_epi32(__mmask16(~bits), (__m512i)v);
  }
  static GRADTAPE_INLINE V permuted(V v, Vec<int32_t> order) {
    return (V)_mm512_maskz_permutexvar_epi32(0xffff, (__m512i)order, (__m512i)v);
  }
#else
  // By the bits of a vector's lanes: those that are off before those that are on, as indices of 32 bits, three bits
  // each.
  struct Orders {
    uint32_t order[1 << L];
    constexpr Orders() : order() {
      constexpr size_t kWords = 8 / L;
      for (size_t mask = 0; mask < 1 << L; ++mask) {
        size_t at = 0;
        for (size_t i = 0; i < 2 * L; ++i) {
          if ((mask >> i % L & 1) != i / L) continue;
          for (size_t w = 0; w < kWords; ++w, at += 3) order[mask] |= uint32_t((i % L) * kWords + w) << at;
        }
      }
    }
  };
  static constexpr Orders kOrders{};

  static GRADTAPE_INLINE unsigned above(V v, V pivot) {
    if constexpr (kReal) return unsigned(_mm256_movemask_pd(_mm256_cmp_pd(v, pivot, _CMP_GT_OQ)));
    return unsigned(_mm256_movemask_ps((__m256)(v > pivot)));
  }
  static GRADTAPE_INLINE V without(V v, unsigned bits) {
    const __m256i shifts = _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
    const __m256i order = _mm256_srlv_epi32(_mm256_set1_epi32(int(kOrders.order[bits & kAll])), shifts);
    return (V)_mm256_permutevar8x32_epi32((__m256i)v, order);
  }
  static GRADTAPE_INLINE V permuted(V v, Vec<int32_t> order) {
    return (V)_mm256_permutevar8x32_epi32((__m256i)v, (__m256i)order);
  }
#endif

  // Which lanes of a vector are among n: those that are negative. Then of the next vector; not by a constant for each.
  struct Left {
    VI lanes;
    explicit Left(size_t n) : lanes(iota<VI>() - I(n)) {}
    GRADTAPE_INLINE void next() {
      lanes += I(L);
      asm("" : "+x"(lanes));
    }
  };

  // The lanes of x that are negative in `left`, and the others of `other`.
  static GRADTAPE_INLINE V load_left(const T* x, VI left, V other) {
#if defined(__AVX512F__)
    if constexpr (kReal) return (V)_mm512_mask_loadu_pd((__m512d)other, _mm512_movepi64_mask((__m512i)left), x);
    return (V)_mm512_mask_loadu_epi32((__m512i)other, _mm512_movepi32_mask((__m512i)left), x);
#else
    if constexpr (kReal)
      return (V)_mm256_blendv_pd((__m256d)other, _mm256_maskload_pd((const double*)x, (__m256i)left), (__m256d)left);
    return (V)_mm256_blendv_ps((__m256)other, _mm256_maskload_ps((const float*)x, (__m256i)left), (__m256)left);
#endif
  }

  // The lanes whose bit is on, to before `end`; what is before these may be overwritten.
  static GRADTAPE_INLINE void store_last(T* end, V v, unsigned bits, [[maybe_unused]] size_t count) {
#if defined(__AVX512F__)
    store_first(end - count, without(v, ~bits), count);
#else
    store(end - L, without(v, bits));
#endif
  }

  // Fetches into the cache what will be written.
  static GRADTAPE_INLINE void fetch(const T* x) { __builtin_prefetch(x, 1); }

  // Writes those up to the pivot from `low` on, the others from `high` on; one of both may be x, as it is not written
  // before it is read. Returns how many the first are.
  static __attribute__((noinline)) size_t partition(const T* x, T* low, T* high, size_t n, T pivot) {
    const T* const begin = low;
    const T* const end = x + n;
    const V p = splat<V>(pivot);
    const auto part = [&](V v, unsigned bits) GRADTAPE_LAMBDA {
      const size_t count = size_t(__builtin_popcount(bits));
      store(low, without(v, bits));
      store(high, without(v, ~bits));
      low += L - count;
      high += count;
    };
    // The first are written last, one by one, so that no whole vector is written behind the end.
    const size_t rest = n % L;
    T first[L];
    store(first, load_left(x, iota<VI>() - I(rest), p));
    x += rest;
#pragma GCC unroll 1
    for (; x + 2 * L <= end; x += 2 * L) {
#pragma GCC unroll 2
      for (size_t i = 0; i < 2 * L; i += kLine) fetch(x + kAhead + i);
      fetch(low + kAhead / 2);
      fetch(high + kAhead / 2);
      const V v = load(x), w = load(x + L);
      const unsigned bits = above(v, p), next = above(w, p);
      part(v, bits);
      part(w, next);
    }
    if (x != end) part(load(x), above(load(x), p));
#pragma GCC unroll 1
    for (size_t i = 0; i < rest; ++i) {
      *low = *high = first[i];
      const bool over = first[i] > pivot;
      low += !over;
      high += over;
    }
    return size_t(low - begin);
  }

  // Writes the keys of an operand by three pivots: those up to the first from `home` on and those above the last to its
  // end, and those between likewise to `away`. Returns whether there is no NaN, and how many are in each part.
  __attribute__((noinline)) bool distribute(const T* x, T* home, T* away, size_t n, const T (&pivot)[3],
                                            size_t (&counts)[4]) const {
    T *a = home, *b = away, *c = away + n, *d = home + n;
    const T* const end = x + n;
    const V p = splat<V>(pivot[0]), q = splat<V>(pivot[1]), r = splat<V>(pivot[2]);
    VI beyond = {};  // its sign: whether a magnitude is above infinity
    // Whole vectors while there is room for two, since what is written may be longer than what is meant.
#pragma GCC unroll 1
    for (; x + 2 * L <= end; x += L) {
      const V v = load(x);
      const V key = key_of(v);
      beyond |= kInfinity - ((VI)v & magnitude);
      fetch(a + kAhead / 2);
      fetch(b + kAhead / 2);
      fetch(c - kAhead / 2);
      fetch(d - kAhead / 2);
      // Each within the one before, also if a pivot is NaN.
      const unsigned above_p = above(key, p), above_q = above_p & above(key, q), above_r = above_q & above(key, r);
      const size_t beyond_p = size_t(__builtin_popcount(above_p)), beyond_q = size_t(__builtin_popcount(above_q)),
                   beyond_r = size_t(__builtin_popcount(above_r));
      store(a, without(key, above_p));
      store(b, without(key, ~above_p | above_q));
      store_last(c, key, above_q & ~above_r, beyond_q - beyond_r);
      store_last(d, key, above_r, beyond_r);
      a += L - beyond_p;
      b += beyond_p - beyond_q;
      c -= beyond_q - beyond_r;
      d -= beyond_r;
    }
#pragma GCC unroll 1
    for (; x != end; ++x) {
      const T key = key_of(*x);
      beyond[0] |= kInfinity - (bits_of(*x) & magnitude);
      *(!(key > pivot[0]) ? a++ : !(key > pivot[1]) ? b++ : !(key > pivot[2]) ? --c : --d) = key;
    }
    counts[0] = size_t(a - home);
    counts[1] = size_t(b - away);
    counts[2] = size_t(away + n - c);
    counts[3] = size_t(home + n - d);
    return !any(beyond < 0);
  }

  // The greater of integers where the lesser is known: what is left of both. More ports have it than have the greatest.
  static GRADTAPE_INLINE void exchange(V& a, V& b) {
    const V least = lesser(a, b);
#if defined(__AVX512F__)
    if constexpr (!kReal)
      b = (V)_mm512_ternarylogic_epi32((__m512i)least, (__m512i)a, (__m512i)b, 0x96);
    else
#endif
      b = greater(a, b);
    a = least;
  }
  // Sorts each column of rows, of which each first rises and then falls, or the other way round.
  template <size_t apart>
  static GRADTAPE_INLINE void sort_bitonic(Rows& row) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) {
      if (!(i & apart)) exchange(row[i], row[i + apart]);
    }
    if constexpr (apart > 1) sort_bitonic<apart / 2>(row);
  }

  // The lanes whose number has a bit, and the lanes in the order of their numbers with bits flipped.
#if defined(__AVX512F__)
  static GRADTAPE_INLINE unsigned lanes_with(size_t bit) {
    return kAll & (bit == 1 ? 0xaaaa : bit == 2 ? 0xcccc : bit == 4 ? 0xf0f0 : 0xff00);
  }
  static GRADTAPE_INLINE V exchanged(V v, V other, unsigned upper) {
    const V least = lesser(v, other);
    if constexpr (kReal) return (V)_mm512_mask_max_pd((__m512d)least, __mmask8(upper), (__m512d)v, (__m512d)other);
    return (V)_mm512_mask_ternarylogic_epi32((__m512i)least, __mmask16(upper), (__m512i)v, (__m512i)other, 0x96);
  }
#else
  static GRADTAPE_INLINE VI lanes_with(size_t bit) { return (iota<VI>() & I(bit)) != 0; }
  static GRADTAPE_INLINE V exchanged(V v, V other, VI upper) {
    return select(upper, greater(v, other), lesser(v, other));
  }
#endif
  static GRADTAPE_INLINE Vec<int32_t> lanes_across(size_t bits) {
    return iota<Vec<int32_t>>() ^ int32_t(bits * (sizeof(T) / 4));
  }

  // Sorts runs of 2 `width` columns, one after the other, of which each first rises and then falls, or the other way
  // round; of one column: 0.
  static GRADTAPE_INLINE void sort_columns(Rows& row, size_t width) {
#pragma GCC unroll 1
    for (; width > 0; width /= 2) {
      const auto upper = lanes_with(width);
      const auto across = lanes_across(width);
#pragma GCC unroll 16
      for (size_t i = 0; i < kRows; ++i) row[i] = exchanged(row[i], permuted(row[i], across), upper);
    }
    sort_bitonic<kRows / 2>(row);
  }

  // Sorts n keys, up to kBlock, into rows whose columns follow each other: each column by a network, then twice as many
  // columns at a time, which rise and fall if every second run of them is read backwards.
  static GRADTAPE_INLINE void sort_rows(const T* x, size_t n, Rows& row) {
    static constexpr Network<kRows> kNetwork{};
    const V last = splat<V>(element_of(kMost));
    Left left(n);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i, left.next()) row[i] = load_left(x + i * L, left.lanes, last);
#pragma GCC unroll 64
    for (size_t i = 0; i < kNetwork.size; ++i) exchange(row[kNetwork.pair[i][0]], row[kNetwork.pair[i][1]]);
#pragma GCC unroll 1
    for (size_t width = 1; width < L; width *= 2) {
      const auto upper = lanes_with(width);
      const auto across = lanes_across(2 * width - 1);
#pragma GCC unroll 8
      for (size_t i = 0; i < kRows / 2; ++i) {
        const V a = row[i], b = row[kRows - 1 - i];
        row[i] = exchanged(a, permuted(b, across), upper);
        row[kRows - 1 - i] = exchanged(b, permuted(a, across), upper);
      }
      sort_columns(row, width / 2);
    }
  }

  // Calls f with the keys of one column after the other, by vectors, and where each of these begins.
  template <class F>
  static GRADTAPE_INLINE void each_column(Rows& row, F f) {
#pragma GCC unroll 2
    for (size_t half = 0; half < kRows / L; ++half) {
      V block[L];
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) block[i] = row[half * L + i];
      transpose<T>(block);
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) f((i * (kRows / L) + half) * L, block[i]);
    }
  }

#if defined(__AVX512F__)
  // Sorts n keys, up to kLeaf, and writes their elements.
  __attribute__((noinline)) void sort_leaf(const T* x, T* to, size_t n) const {
    Rows row;
    sort_rows(x, n, row);
    Left left(n);
    each_column(row, [&](size_t at, V v) GRADTAPE_LAMBDA {
      if constexpr (kReal)
        _mm512_mask_storeu_pd(to + at, _mm512_movepi64_mask((__m512i)left.lanes), (__m512d)unkeyed(v));
      else
        _mm512_mask_storeu_epi32(to + at, _mm512_movepi32_mask((__m512i)left.lanes), (__m512i)unkeyed(v));
      left.next();
    });
  }
#else
  static __attribute__((noinline)) void sort_block(const T* x, size_t n, T* block) {
    Rows row;
    sort_rows(x, n, row);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) store(block + i * L, row[i]);
  }
  // Writes the columns of a block in its place; sorts them, too, if they rise and fall.
  static __attribute__((noinline)) void write_block(T* items, bool sorted) {
    Rows row;
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) row[i] = load(items + i * L);
    if (!sorted) sort_columns(row, L / 2);
    each_column(row, [&](size_t at, V v) GRADTAPE_LAMBDA { store(items + at, v); });
  }
  // Sorts n keys, up to kLeaf, and writes their elements.
  __attribute__((noinline)) void sort_leaf(const T* x, T* to, size_t n) const {
    alignas(kVectorBytes) T items[kLeaf];
    if (n <= kBlock) {
      sort_block(x, n, items);
      write_block(items, true);
    } else {
      T *const low = items, *const high = items + kBlock;
      sort_block(x, kBlock, low);
      sort_block(x + kBlock, n - kBlock, high);
      const auto across = lanes_across(L - 1);
#pragma GCC unroll 1
      for (size_t i = 0; i < kRows / 2; ++i) {
        const size_t j = kRows - 1 - i;
        V a = load(low + i * L), b = permuted(load(high + j * L), across);
        V c = load(low + j * L), d = permuted(load(high + i * L), across);
        exchange(a, b);
        exchange(c, d);
        store(low + i * L, a);
        store(high + i * L, b);
        store(low + j * L, c);
        store(high + j * L, d);
      }
      write_block(low, false);
      write_block(high, false);
    }
    if (n >= L) return write(items, to, n);
    store(items, unkeyed(load(items)));
#pragma GCC unroll 1
    for (size_t i = 0; i < n; ++i) to[i] = items[i];
  }
#endif

  // Makes keys of n elements, in their place.
  __attribute__((noinline)) void make(T* x, size_t n) const {
    const size_t rest = n % L;
    if (rest) store_first(x, key_of(load_left(x, iota<VI>() - I(rest), V{})), rest);
#pragma GCC unroll 1
    for (size_t i = rest; i < n; i += L) store(x + i, key_of(load(x + i)));
  }

  // Writes the elements of n >= L keys.
  __attribute__((noinline)) void write(const T* x, T* to, size_t n) const {
    const V last = unkeyed(load(x + n - L));
#pragma GCC unroll 1
    for (size_t i = 0; i + L <= n; i += L) store(to + i, unkeyed(load(x + i)));
    store(to + n - L, last);
  }

  static T median(T a, T b, T c) {
    const T low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
  }
  // About the middle of n keys.
  static __attribute__((noinline)) I pivot_of(const T* x, size_t n) {
    const size_t step = n / 10;
    T found[3];
#pragma GCC unroll 1
    for (T& one : found) {
      one = median(x[step], x[2 * step], x[3 * step]);
      x += 3 * step;
    }
    return integer_of(median(found[0], found[1], found[2]));
  }

  // Sorts n keys, which are at `home` or `away`, and writes their elements at `home`; both are overwritten. All are
  // from low to high, as integers. After `patience` cuts the middle of these is the pivot, so that the work is bounded.
  __attribute__((noinline)) void sort(const T* x, T* home, T* away, size_t n, I low, I high, int patience) const {
    while (n > kLeaf && low < high) {
      I pivot = low + I((U(high) - U(low)) / 2);
      if (patience-- > 0) {
        pivot = pivot_of(x, n);
        if (pivot == high) --pivot;
      }
      const size_t count = partition(x, home, away, n, element_of(pivot));
      if (count < n - count) {  // the shorter part by a call, so that these do not nest deeply
        sort(home, home, away + (n - count), count, low, pivot, patience);
        x = away;
        home += count;
        n -= count;
        low = pivot + 1;
      } else {
        sort(away, home + count, away, n - count, I(pivot + 1), high, patience);
        x = home;
        away += n - count;
        n = count;
        high = pivot;
      }
    }
    if (n <= kLeaf) return sort_leaf(x, home, n);
    write(x, home, n);
  }

  // What kernels.h says of SortFn.
  static bool run(const void* operand, void* to, void* room, size_t n, SortOrder order) {
    if (n == 0) return true;
    const Sort keys(order);
    const T* x = static_cast<const T*>(operand);
    T *const home = static_cast<T*>(to), *const away = static_cast<T*>(room);
    constexpr I kLeast = kReal ? I(-kMost) : kLeastI;
    const int patience = 2 * (63 - __builtin_clzll(n));
    if (x == home || x == away) {
      T* const items = x == home ? home : away;
      if (keys.magnitude | keys.flip) keys.make(items, n);
      keys.sort(items, home, away, n, kLeast, kMost, patience);
      return true;
    }
    // A long line is first cut into four by a sample, while its keys are made: memory is read and written less often.
    T pivot[3] = {element_of(kMost), element_of(kMost), element_of(kMost)};
    if (n >= 16 * kLeaf) {
      T sample[kLeaf];
#pragma GCC unroll 1
      for (size_t i = 0; i < kLeaf; ++i) sample[i] = x[n / kLeaf * i];
      keys.make(sample, kLeaf);
      Sort({}).sort_leaf(sample, sample, kLeaf);
#pragma GCC unroll 1
      for (size_t i = 0; i < 3; ++i) pivot[i] = sample[kLeaf / 4 * (i + 1)];
    }
    size_t counts[4];
    if (!keys.distribute(x, home, away, n, pivot, counts)) return false;
    const size_t low = counts[0], middle = counts[1], high = counts[3], rest = n - counts[2];
    T* const x_of[] = {home, away, away + rest, home + (n - high)};
    T* const away_of[] = {away + middle, away, away + rest, away + middle + low};
    T* const home_of[] = {home, home + low, home + low + middle, home + (n - high)};
    I from = kLeast;
#pragma GCC unroll 1
    for (size_t i = 0; i < 4; ++i) {
      const I to = i < 3 ? integer_of(pivot[i]) : kMost;
      keys.sort(x_of[i], home_of[i], away_of[i], counts[i], from, to, patience);
      from = I(U(to) + 1);
    }
    return true;
  }
};
#endif

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
