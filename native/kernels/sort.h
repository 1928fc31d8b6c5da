// Sorting of signed integers where lanes can be permuted by a vector: quicksort from one array into another and back,
// and networks for what is left. Where there is AVX-512, AVX2's is used.
#pragma once

#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

#if defined(__AVX2__) && !defined(__AVX512F__)
template <class T>
struct Sort {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;
  static constexpr size_t kRows = 8;              // vectors of a network
  static constexpr size_t kLeaf = 2 * kRows * L;  // elements that are sorted by two and merged

  // By the mask of a vector's lanes: those that are off before those that are on, as indices of 32 bits, three bits
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

  static GRADTAPE_INLINE unsigned bits(V mask) {
    if constexpr (L == 8) return unsigned(_mm256_movemask_ps((__m256)mask));
    return unsigned(_mm256_movemask_pd((__m256d)mask));
  }

  // Writes those up to the pivot from the front of `to` on, the others from its end down. Returns how many the first
  // are.
  static __attribute__((noinline)) size_t partition(const T* __restrict x, T* __restrict to, size_t n, T pivot) {
    T *low = to, *high = to + n;
    const T* const end = x + n;
#pragma GCC unroll 1
    for (size_t k = n % L; k > 0; --k) {
      const T item = *x++;
      const bool above = item > pivot;
      *low = high[-1] = item;
      low += !above;
      high -= above;
    }
    // What is between `low` and `high` is as long as what is left, so that both stores may be of whole vectors.
    const V p = splat<V>(pivot);
    const __m256i shifts = _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
    const auto part = [&](V v) GRADTAPE_LAMBDA {
      const unsigned above = bits((V)(v > p));
      const __m256i order = _mm256_srlv_epi32(_mm256_set1_epi32(int(kOrders.order[above])), shifts);
      const V parted = (V)_mm256_permutevar8x32_epi32((__m256i)v, order);
      const size_t count = size_t(__builtin_popcount(above));
      store(low, parted);
      store(high - L, parted);
      low += L - count;
      high -= count;
    };
    for (; x + 2 * L <= end; x += 2 * L) {
      const V first = load(x), second = load(x + L);
      part(first);
      part(second);
    }
    if (x != end) part(load(x));
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

  // Sorts the first n elements of x, whose others count as the greatest: each lane of the rows, by Batcher's network
  // for 8; then the columns are runs of sorted vectors.
  static __attribute__((noinline)) void sort_rows(const T* x, size_t n, T* to) {
    constexpr T kLast = sizeof(T) == 4 ? T(INT32_MAX) : T(INT64_MAX);
    constexpr uint8_t kNetwork[19][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6}, {5, 7}, {1, 2}, {5, 6},
                                         {0, 4}, {1, 5}, {2, 6}, {3, 7}, {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
    V row[kRows];
    V rest = splat<V>(T(n)) - iota<V>();  // so many are left, from each lane on
#pragma GCC unroll 8
    for (size_t i = 0; i < kRows; ++i, rest -= T(L)) row[i] = select(rest > 0, load(x + i * L), splat<V>(kLast));
#pragma GCC unroll 19
    for (size_t i = 0; i < 19; ++i) exchange(row[kNetwork[i][0]], row[kNetwork[i][1]]);
#pragma GCC unroll 2
    for (size_t half = 0; half < kRows / L; ++half) {
      V block[L];
#pragma GCC unroll 8
      for (size_t i = 0; i < L; ++i) block[i] = row[half * L + i];
      transpose<T>(block);
#pragma GCC unroll 8
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

  // Sorts x[0 .. n) into `to`; both are overwritten, and `to` is x or `other`. All elements are from low to high. After
  // `patience` cuts the middle of these is the pivot, so that the work is bounded.
  static __attribute__((noinline)) void sort(T* x, T* other, T* to, size_t n, T low, T high, int patience) {
    while (n > kLeaf && low < high) {
      T pivot = low + T((std::make_unsigned_t<T>(high) - std::make_unsigned_t<T>(low)) / 2);
      if (patience-- > 0) {
        const T* at = x;
        const size_t step = n / 10;
        T found[3];
#pragma GCC unroll 1
        for (T& one : found) {
          one = median(at[step], at[2 * step], at[3 * step]);
          at += 3 * step;
        }
        pivot = median(found[0], found[1], found[2]);
        if (pivot == high) --pivot;
      }
      const size_t count = partition(x, other, n, pivot);
      const bool first = count < n - count;  // the shorter part by a call, so that these do not nest deeply
      T *const a = other + (first ? 0 : count), *const b = x + (first ? 0 : count), *const c = to + (first ? 0 : count);
      sort(a, b, c, first ? count : n - count, first ? low : T(pivot + 1), first ? pivot : high, patience);
      T* const swap = x;
      x = other + (first ? count : 0);
      other = swap + (first ? count : 0);
      to += first ? count : 0;
      n = first ? n - count : count;
      (first ? low : high) = first ? T(pivot + 1) : pivot;
    }
    if (n <= kLeaf) return sort_leaf(x, to, n);
    if (x != to) __builtin_memcpy(to, x, n * sizeof(T));
  }

  // What kernels.h says of SortFn.
  static void run(void* x, void* room, size_t n) {
    constexpr T kLeast = sizeof(T) == 4 ? T(INT32_MIN) : T(INT64_MIN);
    T* const items = static_cast<T*>(x);
    sort(items, static_cast<T*>(room), items, n, kLeast, T(-(kLeast + 1)), 2 * (63 - __builtin_clzll(n | 1)));
  }
};
#endif

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
