// Sorting where lanes can be permuted by a vector: quicksort from one array into another and back, and networks for
// what is left.
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

// T: int32_t, or double without NaN and -0, whose instructions are more and faster than those of int64_t.
template <class T>
struct Sort {
  using V = Vec<T>;
  using I = typename IntOfSize<sizeof(T)>::Signed;
  using U = typename IntOfSize<sizeof(T)>::Unsigned;
  static constexpr bool kReal = sizeof(T) == 8;
  static constexpr size_t L = kLanes<T>;
  static constexpr size_t kRows = L > 8 ? L : 8;  // vectors of a network
  static constexpr size_t kLeaf = 2 * kRows * L;  // elements that are sorted by two and merged
  static_assert(kLeaf / 2 * sizeof(T) <= kSortSlack, "what a network reads more");
  static constexpr I kLeastI = I(U(1) << (8 * sizeof(T) - 1));
  static constexpr I kMost = kReal ? I(uint64_t{0x7ff0} << 8 * (sizeof(T) - 2)) : I(~kLeastI);  // of the last element

  // Elements as integers of the same order, one for each value; and back.
  static I integer_of(T x) {
    I i;
    __builtin_memcpy(&i, &x, sizeof i);
    return kReal && i < 0 ? I(U(kLeastI) - U(i)) : i;
  }
  static T element_of(I i) {
    if (kReal && i < 0) i = I(U(kLeastI) - U(i));
    T x;
    __builtin_memcpy(&x, &i, sizeof x);
    return x;
  }

  // Which lanes are above the pivot, as bits; and the first and the last of a vector by such bits: to `low` on those
  // whose bit is off, and up to `high` those whose bit is on. Both may write a whole vector.
#if defined(__AVX512F__)
  static GRADTAPE_INLINE unsigned above(V v, V pivot) {
    if constexpr (kReal) return _mm512_cmp_pd_mask(v, pivot, _CMP_GT_OQ);
    return _mm512_cmpgt_epi32_mask((__m512i)v, (__m512i)pivot);
  }
  static GRADTAPE_INLINE V compressed(V v, unsigned bits) {
    if constexpr (kReal) return (V)_mm512_maskz_compress_epi64(__mmask8(bits), (__m512i)v);
    return (V)_mm512_maskz_compress_epi32(__mmask16(bits), (__m512i)v);
  }
  static GRADTAPE_INLINE void put(T* low, T* high, V v, unsigned off, unsigned on, size_t count) {
    store(low, compressed(v, ~off));
    store_first(high - count, compressed(v, on), count);
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
  static GRADTAPE_INLINE V parted(V v, unsigned bits) {
    const __m256i shifts = _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
    const __m256i order = _mm256_srlv_epi32(_mm256_set1_epi32(int(kOrders.order[bits])), shifts);
    return (V)_mm256_permutevar8x32_epi32((__m256i)v, order);
  }
  static GRADTAPE_INLINE void put(T* low, T* high, V v, unsigned off, unsigned on, size_t) {
    store(low, parted(v, off));
    store(high - L, parted(v, on));
  }
#endif

  // Writes those up to the pivot from the front of `to` on, the others from its end down; n >= 2 L. Returns how many
  // the first are.
  static __attribute__((noinline)) size_t partition(const T* __restrict x, T* __restrict to, size_t n, T pivot) {
    T *low = to, *high = to + n;
    const T* const end = x + n;
    const V p = splat<V>(pivot);
    // What is between `low` and `high` is as long as what is left, so that both stores may be of whole vectors.
    constexpr unsigned kAll = (1u << L) - 1;
    const unsigned rest = kAll << n % L & kAll;  // lanes of the first vector that are of the second, too
    const auto part = [&](V v, unsigned bits, unsigned rest) GRADTAPE_LAMBDA {
      const size_t count = size_t(__builtin_popcount(bits & ~rest));
      put(low, high, v, bits | rest, bits & ~rest, count);
      low += size_t(__builtin_popcount(kAll & ~(bits | rest)));
      high -= count;
    };
    const V first = load(x);
    part(first, above(first, p), rest);
    x += n % L;
    const auto whole = [&](V v, unsigned bits) GRADTAPE_LAMBDA {
      const size_t count = size_t(__builtin_popcount(bits));
      put(low, high, v, bits, bits, count);
      low += L - count;
      high -= count;
    };
    for (; x + 4 * L <= end; x += 4 * L) {
      V v[4];
      unsigned bits[4];
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) bits[i] = above(v[i] = load(x + i * L), p);
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) whole(v[i], bits[i]);
    }
#pragma GCC unroll 1
    for (; x != end; x += L) whole(load(x), above(load(x), p));
    return size_t(low - to);
  }

  static GRADTAPE_INLINE void exchange(V& a, V& b) {
    const V least = lesser(a, b);
    b = greater(a, b);
    a = least;
  }

  template <size_t distance, size_t... I>
  static GRADTAPE_INLINE V exchange_lanes(V v, std::index_sequence<I...>) {
    const V other = __builtin_shufflevector(v, v, (I ^ distance)...);
    return __builtin_shufflevector(lesser(v, other), greater(v, other), (I & distance ? L + I : I)...);
  }
  // Sorts a vector whose lanes first rise and then fall, or the other way round.
  template <size_t distance>
  static GRADTAPE_INLINE V sort_bitonic(V v) {
    v = exchange_lanes<distance>(v, std::make_index_sequence<L>());
    if constexpr (distance > 1) v = sort_bitonic<distance / 2>(v);
    return v;
  }
  template <size_t... I>
  static GRADTAPE_INLINE V reversed(V v, std::index_sequence<I...>) {
    return __builtin_shufflevector(v, v, (L - 1 - I)...);
  }

  // Merges sorted runs of so many vectors, two and two: what is left to sort of two runs, one of them reversed, are
  // exchanges at halving distances.
  static __attribute__((noinline)) void merge(T* items, size_t length, size_t vectors) {
    for (T* run = items; run < items + vectors * L; run += 2 * length * L) {
      T *low = run, *high = run + 2 * length * L;
#pragma GCC unroll 1
      for (size_t i = length; i > 0; --i, low += L) {
        high -= L;
        V a = load(low), b = reversed(load(high), std::make_index_sequence<L>());
        exchange(a, b);
        store(low, a);
        store(high, b);
      }
#pragma GCC unroll 1
      for (size_t apart = length / 2; apart > 0; apart /= 2) {
#pragma GCC unroll 1
        for (size_t i = 0; i < 2 * length; i += 2 * apart) {
#pragma GCC unroll 1
          for (size_t j = i; j < i + apart; ++j) {
            V a = load(run + j * L), b = load(run + (j + apart) * L);
            exchange(a, b);
            store(run + j * L, a);
            store(run + (j + apart) * L, b);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < vectors; ++i) store(items + i * L, sort_bitonic<L / 2>(load(items + i * L)));
  }

  // Sorts the first n elements of x, whose others count as the greatest: each lane of the rows, by a network; then
  // the columns are runs of sorted vectors.
  static __attribute__((noinline)) void sort_rows(const T* x, size_t n, T* to) {
    static constexpr Network<kRows> kNetwork{};
    const T last = element_of(kMost);
    V row[kRows];
    V rest = splat<V>(T(n)) - iota<V>();  // so many are left, from each lane on
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i, rest -= T(L)) row[i] = select(rest > 0, load(x + i * L), splat<V>(last));
#pragma GCC unroll 64
    for (size_t i = 0; i < kNetwork.size; ++i) exchange(row[kNetwork.pair[i][0]], row[kNetwork.pair[i][1]]);
#pragma GCC unroll 2
    for (size_t half = 0; half < kRows / L; ++half) {
      V block[L];
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) block[i] = row[half * L + i];
      transpose<T>(block);
#pragma GCC unroll 16
      for (size_t i = 0; i < L; ++i) store(to + (i * (kRows / L) + half) * L, block[i]);
    }
    for (size_t length = kRows / L; length < kRows; length *= 2) merge(to, length, kRows);
  }

  static void sort_leaf(const T* x, T* to, size_t n) {
    constexpr size_t kHalf = kLeaf / 2;
    alignas(kVectorBytes) T items[kLeaf];
    sort_rows(x, n, items);
    if (n > kHalf) {
      sort_rows(x + kHalf, n - kHalf, items + kHalf);
      merge(items, kRows, 2 * kRows);
    }
    if (n < L) {
      for (size_t i = 0; i < n; ++i) to[i] = items[i];
      return;
    }
    const V last = load(items + n - L);
    for (size_t i = 0; i + L <= n; i += L) store(to + i, load(items + i));
    store(to + n - L, last);
  }

  static T median(T a, T b, T c) {
    const T low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
  }

  // Sorts x[0 .. n) into `to`; both are overwritten, and `to` is x or `other`. All elements are from low to high, as
  // integers. After `patience` cuts the middle of these is the pivot, so that the work is bounded.
  static __attribute__((noinline)) void sort(T* x, T* other, T* to, size_t n, I low, I high, int patience) {
    while (n > kLeaf && low < high) {
      I pivot = low + I((U(high) - U(low)) / 2);
      if (patience-- > 0) {
        const T* at = x;
        const size_t step = n / 10;
        T found[3];
#pragma GCC unroll 1
        for (T& one : found) {
          one = median(at[step], at[2 * step], at[3 * step]);
          at += 3 * step;
        }
        pivot = integer_of(median(found[0], found[1], found[2]));
        if (pivot == high) --pivot;
      }
      const size_t count = partition(x, other, n, element_of(pivot));
      const bool first = count < n - count;  // the shorter part by a call, so that these do not nest deeply
      T *const a = other + (first ? 0 : count), *const b = x + (first ? 0 : count), *const c = to + (first ? 0 : count);
      sort(a, b, c, first ? count : n - count, first ? low : I(pivot + 1), first ? pivot : high, patience);
      T* const swap = x;
      x = other + (first ? count : 0);
      other = swap + (first ? count : 0);
      to += first ? count : 0;
      n = first ? n - count : count;
      (first ? low : high) = first ? I(pivot + 1) : pivot;
    }
    if (n <= kLeaf) return sort_leaf(x, to, n);
    if (x != to) __builtin_memcpy(to, x, n * sizeof(T));
  }

  // What kernels.h says of SortFn.
  static void run(void* x, void* room, size_t n) {
    T* const items = static_cast<T*>(x);
    sort(items, static_cast<T*>(room), items, n, kReal ? I(-kMost) : kLeastI, kMost, 2 * (63 - __builtin_clzll(n | 1)));
  }
};
#endif

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
