// Convolutions of images with dense filters, and their two derivatives, as sums of products in the tiles of gemm.h: no
// matrix of patches is made, an image is read where it is. Taps that leave the image are left out, not multiplied by
// zeros.
//
// Every element is a sum of chains of multiply-adds over its taps, cut into blocks that depend on the window's sizes
// alone; so its bits depend neither on the units that are computed together nor on the tile it falls into.
#pragma once

#include "gemm.h"
#include "transpose.h"
#include "window.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

// Tiles of c[i][j] (+)= sum over three nested loops of a[i] b[j]. b is packed: vectors side by side, steps of the
// innermost loop one after the other, padded with zeros to whole vectors.
template <class T>
struct ConvTile {
  using G = Gemm<T>;
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;
  static constexpr size_t kDepth = 384;  // about as many steps in a chain: their b stays in L1. Decides bits

  // Few steps are computed in tiles of four vectors, which write longer pieces of c.
  static constexpr int64_t kFewSteps = 6144 / (4 * L);
  static constexpr size_t max_rows(size_t vectors) {
    return vectors > G::kVectors ? 12 / vectors : G::max_rows(vectors);
  }

  struct Sum {
    const T *a, *b;
    T* c;
    int64_t outer, middle, depth;        // lengths of the loops
    int64_t a_outer, a_middle, a_depth;  // how a moves in each, in elements
    int64_t b_outer, b_middle;           // how b does
    int64_t a_row, c_row;                // from one i to the next
    size_t columns;                      // of c
    bool add;
  };

  template <size_t R, size_t N>
  [[gnu::noinline]] static void run(const Sum& s) {
    constexpr ptrdiff_t kSize = sizeof(T), kLast = ptrdiff_t((N - 1) * L) * kSize;
    const ptrdiff_t a_row = s.a_row * kSize, a_depth = s.a_depth * kSize;
    V acc[R][N];
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (size_t j = 0; j < N * L; j += 64 / sizeof(T))
        __builtin_prefetch(s.c + int64_t(R + i) * s.c_row + j, 1);  // of the next tile
#pragma GCC unroll 4
      for (size_t j = 0; j < N; ++j) acc[i][j] = V{};
    }
    const char *a_outer = reinterpret_cast<const char*>(s.a), *b_outer = reinterpret_cast<const char*>(s.b);
    for (int64_t o = s.outer; o > 0; --o, a_outer += s.a_outer * kSize, b_outer += s.b_outer * kSize) {
      const char *a_middle = a_outer, *b_middle = b_outer;
      for (int64_t m = s.middle; m > 0; --m, a_middle += s.a_middle * kSize, b_middle += s.b_middle * kSize) {
        const char *a = a_middle, *b = b_middle;
        for (int64_t p = s.depth; p > 0; --p, a += a_depth, b += N * L * sizeof(T))
          G::template step<R, N>(a, a_row, b, kLast, acc);
      }
    }
    // One after the other what each kind of tile needs, not one piece of code for each kind.
    T* c = s.c;
    const int64_t c_row = s.c_row;
    const size_t last = s.columns - (N - 1) * L;  // columns of the last vector
    const bool few = last < L, by_mask = kVectorBytes == 64;
    if (s.add) {
      const T* from = c;
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i, from += c_row) {
#pragma GCC unroll 4
        for (size_t j = 0; j + 1 < N; ++j) acc[i][j] = load<T>(from + j * L) + acc[i][j];
        const T* from_last = from + (N - 1) * L;
        if (by_mask)
          acc[i][N - 1] = load_first(from_last, last) + acc[i][N - 1];
        else if (!few)
          acc[i][N - 1] = load<T>(from_last) + acc[i][N - 1];
      }
    }
    if (!by_mask && few) {
      T lanes[R * L];
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i) store(lanes + i * L, acc[i][N - 1]);
      put_few(R, last, lanes, c + (N - 1) * L, c_row, s.add);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i, c += c_row) {
#pragma GCC unroll 4
      for (size_t j = 0; j + 1 < N; ++j) store(c + j * L, acc[i][j]);
      T* to_last = c + (N - 1) * L;
      if (by_mask)
        store_first(to_last, acc[i][N - 1], last);
      else if (!few)
        store(to_last, acc[i][N - 1]);
    }
  }

  [[gnu::noinline]] static void put_few(size_t rows, size_t columns, const T* lanes, T* c, int64_t c_row, bool add) {
    for (size_t i = 0; i < rows; ++i, lanes += L, c += c_row) {
      for (size_t j = 0; j < columns; ++j) c[j] = add ? c[j] + lanes[j] : lanes[j];
    }
  }

  using Fn = void (*)(const Sum&);
  template <size_t N, size_t R = max_rows(N)>
  static Fn of(size_t rows) {
    if constexpr (R == 1) {
      return run<1, N>;
    } else {
      return rows == R ? run<R, N> : of<N, R - 1>(rows);
    }
  }
  static Fn of(size_t rows, size_t vectors) {
    if (vectors == 4) return of<4>(rows);
    if (vectors == 3) return of<3>(rows);
    return vectors == 2 ? of<2>(rows) : of<1>(rows);
  }

  // `rows` rows of one sum, in tiles.
  static void rows(Sum& s, int64_t rows, size_t vectors) {
    const EvenParts parts(rows, int64_t(max_rows(vectors)));
    const T* a = s.a;
    T* c = s.c;
    for (int64_t part = 0; part < parts.parts; ++part) {
      const int64_t i = parts[part];
      s.a = a + i * s.a_row;
      s.c = c + i * s.c_row;
      of(size_t(parts[part + 1] - i), vectors)(s);
    }
  }

  // Columns of c in panels as wide as a tile.
  struct Panels {
    int64_t columns, width, count;
    Panels(int64_t columns, int64_t steps) : columns(columns) {
      const size_t n = size_t(columns);
      width = int64_t((n <= L ? 1 : n <= 2 * L ? 2 : steps <= kFewSteps ? 4 : G::kVectors) * L);
      count = (columns + width - 1) / width;
    }
    int64_t here(int64_t panel) const { return panel + 1 < count ? width : columns - panel * width; }
    size_t vectors(int64_t panel) const { return (size_t(here(panel)) + L - 1) / L; }
    int64_t padded() const { return count == 0 ? 0 : (count - 1) * width + int64_t(vectors(count - 1) * L); }
  };
};

// Results from an image and a filter (back: an image from a result and a filter).
template <class T, bool back>
struct ConvGather {
  using Tile = ConvTile<T>;
  using Panels = typename Tile::Panels;
  static constexpr bool kPrepares = true;
  static constexpr int64_t kPixels = 448;  // about as many are computed together, for the sake of the filter

  struct Shape {
    int64_t from_rows, from_columns, from_channels, rows, columns, channels;
    int64_t height;  // rows of a unit
    int64_t blocks;  // units of an image; 1: several images a unit
    int64_t images;  // of a unit
    explicit Shape(const Window& w) {
      if (back) {
        from_rows = w.rows.result, from_columns = w.columns.result, from_channels = w.results;
        rows = w.rows.image, columns = w.columns.image, channels = w.channels;
      } else {
        from_rows = w.rows.image, from_columns = w.columns.image, from_channels = w.channels;
        rows = w.rows.result, columns = w.columns.result, channels = w.results;
      }
      height = images = blocks = 1;
      if (rows == 0 || columns == 0) return;
      height = columns < kPixels ? kPixels / columns : 1;
      if (height >= rows) {
        height = rows;
        images = rows * columns < kPixels ? kPixels / (rows * columns) : 1;
      }
      blocks = (rows + height - 1) / height;
    }
  };

  static int64_t units(const Window& w) {
    const Shape s(w);
    if (s.rows * s.columns * s.channels == 0) return 0;
    return (w.batch + s.images - 1) / s.images * s.blocks;
  }

  static Panels panels_of(const Window& w, const Shape& s) {
    return {s.channels, w.rows.taps * w.columns.taps * s.from_channels};
  }

  // The filter by panels of columns; in a panel by row taps, column taps (back: the last first, as they meet
  // neighbouring pixels), channels that are summed over.
  static size_t prepared_bytes(const Window& w) {
    const Shape s(w);
    return size_t(w.rows.taps * w.columns.taps * s.from_channels * panels_of(w, s).padded()) * sizeof(T);
  }
  static void prepare(const Window& w, const void*, const void* y, void* prepared) {
    const Shape s(w);
    const Panels panels = panels_of(w, s);
    const T* filter = static_cast<const T*>(y);
    T* to = static_cast<T*>(prepared);
    const int64_t taps = w.rows.taps * w.columns.taps, depth = s.from_channels;
    for (int64_t panel = 0; panel < panels.count; ++panel) {
      const int64_t j0 = panel * panels.width, here = panels.here(panel);
      const int64_t padded = int64_t(panels.vectors(panel) * Tile::L);
      for (int64_t tap = 0; tap < taps; ++tap, to += depth * padded) {
        const int64_t k = tap % w.columns.taps, column = back ? w.columns.taps - 1 - k : k;
        const T* from = filter + (tap - k + column) * w.channels * w.results + (back ? j0 * w.results : j0);
        if (back) {
          using Bits = typename IntOfSize<sizeof(T)>::Unsigned;
          Transpose<Bits>::run(from, size_t(depth), to, size_t(padded), size_t(here), size_t(depth));
        } else {
          for (int64_t p = 0; p < depth; ++p)
            __builtin_memcpy(to + p * padded, from + p * w.results, size_t(here) * sizeof(T));
        }
        for (int64_t p = 0; p < depth && here < padded; ++p)
          __builtin_memset(to + p * padded + here, 0, size_t(padded - here) * sizeof(T));
      }
    }
  }
  static size_t own_bytes(const Window&) { return 0; }

  static int64_t lattices(const WindowAxis& axis) { return back ? image_lattices(axis) : result_lattices(axis); }
  static Lattice lattice(const WindowAxis& axis, int64_t i) {
    return back ? image_lattice(axis, i) : result_lattice(axis, i);
  }

  // Positions in rows t0 .. t1 - 1 and columns q0 .. q1 - 1 of two lattices, which have the same taps.
  struct Rectangle {
    const Lattice &rows, &columns;
    int64_t t0, t1, q0, q1;
    Lattice::Range row_taps, column_taps;
  };

  static void rectangle(const Window& w, const Shape& s, const Rectangle& r, const T* x, const T* filter, T* out,
                        int64_t images) {
    const int64_t depth = s.from_channels, column_taps = w.columns.taps, taps = w.rows.taps * column_taps;
    const int64_t row = s.from_columns * depth;
    const Panels panels = panels_of(w, s);
    const int64_t height = r.t1 - r.t0, width = r.q1 - r.q0;
    const bool across = width >= 6 || width >= height;
    typename Tile::Sum sum;
    sum.a_outer = r.rows.dilation * row;
    sum.a_middle = (back ? -1 : 1) * r.columns.dilation * depth;
    sum.a_depth = 1;
    sum.a_row = across ? r.columns.stride * depth : r.rows.stride * row;
    sum.c_row = across ? r.columns.step * s.channels : r.rows.step * s.columns * s.channels;
    T* const corner =
        out + ((r.rows.first + r.t0 * r.rows.step) * s.columns + r.columns.first + r.q0 * r.columns.step) * s.channels;
    const int64_t across_taps = r.column_taps.hi - r.column_taps.lo;
    // Chains as long as in gemm.h, of whole rows of taps; or, where one is longer than that, of some of its channels,
    // but no shorter runs of them than this. Where nothing is added up, one chain without steps.
    const bool nothing = depth == 0 || across_taps == 0 || r.row_taps.lo == r.row_taps.hi;
    const int64_t most = nothing ? 1 : Tile::kDepth / r.columns.taps;
    const EvenParts channels(nothing ? 1 : depth, most > 32 ? most : 32);
    const EvenParts down(nothing ? 1 : r.rows.taps, nothing || depth > most ? 1 : most / depth);
    const int64_t first_column = back ? r.column_taps.hi - 1 : r.column_taps.lo;
    const int64_t column = r.columns.tap + first_column * r.columns.tap_step;
    const int64_t left = r.columns.source(r.q0, first_column) * depth;
    for (int64_t panel = 0; panel < panels.count; ++panel) {
      const size_t vectors = panels.vectors(panel);
      const int64_t padded = int64_t(vectors * Tile::L);
      sum.columns = size_t(panels.here(panel));
      sum.b_outer = r.rows.tap_step * column_taps * depth * padded;
      sum.b_middle = r.columns.tap_step * depth * padded;
      sum.add = false;
      for (int64_t chain = 0; chain < down.parts * channels.parts; ++chain) {
        const int64_t block = chain / channels.parts, part = chain % channels.parts, p = channels[part];
        const Lattice::Range rows = r.row_taps.within(down[block], down[block + 1]);
        if (rows.lo >= rows.hi && !nothing) continue;
        sum.outer = nothing ? 0 : rows.hi - rows.lo;
        sum.middle = across_taps;
        sum.depth = channels[part + 1] - p;
        // Neighbouring taps whose channels are contiguous are one longer loop.
        if (sum.a_middle == sum.depth && sum.b_middle == sum.depth * padded) sum.depth *= across_taps, sum.middle = 1;
        const int64_t tap =
            (r.rows.tap + rows.lo * r.rows.tap_step) * column_taps + (back ? column_taps - 1 - column : column);
        const int64_t from = nothing ? 0 : r.rows.source(r.t0, rows.lo) * row + left + p;
        sum.b = filter + (nothing ? 0 : panel * panels.width * taps * depth + (tap * depth + p) * padded);
        for (int64_t n = 0; n < images; ++n) {
          const T* a = x + n * s.from_rows * row + from;
          T* c = corner + n * s.rows * s.columns * s.channels + panel * panels.width;
          for (int64_t i = 0; i < (across ? height : width); ++i) {
            sum.a = nothing ? x : a + (across ? i * r.rows.stride * row : i * r.columns.stride * depth);
            sum.c = c + (across ? i * r.rows.step * s.columns : i * r.columns.step) * s.channels;
            Tile::rows(sum, across ? width : height, vectors);
          }
        }
        sum.add = true;
      }
    }
  }

  static void run(const Window& w, const void* x_, const void*, void* out_, int64_t from, int64_t to,
                  const void* prepared, void*) {
    const Shape s(w);
    const T* filter = static_cast<const T*>(prepared);
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t n = unit / s.blocks * s.images, images = s.images < w.batch - n ? s.images : w.batch - n;
      const int64_t top = unit % s.blocks * s.height, bottom = top + s.height < s.rows ? top + s.height : s.rows;
      const T* x = static_cast<const T*>(x_) + n * s.from_rows * s.from_columns * s.from_channels;
      T* out = static_cast<T*>(out_) + n * s.rows * s.columns * s.channels;
      for (int64_t i = 0; i < lattices(w.rows); ++i) {
        const Lattice rows = lattice(w.rows, i);
        for (int64_t t = rows.from(top), t_end = rows.from(bottom), t1; t < t_end; t = t1) {
          const Lattice::Range row_taps = rows.taps_at(t);
          t1 = rows.run_end(t, t_end, row_taps);
          for (int64_t j = 0; j < lattices(w.columns); ++j) {
            const Lattice columns = lattice(w.columns, j);
            for (int64_t q = 0, q1; q < columns.count; q = q1) {
              const Lattice::Range column_taps = columns.taps_at(q);
              q1 = columns.run_end(q, columns.count, column_taps);
              rectangle(w, s, {rows, columns, t, t1, q, q1, row_taps, column_taps}, x, filter, out, images);
            }
          }
        }
      }
    }
  }
};

// A filter from an image and a result: a unit is a row of taps of some columns. Rows of taps that are computed
// together share the packed result; they and neighbouring columns the image and the result while these are in cache.
template <class T>
struct ConvFilter : Unprepared {
  using Tile = ConvTile<T>;
  using Panels = typename Tile::Panels;
  static constexpr int64_t kPixels = 192;  // at most as many steps in a chain: their b stays in L1. Decides bits
  static constexpr int64_t kSums = 131072 / sizeof(T);  // about as much of the filter is computed together

  static Panels panels_of(const Window& w) { return {w.results, kPixels}; }
  static int64_t units(const Window& w) { return w.rows.taps * panels_of(w).count; }
  static size_t own_bytes(const Window& w) { return size_t(kPixels * panels_of(w).width) * sizeof(T); }

  static void run(const Window& w, const void* x, const void* y, void* out, int64_t from, int64_t to, const void*,
                  void* own) {
    const int64_t size = w.rows.taps * w.columns.taps * w.channels * panels_of(w).width;
    const int64_t most = w.rows.taps * (size < kSums ? kSums / size : 1);
    for (int64_t unit = from, next; unit < to; unit = next) {
      next = to - unit < most ? to : unit + most;
      some(w, static_cast<const T*>(x), static_cast<const T*>(y), unit, next, static_cast<T*>(out),
           static_cast<T*>(own));
    }
  }

 private:
  static void some(const Window& w, const T* x, const T* y, int64_t from, int64_t to, T* out, T* packed) {
    const WindowAxis &rows = w.rows, &columns = w.columns;
    const Panels panels = panels_of(w);
    const int64_t taps_size = columns.taps * w.channels;
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t panel = unit / rows.taps;
      T* at = out + unit % rows.taps * taps_size * w.results + panel * panels.width;
      for (int64_t i = 0; i < taps_size; ++i, at += w.results)
        __builtin_memset(at, 0, size_t(panels.here(panel)) * sizeof(T));
    }
    const EvenParts across(columns.result, kPixels);
    const int64_t most = columns.result > 0 && columns.result < kPixels ? kPixels / columns.result : 1;
    const EvenParts down(rows.result, most);
    for (int64_t n = 0; n < w.batch; ++n) {
      for (int64_t block = 0; block < down.parts * across.parts; ++block) {
        const int64_t top = down[block / across.parts], left = across[block % across.parts];
        const Area b{n, top, down[block / across.parts + 1], left, across[block % across.parts + 1]};
        for (int64_t unit = from, end; unit < to; unit = end) {
          const int64_t panel = unit / rows.taps;
          end = (panel + 1) * rows.taps < to ? (panel + 1) * rows.taps : to;
          add_area(w, x, y, panel, unit - panel * rows.taps, end - panel * rows.taps, b, out, packed);
        }
      }
    }
  }

  // Of an image's result.
  struct Area {
    int64_t n, top, bottom, left, right;
  };

  static void add_area(const Window& w, const T* x, const T* y, int64_t panel, int64_t first_tap, int64_t end_tap,
                       const Area& b, T* out, T* packed) {
    const WindowAxis &rows = w.rows, &columns = w.columns;
    const Lattice row_lattice = result_lattice(rows, 0), column_lattice = result_lattice(columns, 0);
    const Panels panels = panels_of(w);
    const int64_t here = panels.here(panel), image_row = columns.image * w.channels;
    const size_t vectors = panels.vectors(panel);
    const int64_t padded = int64_t(vectors * Tile::L);
    const T* result = y + ((b.n * rows.result + b.top) * columns.result + b.left) * w.results + panel * panels.width;
    typename Tile::Sum sum;
    sum.b_outer = columns.result * w.results;
    if (padded != w.results) {
      pack(result, sum.b_outer, w.results, b.bottom - b.top, b.right - b.left, here, padded, packed);
      result = packed;
      sum.b_outer = (b.right - b.left) * padded;
    }
    sum.middle = 1;
    sum.a_outer = rows.stride * image_row;
    sum.a_middle = sum.b_middle = 0;
    sum.a_depth = columns.stride * w.channels;
    sum.a_row = 1;
    sum.c_row = w.results;
    sum.columns = size_t(here);
    sum.add = true;
    // Neighbouring taps of few channels fill a tile, where the same ones meet the image. Decides bits
    const bool together = columns.dilation == 1 && w.channels < int64_t(Tile::max_rows(vectors));
    for (int64_t j = first_tap; j < end_tap; ++j) {
      const Lattice::Range t = row_lattice.positions_at(j).within(b.top, b.bottom);
      if (t.lo >= t.hi) continue;
      const T* image = x + (b.n * rows.image + row_lattice.source(t.lo, j)) * image_row;
      sum.outer = t.hi - t.lo;
      const auto add = [&](const Lattice::Range& q, const Lattice::Range& taps) {
        sum.depth = q.hi - q.lo;
        sum.a = image + column_lattice.source(q.lo, taps.lo) * w.channels;
        sum.b = result + (t.lo - b.top) * sum.b_outer + (q.lo - b.left) * padded;
        sum.c = out + (j * columns.taps + taps.lo) * w.channels * w.results + panel * panels.width;
        if (q.lo < q.hi) Tile::rows(sum, (taps.hi - taps.lo) * w.channels, vectors);
      };
      for (int64_t q = b.left, end; together && q < b.right; q = end) {
        const Lattice::Range taps = column_lattice.taps_at(q);
        end = column_lattice.run_end(q, b.right, taps);
        add({q, end}, taps);
      }
      for (int64_t k = 0; !together && k < columns.taps; ++k)
        add(column_lattice.positions_at(k).within(b.left, b.right), {k, k + 1});
    }
  }

  static void pack(const T* from, int64_t row, int64_t pixel, int64_t rows, int64_t columns, int64_t here,
                   int64_t padded, T* to) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t q = 0; q < columns; ++q, to += padded) {
        const T* p = from + r * row + q * pixel;
        if (here == padded) {
          for (int64_t j = 0; j < padded; j += int64_t(Tile::L)) store(to + j, load<T>(p + j));
        } else {
          for (int64_t j = 0; j < padded; ++j) to[j] = j < here ? p[j] : T(0);
        }
      }
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
