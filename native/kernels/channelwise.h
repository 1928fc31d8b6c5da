// Windows that keep channels apart: depthwise convolutions with their derivatives, and the largest of each window with
// its gradient. A lane is a channel.
#pragma once

#include "window.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// n <= L elements; the lanes beyond are zero.
template <class T>
GRADTAPE_INLINE Vec<T> load_lanes(const T* p, int64_t n) {
  return n == int64_t(kLanes<T>) ? load<T>(p) : load_first<T>(p, size_t(n));
}
template <class T>
GRADTAPE_INLINE void store_lanes(T* p, Vec<T> v, int64_t n) {
  if (n == int64_t(kLanes<T>)) return store(p, v);
  store_first(p, v, size_t(n));
}

// Calls f(channel, vectors as a constant, lanes of each) for channels from .. to - 1: `most` vectors at a time, then
// one, then what is left.
template <class T, size_t most = 4, class F>
GRADTAPE_INLINE void each_channel(int64_t from, int64_t to, F f) {
  constexpr int64_t L = int64_t(kLanes<T>), kWide = int64_t(most) * L;
  int64_t c = from;
  for (; c + kWide <= to; c += kWide) f(c, std::integral_constant<size_t, most>(), L);
  for (; c + L <= to; c += L) f(c, std::integral_constant<size_t, 1>(), L);
  if (c < to) f(c, std::integral_constant<size_t, 1>(), to - c);
}

// acc[i] += rows[i] * row, of N vectors each: R rows `apart` from each other.
template <class T, size_t R, size_t N>
GRADTAPE_INLINE void add_products(const T* rows, int64_t apart, const T* row, int64_t lanes, Vec<T> (*acc)[N]) {
  Vec<T> factor[N];
#pragma GCC unroll 4
  for (size_t v = 0; v < N; ++v) factor[v] = load_lanes(row + v * kLanes<T>, lanes);
#pragma GCC unroll 4
  for (size_t i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (size_t v = 0; v < N; ++v)
      acc[i][v] = fma(load_lanes(rows + int64_t(i) * apart + v * kLanes<T>, lanes), factor[v], acc[i][v]);
  }
}

// Results from an image and a filter [row taps, column taps, channels] (back: an image from a result and a filter). A
// unit is a row.
template <class T, bool back>
struct DepthwiseGather : Unprepared {
  using V = Vec<T>;
  static constexpr int64_t L = int64_t(kLanes<T>);
  static constexpr size_t kPixels = 3, kVectors = 4;  // a tile, whose pixels share what is read of the filter

  static int64_t units(const Window& w) { return w.batch * (back ? w.rows.image : w.rows.result); }

  // Neighbouring pixels that meet the same taps: where the first is, and how far it is to the next row of taps, the
  // next tap and the next pixel.
  struct Pixels {
    const T *x, *filter;
    T* out;
    int64_t row_taps = 0, column_taps = 0;
    int64_t x_row = 0, x_column = 0, x_next = 0, filter_row = 0, filter_column = 0, out_next = 0;
  };

  template <size_t P, size_t N>
  static GRADTAPE_INLINE void tile(const Pixels& p, int64_t q, int64_t c, int64_t lanes) {
    V acc[P][N];
#pragma GCC unroll 4
    for (size_t i = 0; i < P; ++i) {
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) acc[i][v] = V{};
    }
    const T *x_row = p.x + q * p.x_next + c, *filter_row = p.filter + c;
    T* out = p.out + q * p.out_next + c;
#pragma GCC unroll 4
    for (size_t i = 0; i < P; ++i) {
#pragma GCC unroll 4
      for (size_t v = 0; v < N; v += 64 / kVectorBytes)
        __builtin_prefetch(out + int64_t(P + i) * p.out_next + v * L, 1);
    }
    for (int64_t j = p.row_taps; j > 0; --j, x_row += p.x_row, filter_row += p.filter_row) {
      const T *x = x_row, *filter = filter_row;
      for (int64_t k = p.column_taps; k > 0; --k, x += p.x_column, filter += p.filter_column) {
        add_products<T, P, N>(x, p.x_next, filter, lanes, acc);
      }
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < P; ++i) {
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) store_lanes(out + int64_t(i) * p.out_next + v * L, acc[i][v], lanes);
    }
  }

  static void pixels(const Pixels& p, int64_t count, int64_t channels) {
    int64_t q = 0;
    for (; q + int64_t(kPixels) <= count; q += kPixels)
      each_channel<T, kVectors>(0, channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
        tile<kPixels, decltype(vectors)::value>(p, q, c, lanes);
      });
    for (; q < count; ++q)
      each_channel<T, kVectors>(0, channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
        tile<1, decltype(vectors)::value>(p, q, c, lanes);
      });
  }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const T* filter = static_cast<const T*>(y_);
    const int64_t channels = w.channels, height = back ? w.rows.image : w.rows.result,
                  width = back ? w.columns.image : w.columns.result;
    const int64_t from_rows = back ? w.rows.result : w.rows.image,
                  from_row = (back ? w.columns.result : w.columns.image) * channels;
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t n = unit / height, row = unit % height;
      const T* x = static_cast<const T*>(x_) + n * from_rows * from_row;
      T* out = static_cast<T*>(out_) + unit * width * channels;
      const Lattice rows = back ? image_lattice(w.rows, row % w.rows.stride) : result_lattice(w.rows, 0);
      const int64_t t = (row - rows.first) / rows.step;
      const Lattice::Range row_taps = rows.taps_at(t);
      for (int64_t i = 0; i < (back ? image_lattices(w.columns) : 1); ++i) {
        const Lattice columns = back ? image_lattice(w.columns, i) : result_lattice(w.columns, 0);
        for (int64_t q = 0, end; q < columns.count; q = end) {
          const Lattice::Range column_taps = columns.taps_at(q);
          end = columns.run_end(q, columns.count, column_taps);
          Pixels p{x, filter, out + (columns.first + q * columns.step) * channels};
          p.out_next = columns.step * channels;
          if (row_taps.lo < row_taps.hi && column_taps.lo < column_taps.hi) {
            const int64_t tap = (rows.tap + row_taps.lo * rows.tap_step) * w.columns.taps + columns.tap +
                                column_taps.lo * columns.tap_step;
            p.x += rows.source(t, row_taps.lo) * from_row + columns.source(q, column_taps.lo) * channels;
            p.filter += tap * channels;
            p.row_taps = row_taps.hi - row_taps.lo, p.column_taps = column_taps.hi - column_taps.lo;
            p.x_row = rows.dilation * from_row, p.x_column = columns.dilation * channels;
            p.x_next = columns.stride * channels;
            p.filter_row = rows.tap_step * w.columns.taps * channels, p.filter_column = columns.tap_step * channels;
          }
          pixels(p, end - q, channels);
        }
      }
    }
  }
};

// A filter from an image and a result. A unit is some taps of a row and some channels; units that are computed together
// share the image and the result while these are in cache.
template <class T>
struct DepthwiseFilter : Unprepared {
  using V = Vec<T>;
  static constexpr int64_t L = int64_t(kLanes<T>), kTaps = 3, kChannels = 4 * L;

  static int64_t parts(const Window& w) { return (w.columns.taps + kTaps - 1) / kTaps; }
  static int64_t units(const Window& w) { return (w.channels + kChannels - 1) / kChannels * w.rows.taps * parts(w); }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const T *x = static_cast<const T*>(x_), *y = static_cast<const T*>(y_);
    T* out = static_cast<T*>(out_);
    const int64_t image_row = w.columns.image * w.channels, result_row = w.columns.result * w.channels;
    const Lattice rows = result_lattice(w.rows, 0);
    for (int64_t unit = from; unit < to; ++unit) zeros(w, taps_of(w, unit), out);
    for (int64_t n = 0; n < w.batch; ++n) {
      for (int64_t t = 0; t < w.rows.result; ++t) {
        const Lattice::Range down = rows.taps_at(t);
        const T* g = y + (n * w.rows.result + t) * result_row;
        for (int64_t unit = from; unit < to; ++unit) {
          const Taps taps = taps_of(w, unit);
          if (taps.j < down.lo || taps.j >= down.hi) continue;
          add_row(w, taps, x + (n * w.rows.image + rows.source(t, taps.j)) * image_row, g, out);
        }
      }
    }
  }

 private:
  struct Taps {
    int64_t j, k0, k1;  // row; columns k0 .. k1 - 1
    int64_t from, to;   // channels
  };
  static GRADTAPE_INLINE Taps taps_of(const Window& w, int64_t unit) {
    const int64_t part = unit % parts(w), j = unit / parts(w) % w.rows.taps,
                  c = unit / parts(w) / w.rows.taps * kChannels;
    const int64_t k0 = part * kTaps, k1 = k0 + kTaps, end = c + kChannels;
    return {j, k0, k1 < w.columns.taps ? k1 : w.columns.taps, c, end < w.channels ? end : w.channels};
  }

  static void zeros(const Window& w, const Taps& taps, T* out) {
    for (int64_t k = taps.k0; k < taps.k1; ++k)
      __builtin_memset(out + (taps.j * w.columns.taps + k) * w.channels + taps.from, 0,
                       size_t(taps.to - taps.from) * sizeof(T));
  }

  // Adds the sums over one row of the result, a chain each.
  static void add_row(const Window& w, const Taps& taps, const T* x, const T* g, T* out) {
    const Lattice columns = result_lattice(w.columns, 0);
    T* filter = out + (taps.j * w.columns.taps + taps.k0) * w.channels;
    Lattice::Range q[kTaps];
    for (int64_t k = taps.k0; k < taps.k1; ++k) q[k - taps.k0] = columns.positions_at(k);
    const int64_t column = columns.source(0, taps.k0);
    each_channel<T>(taps.from, taps.to, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
      constexpr size_t N = decltype(vectors)::value;
      if (taps.k1 - taps.k0 == 3)
        add<3, N>(w, q, column, x + c, g + c, filter + c, lanes);
      else if (taps.k1 - taps.k0 == 2)
        add<2, N>(w, q, column, x + c, g + c, filter + c, lanes);
      else
        add<1, N>(w, q, column, x + c, g + c, filter + c, lanes);
    });
  }

  // Of one tap and `count` positions.
  template <size_t N>
  static __attribute__((noinline)) void add_alone(const T* x, int64_t next, const T* g, int64_t channels, int64_t lanes,
                                                  int64_t count, V (&sum)[N]) {
    for (; count > 0; --count, x += next, g += channels) add_products<T, 1, N>(x, 0, g, lanes, &sum);
  }

  // Of K taps, the first of which meets `column` of the image at position 0; where not all meet it, one by one.
  template <size_t K, size_t N>
  static GRADTAPE_INLINE void add(const Window& w, const Lattice::Range* q, int64_t column, const T* x, const T* g,
                                  T* filter, int64_t lanes) {
    const int64_t channels = w.channels, next = w.columns.stride * channels, tap = w.columns.dilation * channels;
    const int64_t first = column * channels;
    int64_t lo = q[0].lo, hi = q[0].hi;
#pragma GCC unroll 4
    for (size_t k = 1; k < K; ++k) {
      lo = q[k].lo > lo ? q[k].lo : lo;
      hi = q[k].hi < hi ? q[k].hi : hi;
    }
    if (hi < lo) hi = lo;
    V acc[K][N];
    const auto alone = [&](size_t k, int64_t from, int64_t to) GRADTAPE_LAMBDA {
      if (from >= to) return;
      V sum[N];  // not acc itself, which stays in registers
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) sum[v] = acc[k][v];
      add_alone<N>(x + (first + from * next + int64_t(k) * tap), next, g + from * channels, channels, lanes, to - from,
                   sum);
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) acc[k][v] = sum[v];
    };
#pragma GCC unroll 4
    for (size_t k = 0; k < K; ++k) {
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) acc[k][v] = V{};
      alone(k, q[k].lo, lo < q[k].hi ? lo : q[k].hi);
    }
    for (int64_t i = lo; i < hi; ++i) add_products<T, K, N>(x + (first + i * next), tap, g + i * channels, lanes, acc);
#pragma GCC unroll 4
    for (size_t k = 0; k < K; ++k) {
      alone(k, hi, q[k].hi);
      T* to = filter + int64_t(k) * channels;
#pragma GCC unroll 4
      for (size_t v = 0; v < N; ++v) store_lanes(to + v * L, load_lanes<T>(to + v * L, lanes) + acc[k][v], lanes);
    }
  }
};

// Whether a key replaces the largest so far; the first NaN is the largest of all.
template <class V>
GRADTAPE_INLINE auto is_larger(V key, V best) {
  return (key > best) | ((key != key) & (best == best));
}

// Of each window the element of x where the keys are largest; 0 for a window without elements. A unit is a row.
template <class T>
struct MaxPool : Unprepared {
  using V = Vec<T>;

  static int64_t units(const Window& w) { return w.batch * w.rows.result; }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const Lattice rows = result_lattice(w.rows, 0), columns = result_lattice(w.columns, 0);
    const int64_t channels = w.channels, line = w.columns.image * channels;
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t t = unit % w.rows.result, image = unit / w.rows.result * w.rows.image * line;
      const T *x = static_cast<const T*>(x_) + image, *keys = static_cast<const T*>(y_) + image;
      T* out = static_cast<T*>(out_) + unit * w.columns.result * channels;
      const Lattice::Range row_taps = rows.taps_at(t);
      for (int64_t q = 0; q < columns.count; ++q, out += channels) {
        const Lattice::Range column_taps = columns.taps_at(q);
        each_channel<T>(0, channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
          constexpr size_t N = decltype(vectors)::value;
          constexpr int64_t L = int64_t(kLanes<T>);
          V best[N], picked[N];
#pragma GCC unroll 4
          for (size_t v = 0; v < N; ++v) best[v] = picked[v] = V{};
          bool first = true;
          for (int64_t j = row_taps.lo; j < row_taps.hi; ++j) {
            for (int64_t k = column_taps.lo; k < column_taps.hi; ++k, first = false) {
              const int64_t at = rows.source(t, j) * line + columns.source(q, k) * channels + c;
#pragma GCC unroll 4
              for (size_t v = 0; v < N; ++v) {
                const V key = load_lanes(keys + at + int64_t(v) * L, lanes),
                        value = load_lanes(x + at + int64_t(v) * L, lanes);
                const auto take = is_larger(key, best[v]);
                best[v] = first ? key : select(take, key, best[v]);
                picked[v] = first ? value : select(take, value, picked[v]);
              }
            }
          }
#pragma GCC unroll 4
          for (size_t v = 0; v < N; ++v) store_lanes(out + c + int64_t(v) * L, picked[v], lanes);
        });
      }
    }
  }
};

// Zeros of the image's shape with each element of a result added where its window's keys are largest. A unit is some
// channels of an image, since windows overlap.
template <class T>
struct MaxPoolImage : Unprepared {
  using V = Vec<T>;
  using I = IntVec<V>;
  static constexpr int64_t L = int64_t(kLanes<T>), kChannels = 64;

  static int64_t across(const Window& w) { return (w.channels + kChannels - 1) / kChannels; }
  static int64_t units(const Window& w) { return w.batch * across(w); }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const Lattice rows = result_lattice(w.rows, 0), columns = result_lattice(w.columns, 0);
    const int64_t line = w.columns.image * w.channels;
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t n = unit / across(w), first = unit % across(w) * kChannels;
      const int64_t channels = w.channels - first < kChannels ? w.channels - first : kChannels;
      const T* g = static_cast<const T*>(x_) + n * w.rows.result * w.columns.result * w.channels + first;
      const T* keys = static_cast<const T*>(y_) + n * w.rows.image * line + first;
      T* out = static_cast<T*>(out_) + n * w.rows.image * line + first;
      for (int64_t i = 0; i < w.rows.image * w.columns.image; ++i)
        __builtin_memset(out + i * w.channels, 0, size_t(channels) * sizeof(T));
      for (int64_t t = 0; t < rows.count; ++t) {
        const Lattice::Range row_taps = rows.taps_at(t);
        for (int64_t q = 0; q < columns.count; ++q, g += w.channels) {
          const Lattice::Range column_taps = columns.taps_at(q);
          for (int64_t c = 0; c < channels; c += L)
            window(rows, columns, row_taps, column_taps, t, q, line, w.channels, g + c, keys + c, out + c,
                   channels - c < L ? channels - c : L);
        }
      }
    }
  }

 private:
  static GRADTAPE_INLINE void window(const Lattice& rows, const Lattice& columns, const Lattice::Range& row_taps,
                                     const Lattice::Range& column_taps, int64_t t, int64_t q, int64_t line,
                                     int64_t channels, const T* g, const T* keys, T* out, int64_t lanes) {
    V best = V{};
    I where = I{};
    int64_t tap = 0;
    for (int64_t j = row_taps.lo; j < row_taps.hi; ++j) {
      const T* p = keys + rows.source(t, j) * line;
      for (int64_t k = column_taps.lo; k < column_taps.hi; ++k, ++tap) {
        const V key = load_lanes(p + columns.source(q, k) * channels, lanes);
        const auto take = is_larger(key, best);
        best = tap == 0 ? key : select(take, key, best);
        where = tap == 0 ? I{} : select(take, splat<I>(Lane<I>(tap)), where);
      }
    }
    const V ct = load_lanes(g, lanes);
    tap = 0;
    for (int64_t j = row_taps.lo; j < row_taps.hi; ++j) {
      T* p = out + rows.source(t, j) * line;
      for (int64_t k = column_taps.lo; k < column_taps.hi; ++k, ++tap) {
        T* at = p + columns.source(q, k) * channels;
        store_lanes(at, load_lanes<T>(at, lanes) + select(where == splat<I>(Lane<I>(tap)), ct, V{}), lanes);
      }
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
