// Sorting of signed integers by vectors of 32 bytes, where there is an instruction that permutes lanes by a vector:
// quicksort from one array into another and back, and networks for what is left.
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
  static constexpr size_t kRows = 8;         // vectors of a network
  static constexpr size_t kLeaf = kRows * L;  // elements that are sorted by one

  // By the mask of a vector's lanes: those that are off before those that are on, as indices of 32 bits.
  struct Orders {
    uint8_t lane[1 << L][8];
    constexpr Orders() : lane() {
      constexpr size_t kWords = 8 / L;
      for (size_t mask = 0; mask < 1 << L; ++mask) {
        size_t at = 0;
        for (size_t on = 0; on < 2; ++on) {
          for (size_t i = 0; i < L; ++i) {
            if ((mask >> i & 1) == on) {
              for (size_t w = 0; w < kWords; ++w) lane[mask][at++] = uint8_t(i * kWords + w);
            }
          }
        }
      }
    }
  };
  static constexpr Orders kOrders{};

  static GRADTAPE_INLINE unsigned bits(V mask) {
    if constexpr (L == 8) return unsigned(_mm256_movemask_ps((__m256)mask));
    return unsigned(_mm256_movemask_pd((__m256d)mask));
  }

  // Writes those up to the pivot from the front of `to` on, the others from its end down. Returns how many the first are.
  static size_t partition(const T* __restrict x, T* __restrict to, size_t n, T pivot) {
    T *low = to, *high = to + n;
    const T* const end = x + n;
    for (size_t k = n % L; k > 0; --k) {
      const T item = *x++;
      const bool above = item > pivot;
      *low = high[-1] = item;
      low += !above;
      high -= above;
    }
    // What is between `low` and `high` is as long as what is left, so that both stores may be of whole vectors.
    const V p = splat<V>(pivot);
    for (; x != end; x += L) {
      const V v = load(x);
      const unsigned above = bits((V)(v > p));
      const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)kOrders.lane[above]));
      const V parted = (V)_mm256_permutevar8x32_epi32((__m256i)v, order);
      const size_t count = size_t(__builtin_popcount(above));
      store(low, parted);
      store(high - L, parted);
      low += L - count;
      high -= count;
    }
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

  // Sorts kLeaf elements: each lane of the rows, by Batcher's network for 8; then columns, as runs of sorted vectors,
  // two and two.
  static void sort_rows(V (&row)[kRows]) {
    constexpr uint8_t kNetwork[19][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6}, {5, 7}, {1, 2}, {5, 6},
                                         {0, 4}, {1, 5}, {2, 6}, {3, 7}, {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
#pragma GCC unroll 19
    for (size_t i = 0; i < 19; ++i) exchange(row[kNetwork[i][0]], row[kNetwork[i][1]]);
    V run[kRows];
#pragma GCC unroll 2
    for (size_t half = 0; half < kRows / L; ++half) {
      V block[L];
#pragma GCC unroll 8
      for (size_t i = 0; i < L; ++i) block[i] = row[half * L + i];
      transpose<T>(block);
#pragma GCC unroll 8
      for (size_t i = 0; i < L; ++i) run[i * (kRows / L) + half] = block[i];
    }
    for (size_t length = kRows / L; length < kRows; length *= 2) {
      for (size_t r = 0; r < kRows; r += 2 * length) {
        V* const first = run + r;
        for (size_t i = 0; i < length; ++i) {
          V& last = first[2 * length - 1 - i];
          V turned = reversed(last, std::make_index_sequence<L>());
          exchange(first[i], turned);
          last = turned;
        }
        // Both halves are bitonic now, the second with its vectors the other way round, which does not matter.
        for (size_t apart = length / 2; apart > 0; apart /= 2) {
          for (size_t i = 0; i < 2 * length; ++i) {
            if ((i & apart) == 0) exchange(first[i], first[i + apart]);
          }
        }
        for (size_t i = 0; i < 2 * length; ++i) first[i] = sort_bitonic<L / 2>(first[i]);
      }
    }
    for (size_t i = 0; i < kRows; ++i) row[i] = run[i];
  }

  static void sort_leaf(const T* x, T* to, size_t n) {
    constexpr T kLast = sizeof(T) == 4 ? T(INT32_MAX) : T(INT64_MAX);
    alignas(kVectorBytes) T items[kLeaf];
    V row[kRows];
    for (size_t i = 0; i < n; ++i) items[i] = x[i];
    for (size_t i = n; i < kLeaf; ++i) items[i] = kLast;
    for (size_t i = 0; i < kRows; ++i) row[i] = load(items + i * L);
    sort_rows(row);
    for (size_t i = 0; i < kRows; ++i) store(items + i * L, row[i]);
    for (size_t i = 0; i < n; ++i) to[i] = items[i];
  }

  static T median(T a, T b, T c) {
    const T low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
  }

  // Sorts x[0 .. n) into `to`; both are overwritten, and `to` is x or `other`. All elements are from low to high. After
  // `patience` cuts the middle of these is the pivot, so that the work is bounded.
  static void sort(T* x, T* other, T* to, size_t n, T low, T high, int patience) {
    while (n > kLeaf && low < high) {
      T pivot = low + T((std::make_unsigned_t<T>(high) - std::make_unsigned_t<T>(low)) / 2);
      if (patience-- > 0) {
        const T* at = x + n / 16;
        const size_t step = n / 8;
        const auto three = [&](size_t k) { return median(at[k * step], at[(k + 1) * step], at[(k + 2) * step]); };
        pivot = median(three(0), three(2), three(4));
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
