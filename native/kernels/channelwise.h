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
  if (n == int64_t(kLanes<T>)) return load<T>(p);
  T lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
  return load<T>(lanes);
}
template <class T>
GRADTAPE_INLINE void store_lanes(T* p, Vec<T> v, int64_t n) {
  if (n == int64_t(kLanes<T>)) return store(p, v);
  T lanes[kLanes<T>];
  store(lanes, v);
  for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

// Calls f(channel, vectors as a constant, lanes of each): four vectors at a time, then one, then what is left.
template <class T, class F>
GRADTAPE_INLINE void each_channel(int64_t channels, F f) {
  constexpr int64_t L = int64_t(kLanes<T>);
  int64_t c = 0;
  for (; c + 4 * L <= channels; c += 4 * L) f(c, std::integral_constant<size_t, 4>(), L);
  for (; c + L <= channels; c += L) f(c, std::integral_constant<size_t, 1>(), L);
  if (c < channels) f(c, std::integral_constant<size_t, 1>(), channels - c);
}

// Results from an image and a filter [row taps, column taps, channels] (back: an image from a result and a filter). A
// unit is a row.
template <class T, bool back>
struct DepthwiseGather : Unprepared {
  using V = Vec<T>;
  static constexpr int64_t L = int64_t(kLanes<T>);

  static int64_t units(const Window& w) { return w.batch * (back ? w.rows.image : w.rows.result); }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const T* filter = static_cast<const T*>(y_);
    const int64_t channels = w.channels, height = back ? w.rows.image : w.rows.result,
                  width = back ? w.columns.image : w.columns.result;
    const int64_t from_rows = back ? w.rows.result : w.rows.image,
                  from_row = (back ? w.columns.result : w.columns.image) * channels;
    for (int64_t unit = from; unit < to; unit++) {
      const int64_t n = unit / height, row = unit % height;
      const T* x = static_cast<const T*>(x_) + n * from_rows * from_row;
      T* out = static_cast<T*>(out_) + unit * width * channels;
      const Lattice rows = back ? image_lattice(w.rows, row % w.rows.stride) : result_lattice(w.rows, 0);
      const int64_t t = (row - rows.first) / rows.step;
      const Lattice::Range row_taps = rows.taps_at(t);
      for (int64_t i = 0; i < (back ? image_lattices(w.columns) : 1); i++) {
        const Lattice columns = back ? image_lattice(w.columns, i) : result_lattice(w.columns, 0);
        for (int64_t q = 0; q < columns.count; q++) {
          const Lattice::Range column_taps = columns.taps_at(q);
          T* at = out + (columns.first + q * columns.step) * channels;
          each_channel<T>(channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
            constexpr size_t N = decltype(vectors)::value;
            V acc[N];
#pragma GCC unroll 4
            for (size_t v = 0; v < N; v++) acc[v] = V{};
            for (int64_t j = row_taps.lo; j < row_taps.hi; j++) {
              const T* line = x + rows.source(t, j) * from_row + c;
              const T* taps = filter + (rows.tap + j * rows.tap_step) * w.columns.taps * channels + c;
              for (int64_t k = column_taps.lo; k < column_taps.hi; k++) {
                const T* p = line + columns.source(q, k) * channels;
                const T* f = taps + (columns.tap + k * columns.tap_step) * channels;
#pragma GCC unroll 4
                for (size_t v = 0; v < N; v++)
                  acc[v] = fma(load_lanes(p + v * L, lanes), load_lanes(f + v * L, lanes), acc[v]);
              }
            }
#pragma GCC unroll 4
            for (size_t v = 0; v < N; v++) store_lanes(at + c + v * L, acc[v], lanes);
          });
        }
      }
    }
  }
};

// A filter from an image and a result. A unit is a tap.
template <class T>
struct DepthwiseFilter : Unprepared {
  using V = Vec<T>;
  static constexpr int64_t L = int64_t(kLanes<T>);

  static int64_t units(const Window& w) { return w.rows.taps * w.columns.taps; }

  static void run(const Window& w, const void* x_, const void* y_, void* out_, int64_t from, int64_t to, const void*,
                  void*) {
    const T *x = static_cast<const T*>(x_), *y = static_cast<const T*>(y_);
    T* out = static_cast<T*>(out_);
    const Lattice rows = result_lattice(w.rows, 0), columns = result_lattice(w.columns, 0);
    const int64_t channels = w.channels;
    for (int64_t unit = from; unit < to; unit++) {
      const int64_t j = unit / w.columns.taps, k = unit % w.columns.taps;
      const Lattice::Range down = rows.positions_at(j), across = columns.positions_at(k);
      each_channel<T>(channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
        constexpr size_t N = decltype(vectors)::value;
        V total[N];
#pragma GCC unroll 4
        for (size_t v = 0; v < N; v++) total[v] = V{};
        for (int64_t n = 0; n < w.batch; n++) {
          for (int64_t t = down.lo; t < down.hi; t++) {
            // Rows are summed, then their sums: shorter chains.
            V acc[N];
#pragma GCC unroll 4
            for (size_t v = 0; v < N; v++) acc[v] = V{};
            const T* p = x + ((n * w.rows.image + rows.source(t, j)) * w.columns.image + columns.source(across.lo, k)) *
                                 channels;
            const T* g = y + ((n * w.rows.result + t) * w.columns.result + across.lo) * channels;
            for (int64_t q = across.lo; q < across.hi; q++, p += columns.stride * channels, g += channels) {
#pragma GCC unroll 4
              for (size_t v = 0; v < N; v++)
                acc[v] = fma(load_lanes(p + c + v * L, lanes), load_lanes(g + c + v * L, lanes), acc[v]);
            }
#pragma GCC unroll 4
            for (size_t v = 0; v < N; v++) total[v] += acc[v];
          }
        }
#pragma GCC unroll 4
        for (size_t v = 0; v < N; v++) store_lanes(out + unit * channels + c + v * L, total[v], lanes);
      });
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
    for (int64_t unit = from; unit < to; unit++) {
      const int64_t t = unit % w.rows.result, image = unit / w.rows.result * w.rows.image * line;
      const T *x = static_cast<const T*>(x_) + image, *keys = static_cast<const T*>(y_) + image;
      T* out = static_cast<T*>(out_) + unit * w.columns.result * channels;
      const Lattice::Range row_taps = rows.taps_at(t);
      for (int64_t q = 0; q < columns.count; q++, out += channels) {
        const Lattice::Range column_taps = columns.taps_at(q);
        each_channel<T>(channels, [&](int64_t c, auto vectors, int64_t lanes) GRADTAPE_LAMBDA {
          constexpr size_t N = decltype(vectors)::value;
          constexpr int64_t L = int64_t(kLanes<T>);
          V best[N], picked[N];
#pragma GCC unroll 4
          for (size_t v = 0; v < N; v++) best[v] = picked[v] = V{};
          bool first = true;
          for (int64_t j = row_taps.lo; j < row_taps.hi; j++) {
            for (int64_t k = column_taps.lo; k < column_taps.hi; k++, first = false) {
              const int64_t at = rows.source(t, j) * line + columns.source(q, k) * channels + c;
#pragma GCC unroll 4
              for (size_t v = 0; v < N; v++) {
                const V key = load_lanes(keys + at + int64_t(v) * L, lanes),
                        value = load_lanes(x + at + int64_t(v) * L, lanes);
                const auto take = is_larger(key, best[v]);
                best[v] = first ? key : select(take, key, best[v]);
                picked[v] = first ? value : select(take, value, picked[v]);
              }
            }
          }
#pragma GCC unroll 4
          for (size_t v = 0; v < N; v++) store_lanes(out + c + int64_t(v) * L, picked[v], lanes);
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
    for (int64_t unit = from; unit < to; unit++) {
      const int64_t n = unit / across(w), first = unit % across(w) * kChannels;
      const int64_t channels = w.channels - first < kChannels ? w.channels - first : kChannels;
      const T* g = static_cast<const T*>(x_) + n * w.rows.result * w.columns.result * w.channels + first;
      const T* keys = static_cast<const T*>(y_) + n * w.rows.image * line + first;
      T* out = static_cast<T*>(out_) + n * w.rows.image * line + first;
      for (int64_t i = 0; i < w.rows.image * w.columns.image; i++)
        __builtin_memset(out + i * w.channels, 0, size_t(channels) * sizeof(T));
      for (int64_t t = 0; t < rows.count; t++) {
        const Lattice::Range row_taps = rows.taps_at(t);
        for (int64_t q = 0; q < columns.count; q++, g += w.channels) {
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
    for (int64_t j = row_taps.lo; j < row_taps.hi; j++) {
      const T* p = keys + rows.source(t, j) * line;
      for (int64_t k = column_taps.lo; k < column_taps.hi; k++, tap++) {
        const V key = load_lanes(p + columns.source(q, k) * channels, lanes);
        const auto take = is_larger(key, best);
        best = tap == 0 ? key : select(take, key, best);
        where = tap == 0 ? I{} : select(take, splat<I>(Lane<I>(tap)), where);
      }
    }
    const V ct = load_lanes(g, lanes);
    tap = 0;
    for (int64_t j = row_taps.lo; j < row_taps.hi; j++) {
      T* p = out + rows.source(t, j) * line;
      for (int64_t k = column_taps.lo; k < column_taps.hi; k++, tap++) {
        T* at = p + columns.source(q, k) * channels;
        store_lanes(at, load_lanes<T>(at, lanes) + select(where == splat<I>(Lane<I>(tap)), ct, V{}), lanes);
      }
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
