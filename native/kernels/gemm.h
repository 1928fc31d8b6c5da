// Matrix product c = a b (+ c), for any strides of a and b.
//
// Every element of c is one chain of multiply-adds over k, from zero, cut into blocks that depend on k alone; the
// block sums are added to c in order. So the bits of c[i][j] depend on row i of a, column j of b and k only (but for
// which NaN a NaN is): not on strides, packing, tile shapes, m or n. Ranges of rows or columns may be computed by
// separate calls, at the same time too if each has a workspace: a call touches no c but its own.
#pragma once

#include "gemv.h"
#include "kernels.h"
#include "simd/simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Gemm : Gemv<T> {
  using typename Gemv<T>::V;
  using typename Gemv<T>::Cut;
  using Gemv<T>::L;
  using Gemv<T>::kDepth;
  using Gemv<T>::kLine;
  using Gemv<T>::kCached;
  using Gemv<T>::kStrip;
  using Gemv<T>::mul_add;
  using Gemv<T>::load_transposed;
  using Gemv<T>::matrix_vector;

// A tile is rows x vectors accumulators, as many as gcc keeps in registers. kVectors is a power of two.
#if defined(__AVX512F__)
  static constexpr size_t kVectors = 4;
  static constexpr size_t max_rows(size_t vectors) { return vectors > 2 ? 6 : 14; }
#elif defined(__aarch64__)
  static constexpr size_t kVectors = 4;
  static constexpr size_t max_rows(size_t vectors) { return vectors > 2 ? 5 : 10; }
#else
  static constexpr size_t kVectors = 2;
  static constexpr size_t max_rows(size_t vectors) { return vectors > 1 ? 6 : 12; }
#endif
  static constexpr size_t kSteps = 2;                         // along k, of a tile over packed operands
  static constexpr size_t kTurn = L < 8 ? L : 8;              // rows and steps of a that are packed at once
  static constexpr size_t kRows = 768 / sizeof(T);            // most rows of a in one block
  static constexpr size_t kColumnsReused = 8192 / sizeof(T);  // most columns of b, if several blocks of rows use them
  static constexpr size_t kPackedOnce = (192 << 10) / sizeof(T);  // else: so much of b, which stays in L2
  static constexpr size_t kFetched = (128 << 10) / sizeof(T);     // more of b than that is fetched before it is packed
  static constexpr size_t kShallow = 64;  // blocks with k up to this are computed row by row, for the sake of c
  static constexpr size_t kTold = 32768 / sizeof(T);  // so much of c is finished before it is told of
  static constexpr double kSmall = 64.0 * 64 * 80;    // products this small are computed without packing

  struct Tiling {
    size_t vectors, rows;        // the tile
    size_t block_rows, columns;  // a block of a, a block of b
  };

  static Tiling tiling(size_t m, size_t n, size_t k) {
    Tiling p;
    p.vectors = n <= L ? 1 : n <= 2 * L || m <= 42 ? 2 : kVectors;
    p.rows = max_rows(p.vectors);
    p.block_rows = m <= kRows ? m : (Cut(m, kRows).longest() + p.rows - 1) / p.rows * p.rows;
    size_t most = kColumnsReused;
    if (m <= kRows) most = n <= kPackedOnce / kDepth ? n : kPackedOnce / Cut(k, kDepth).longest();
    const size_t width = p.vectors * L;  // a power of two
    p.columns = ((n < most ? n : most) + width - 1) & ~(width - 1);
    return p;
  }

  static constexpr size_t aligned(size_t elements) { return (elements * sizeof(T) + 63) / 64 * 64 / sizeof(T); }

  static size_t workspace(size_t m, size_t n, size_t k) {
    if (m == 0 || n == 0 || k == 0) return 0;
    const Tiling p = tiling(m, n, k);
    const size_t depth = Cut(k, kDepth).longest();
    const size_t packed = aligned(p.columns * depth) + aligned(p.block_rows * depth + 2 * L);
    const size_t strip = m == 1 || n == 1 ? kStrip + L : 0;
    return (packed > strip ? packed : strip) * sizeof(T);
  }

  static void run(size_t m, size_t n, size_t k, const void* a_, ptrdiff_t rsa, ptrdiff_t csa, const void* b_,
                  ptrdiff_t rsb, ptrdiff_t csb, void* c_, ptrdiff_t rsc, bool accumulate, void* workspace,
                  const GemmListener* listener) {
    if (m == 0 || n == 0) return;
    const T *a = static_cast<const T*>(a_), *b = static_cast<const T*>(b_);
    T *c = static_cast<T*>(c_), *room = static_cast<T*>(workspace);
    if (k == 0) {
      for (size_t i = 0; i < m && !accumulate; ++i) __builtin_memset(c + ptrdiff_t(i) * rsc, 0, n * sizeof(T));
    }
    if (k == 0 || (n == 1 && matrix_vector(m, k, a, rsa, csa, b, rsb, c, rsc, accumulate, room)) ||
        (m == 1 && matrix_vector(n, k, b, csb, rsb, a, csa, c, 1, accumulate, room))) {
      if (listener && listener->done) listener->done(listener->context, 0, m, 0, n);
      return;
    }

    const Tiling p = tiling(m, n, k);
    const Cut blocks(k, kDepth);
    const double a_size = double(m) * double(k);
    const bool small = a_size * double(n) <= kSmall;
    const bool pack_b = n < L || csb != 1 || !(small || m <= p.rows);
    const bool pack_a = !small && (csa != 1 ? n > p.vectors * L : n >= 256);
    T* packed_a = room + aligned(p.columns * blocks.longest());
    Block part;
    part.n = n;
    part.packed_a = pack_a ? packed_a : nullptr;
    part.rsa = rsa;
    part.csa = csa;
    part.a_from_memory = a_size > kCached;
    part.b = b;
    part.packed_b = pack_b ? room : nullptr;
    part.rsb = rsb;
    part.csb = csb;
    part.rsc = rsc;
    for (size_t block = 0; block < blocks.parts; ++block) {
      const size_t depth = blocks[block];
      const bool by_rows = !small && depth <= kShallow;
      part.depth = depth;
      part.only_use = m == p.block_rows && !by_rows;
      part.add = accumulate || block > 0;
      if (pack_a && m == p.block_rows) pack_rows(m, m, depth, a, rsa, csa, p.rows, packed_a);
      for (size_t j0 = 0; j0 < n; j0 += p.columns) {
        part.j0 = j0;
        part.columns = n - j0 < p.columns ? n - j0 : p.columns;
        for (size_t i0 = 0; i0 < m; i0 += p.block_rows) {
          part.rows = m - i0 < p.block_rows ? m - i0 : p.block_rows;
          part.a = a + ptrdiff_t(i0) * rsa;
          part.c = c + ptrdiff_t(i0) * rsc;
          part.first_use = i0 == 0;
          if (pack_a && m != p.block_rows) pack_rows(part.rows, m - i0, depth, part.a, rsa, csa, p.rows, packed_a);
          const Progress progress{listener, i0, block + 1 == blocks.parts};
          if (by_rows) {
            product_by_rows(p, part, progress);
          } else {
            product_by_columns(p, part, progress);
          }
        }
      }
      a += ptrdiff_t(depth) * csa;
      part.b += ptrdiff_t(depth) * rsb;
    }
  }

  // One step of a tile along k. Strides in bytes: then gcc makes no second version of the loop for stride one.
  // `keep`: where to store the row of b, if kKeeps.
  template <size_t R, size_t N, bool kKeeps = false>
  static GRADTAPE_INLINE void step(const char* a, ptrdiff_t rsa, const char* b, ptrdiff_t last_b, V (&acc)[R][N],
                                   T* keep = nullptr) {
    V row[N];
#pragma GCC unroll 4
    for (size_t j = 0; j < N; ++j) {
      row[j] = load<T>(reinterpret_cast<const T*>(b + (j + 1 < N ? ptrdiff_t(j * L * sizeof(T)) : last_b)));
      if constexpr (kKeeps) store(keep + j * L, row[j]);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i) {
      const V x = splat<V>(*reinterpret_cast<const T*>(a + ptrdiff_t(i) * rsa));
#pragma GCC unroll 4
      for (size_t j = 0; j < N; ++j) acc[i][j] = mul_add(x, row[j], acc[i][j]);
      hold(x);
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < N; ++j) hold(row[j]);
  }

 private:
  struct Panel {
    size_t depth;
    const T* a;
    ptrdiff_t rsa, csa;
    const T* b;
    ptrdiff_t rsb, last_b;  // last_*: where the last vector of a row starts
    T* c;
    ptrdiff_t rsc, last_c;
    size_t shift;   // so many lanes of the last vector are columns of its neighbour: leave them
    size_t narrow;  // n, if n < L
    bool add;
    bool packed;  // both operands are
    T* keep;      // where a tile that packs its b does so
    // What to fetch into the cache meanwhile: every kLine steps so many lines apart, and a step further each time.
    size_t fetches;
    const char* fetch;
    ptrdiff_t fetch_apart, fetch_step;
  };
  using Tile = void (*)(Panel&);

  // A vector from mask + L - s has its first s lanes off.
  struct LaneMasks {
    Lane<MaskOf<V>> mask[2 * L];
    constexpr LaneMasks() : mask() {
      for (size_t i = L; i < 2 * L; ++i) mask[i] = -1;
    }
  };
  static constexpr LaneMasks kLaneMasks{};

  template <size_t R, size_t N, bool kPacks>
  [[gnu::noinline]] static void tile(Panel& panel) {
    constexpr ptrdiff_t kSize = sizeof(T);
    const char *a = reinterpret_cast<const char*>(panel.a), *b = reinterpret_cast<const char*>(panel.b);
    const ptrdiff_t rsa = panel.rsa * kSize, csa = panel.csa * kSize, rsb = panel.rsb * kSize;
    const ptrdiff_t last_b = panel.last_b * kSize;
    V acc[R][N];
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (size_t j = 0; j < N; ++j) {
        acc[i][j] = V{};
        if (j * L % kLine == 0) __builtin_prefetch(panel.c + ptrdiff_t(i) * panel.rsc + j * L, 1);
      }
    }
    [[maybe_unused]] T* keep = panel.keep;
    for (size_t p = panel.depth; p > 0;) {
      if (panel.fetches > 0) {
        const char* line = panel.fetch;
        for (size_t i = panel.fetches; i > 0; --i, line += panel.fetch_apart) __builtin_prefetch(line, 0, 2);
        panel.fetch += panel.fetch_step;  // in memory: registers are short here
      }
      size_t steps = p < kLine || panel.fetches == 0 ? p : kLine;
      p -= steps;
      // Constant strides, 21 instructions a step for 25: they count when another thread shares the core.
      for (; !kPacks && panel.packed && steps >= kSteps; steps -= kSteps) {
#pragma GCC unroll 4
        for (size_t q = 0; q < kSteps; ++q)
          step<R, N>(a + q * R * kSize, kSize, b + q * N * L * kSize, (N - 1) * L * kSize, acc);
        a += kSteps * R * kSize;
        b += kSteps * N * L * kSize;
        asm("" : "+r"(a), "+r"(b));
      }
      for (; steps > 0; --steps, a += csa, b += rsb) {
        if constexpr (kPacks) {
          step<R, N, true>(a, rsa, b, last_b, acc, keep);
          keep += N * L;
        } else {
          step<R, N>(a, rsa, b, last_b, acc);
        }
        asm("" : "+r"(a), "+r"(b));  // else gcc makes a second loop for stride one and keeps the pointers in memory
      }
    }
    T* c = panel.c;
    ptrdiff_t rsc = panel.rsc;
    asm("" : "+r"(c), "+r"(rsc));  // else gcc computes the rows of c before the loop and keeps them in memory
    const ptrdiff_t last_c = panel.last_c;
    if constexpr (N == 1) {
      if (panel.narrow > 0) {
        T lanes[R * L];
#pragma GCC unroll 16
        for (size_t i = 0; i < R; ++i) store(lanes + i * L, acc[i][0]);
        put_narrow(R, panel.narrow, lanes, c, rsc, panel.add);
        return;
      }
    }
    // One after the other what each kind of tile needs, not one piece of code for each kind.
    if (panel.add) {
      const T* from = c;
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i, from += rsc) {
#pragma GCC unroll 4
        for (size_t j = 0; j + 1 < N; ++j) acc[i][j] = load<T>(from + j * L) + acc[i][j];
        acc[i][N - 1] = load<T>(from + last_c) + acc[i][N - 1];
      }
    }
    T* last = c + last_c;
    if constexpr (N > 1) {
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i, c += rsc) {
#pragma GCC unroll 4
        for (size_t j = 0; j + 1 < N; ++j) store(c + j * L, acc[i][j]);
      }
    }
    if (panel.shift > 0) {
      const MaskOf<V> mine = load<Lane<MaskOf<V>>>(kLaneMasks.mask + L - panel.shift);
      const T* from = last;
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i, from += rsc) acc[i][N - 1] = select(mine, acc[i][N - 1], load<T>(from));
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i, last += rsc) store(last, acc[i][N - 1]);
  }

  [[gnu::noinline]] static void put_narrow(size_t rows, size_t columns, const T* lanes, T* c, ptrdiff_t rsc, bool add) {
    // Where the next row is right behind, whole vectors: what they write past a row is overwritten.
    const ptrdiff_t last = !add && rsc == ptrdiff_t(columns) ? ptrdiff_t(rows * columns) - ptrdiff_t(L) : -1;
    for (size_t i = 0; i < rows; ++i, lanes += L, c += rsc) {
      if (ptrdiff_t(i * columns) <= last) {
        store(c, load<T>(lanes));
        continue;
      }
      for (size_t j = 0; j < columns; ++j) {
        c[j] = add ? c[j] + lanes[j] : lanes[j];
        asm("" : "+r"(j));  // few elements: vectors would be a kilobyte of code
      }
    }
  }

  template <size_t N, size_t R = max_rows(N)>
  static Tile tile_of(size_t rows) {
    if constexpr (R == 1) {
      return tile<1, N, false>;
    } else {
      return rows == R ? tile<R, N, false> : tile_of<N, R - 1>(rows);
    }
  }
  static Tile tile_of(size_t rows, size_t vectors) {
    if constexpr (kVectors > 2) {
      if (vectors == 4) return tile_of<4>(rows);
      if (vectors == 3) return tile_of<3>(rows);
    }
    return vectors == 2 ? tile_of<2>(rows) : tile_of<1>(rows);
  }
  // A tile that also packs its columns of b, if there is one: for tall tiles, which hide the stores.
  static Tile packing_tile_of(size_t rows, size_t vectors) {
    constexpr size_t R = max_rows(kVectors);
    if (vectors != kVectors || rows > R || rows + 1 < R) return nullptr;
    return rows == R ? tile<R, kVectors, true> : tile<R - 1, kVectors, true>;
  }

  // What there is to tell of a block of rows that starts at row `first` of c.
  struct Progress {
    const GemmListener* listener;
    size_t first;
    bool last;  // block along k: c is finished with it
    void add(size_t rows, size_t columns, size_t depth) const {
      if (listener && listener->progress) listener->progress(listener->context, rows * columns * depth);
    }
    void done(size_t row, size_t rows, size_t column, size_t columns) const {
      if (last && listener && listener->done) listener->done(listener->context, first + row, rows, column, columns);
    }
  };

  // A block of rows of a and a block of columns of b. A null packed_* says that the operand is used where it is.
  struct Block {
    size_t rows, j0, columns, n, depth;
    const T *a, *packed_a;
    ptrdiff_t rsa, csa;
    bool a_from_memory;
    const T* b;
    T* packed_b;
    ptrdiff_t rsb, csb;
    bool first_use, only_use;  // of these columns of b: they have to be packed; need not be kept
    T* c;
    ptrdiff_t rsc;
    bool add;
  };

  static Panel start(const Block& block) {
    Panel panel;
    panel.depth = block.depth;
    panel.rsc = block.rsc;
    panel.narrow = block.n < L ? block.n : 0;
    panel.add = block.add;
    panel.packed = block.packed_a && block.packed_b;
    panel.keep = nullptr;
    panel.fetches = 0;
    panel.fetch = nullptr;
    panel.fetch_apart = panel.fetch_step = 0;
    return panel;
  }

  static void set_rows(const Block& block, size_t i, size_t r, Panel& panel) {
    if (block.packed_a) {
      panel.a = block.packed_a + i * block.depth;
      panel.rsa = 1;
      panel.csa = ptrdiff_t(r);
      return;
    }
    panel.a = block.a + ptrdiff_t(i) * block.rsa;
    panel.rsa = block.rsa;
    panel.csa = block.csa;
    if (block.csa != 1 || !block.a_from_memory) return;
    panel.fetch = reinterpret_cast<const char*>(panel.a + ptrdiff_t(r) * block.rsa);
    panel.fetches = r;
    panel.fetch_apart = block.rsa * ptrdiff_t(sizeof(T));
    panel.fetch_step = 64;
  }

  // Columns j .. of the block, where they are packed if they are; how many vectors that is.
  static size_t set_columns(const Block& block, size_t width, size_t j, Panel& panel) {
    const size_t here = block.columns - j < width ? block.columns - j : width, vectors = (here - 1) / L + 1;
    panel.shift = block.n < L ? 0 : vectors * L - here;
    panel.last_c = ptrdiff_t((vectors - 1) * L) - ptrdiff_t(panel.shift);
    if (block.packed_b) {
      panel.b = block.packed_b + (block.only_use ? 0 : j * block.depth);
      panel.rsb = ptrdiff_t(vectors * L);
      panel.last_b = ptrdiff_t((vectors - 1) * L);
    } else {
      panel.b = block.b + block.j0 + j;
      panel.rsb = block.rsb;
      panel.last_b = panel.last_c;
    }
    return vectors;
  }

  // Fetches the columns of b that are packed next, while so many tiles of the present ones are computed.
  struct Ahead {
    size_t extent = 0, lines = 1;  // fetches one line in each of `extent` rows (csb == 1) or columns, then the next one
    size_t each, a_tile;           // so many of them at a time; in a tile
    ptrdiff_t apart, step;
    size_t at, line;
    const char* from;

    void prepare(const Block& block, size_t width, size_t tiles) {
      constexpr ptrdiff_t kSize = sizeof(T);
      const size_t chunks = (block.depth - 1) / kLine + 1;  // of a tile
      if (block.csb == 1 && block.depth * block.n > kFetched) {
        extent = block.depth;
        lines = (width - 1) / kLine + 1;
        each = (lines * extent - 1) / (tiles * chunks) + 1;
        a_tile = chunks * each;
        apart = block.rsb * kSize;
        step = apart * ptrdiff_t(each);
      } else if (block.rsb == 1) {
        extent = width;
        each = a_tile = (width - 1) / tiles + 1;
        apart = block.csb * kSize;
        step = 64;
      }
    }
    void start(const Block& block, size_t column) {
      const T* b = block.b + ptrdiff_t(column) * block.csb;
      from = reinterpret_cast<const char*>(block.csb == 1 ? b + kLine - 1 : b);  // what is before its line is there
      at = line = 0;
    }
    void next_tile(Panel& panel) {
      panel.fetches = 0;
      if (line == lines) return;
      panel.fetches = each;
      panel.fetch = from + ptrdiff_t(at) * apart + line * 64;
      panel.fetch_apart = apart;
      panel.fetch_step = step;
      at += a_tile;
      if (at >= extent) at = 0, ++line;
    }
  };

  // Columns as wide as a tile, one after the other, each with all rows; they are packed as it comes to them.
  // None of these parts is inlined: in run() they would share too few registers (8x8x8: 16 for 20 GFLOP/s).
  [[gnu::noinline]] static void product_by_columns(const Tiling& tiling, const Block& block, const Progress& progress) {
    const Cut panels(block.rows, tiling.rows);
    const size_t width = tiling.vectors * L;
    const bool pack = block.packed_b && block.first_use;
    Ahead ahead;
    if (pack) ahead.prepare(block, width, panels.parts);
    Panel panel = start(block);
    for (size_t j = 0; j < block.columns; j += width) {
      const size_t vectors = set_columns(block, width, j, panel), next = block.j0 + j + width;
      const bool fetch = pack && ahead.extent > 0 && next + width <= block.n;
      const Tile packing_tile = pack && block.csb == 1 && block.n >= L ? packing_tile_of(panels[0], vectors) : nullptr;
      if (pack && !packing_tile) pack_columns(block, j, vectors, const_cast<T*>(panel.b));
      if (fetch) ahead.start(block, next);
      Tile run_tile = nullptr;
      for (size_t q = 0, i = 0; q < panels.parts; i += panels[q++]) {
        if (q == 0 || q == panels.longer) run_tile = tile_of(panels[q], vectors);
        set_rows(block, i, panels[q], panel);
        if (fetch) ahead.next_tile(panel);
        panel.c = block.c + ptrdiff_t(i) * block.rsc + block.j0 + j;
        if (q == 0 && packing_tile) {
          Panel packing = panel;
          packing.keep = const_cast<T*>(panel.b);
          packing.b = block.b + block.j0 + j;
          packing.rsb = block.rsb;
          packing.last_b = panel.last_c;
          packing_tile(packing);
        } else {
          run_tile(panel);
        }
      }
      progress.add(block.rows, block.columns - j < width ? block.columns - j : width, block.depth);
    }
    progress.done(0, block.rows, block.j0, block.columns);
  }

  // Rows as many as a tile has, one after the other, each with all columns.
  [[gnu::noinline]] static void product_by_rows(const Tiling& tiling, const Block& block, const Progress& progress) {
    const Cut panels(block.rows, tiling.rows);
    const size_t width = tiling.vectors * L;
    Panel panel = start(block);
    for (size_t j = 0; block.packed_b && block.first_use && j < block.columns; j += width) {
      const size_t vectors = set_columns(block, width, j, panel);
      pack_columns(block, j, vectors, block.packed_b + j * block.depth);
    }
    for (size_t q = 0, i = 0, told = 0; q < panels.parts; ++q) {
      const size_t r = panels[q];
      set_rows(block, i, r, panel);
      const Tile wide = tile_of(r, tiling.vectors);
      for (size_t j = 0; j < block.columns; j += width) {
        const size_t vectors = set_columns(block, width, j, panel);
        panel.c = block.c + ptrdiff_t(i) * block.rsc + block.j0 + j;
        if (vectors == tiling.vectors) {
          wide(panel);
        } else {
          tile_of(r, vectors)(panel);
        }
      }
      i += r;
      if ((i - told) * block.columns >= kTold || q + 1 == panels.parts) {
        progress.add(i - told, block.columns, block.depth);
        progress.done(told, i - told, block.j0, block.columns);
        told = i;
      }
    }
  }

  // N rows that are contiguous along k become columns, `stride` apart. depth >= N.
  template <size_t N>
  static GRADTAPE_INLINE void turn(size_t depth, const T* from, ptrdiff_t apart, T* to, size_t stride) {
    for (size_t p = 0;;) {
      Vec<T, N> x[N];
      load_transposed(from + p, apart, x);
#pragma GCC unroll 16
      for (size_t l = 0; l < N; ++l) store(to + (p + l) * stride, x[l]);
      if (p + N == depth) break;
      p = p + 2 * N <= depth ? p + N : depth - N;
    }
  }

  // One panel of r rows that are contiguous along k, kTurn of them at a time, the last first: what it writes past its
  // rows is overwritten. As many whole kTurn rows may be read, and depth >= kTurn.
  static void turn_rows(size_t r, size_t depth, const T* from, ptrdiff_t rsa, T* to) {
    for (size_t v = (r + kTurn - 1) / kTurn; v-- > 0;)
      turn<kTurn>(depth, from + ptrdiff_t(v * kTurn) * rsa, rsa, to + v * kTurn, r);
  }

  // Packs rows x depth of a into panels of as many rows as a tile has: element (i, p) of a panel is at p * its rows +
  // i. `readable` is how many rows may be read.
  [[gnu::noinline]] static void pack_rows(size_t rows, size_t readable, size_t depth, const T* a, ptrdiff_t rsa,
                                          ptrdiff_t csa, size_t most, T* to) {
    const Cut panels(rows, most);
    const size_t step = csa == 1 ? depth : 8;
    for (size_t p0 = 0; p0 < depth; p0 += step) {
      const size_t p1 = depth - p0 < step ? depth : p0 + step;
      for (size_t q = 0, i = 0; q < panels.parts; i += panels[q++]) {
        const size_t r = panels[q], vectors = (r - 1) / L + 1;
        const T* in = a + ptrdiff_t(i) * rsa;
        T* out = to + i * depth;
        if (csa == 1 && depth >= kTurn && i + (r + kTurn - 1) / kTurn * kTurn <= readable) {
          turn_rows(r, depth, in, rsa, out);
          continue;
        }
        size_t p = p0;
        if (rsa == 1 && i + vectors * L <= readable) {  // writes past its r elements what later ones overwrite
          const size_t end = p1 + L <= depth ? p1 : depth < L ? 0 : depth - L;
          if (vectors == 1) {
            for (; p < end; ++p) store(out + p * r, load<T>(in + ptrdiff_t(p) * csa));
          } else if (vectors == 2) {
            for (; p < end; ++p) {
              store(out + p * r, load<T>(in + ptrdiff_t(p) * csa));
              store(out + p * r + L, load<T>(in + ptrdiff_t(p) * csa + L));
            }
          } else {
            for (; p < end; ++p)
              for (size_t v = 0; v < vectors; ++v) store(out + p * r + v * L, load<T>(in + ptrdiff_t(p) * csa + v * L));
          }
        }
        for (; p < p1; ++p)
          for (size_t l = 0; l < r; ++l) out[p * r + l] = in[ptrdiff_t(p) * csa + ptrdiff_t(l) * rsa];
      }
    }
  }

  // Packs columns j .. of the block, as many vectors as a tile takes. The last vector of the last ones is shifted to
  // end at column n, so it holds columns of its neighbour too; if n < L its lanes from n on are any.
  [[gnu::noinline]] static void pack_columns(const Block& block, size_t j, size_t vectors, T* to) {
    const size_t n = block.n, depth = block.depth, stride = vectors * L;
    const ptrdiff_t rsb = block.rsb, csb = block.csb;
    const T* b = block.b + ptrdiff_t(block.j0 + j) * csb;
    if (n < L) {
      // Whole vectors, as far as they are within b: nobody reads their lanes from n on.
      const ptrdiff_t last =
          csb == 1 && rsb >= 0 ? ptrdiff_t(depth - 1) * rsb + ptrdiff_t(n) - ptrdiff_t(L) : PTRDIFF_MIN;
      for (size_t p = 0; p < depth; ++p) {
        const ptrdiff_t row = ptrdiff_t(p) * rsb;
        if (row <= last) {
          store(to + p * L, load<T>(b + row));
          continue;
        }
        for (size_t l = 0; l < L; ++l) to[p * L + l] = l < n ? b[row + ptrdiff_t(l) * csb] : T(0);
      }
      return;
    }
    const size_t here = block.columns - j < stride ? block.columns - j : stride;
    for (size_t v = 0; v < vectors; ++v) {
      const ptrdiff_t column = ptrdiff_t(v + 1 < vectors ? v * L : here - L);  // may be negative
      const T* in = b + column * csb;
      T* out = to + v * L;
      if (csb == 1) {
        for (size_t p = 0; p < depth; ++p) store(out + p * stride, load<T>(in + ptrdiff_t(p) * rsb));
      } else if (rsb == 1 && depth >= L) {
        turn<L>(depth, in, csb, out, stride);
      } else {
        for (size_t p = 0; p < depth; ++p)
          for (size_t l = 0; l < L; ++l) out[p * stride + l] = in[ptrdiff_t(p) * rsb + ptrdiff_t(l) * csb];
      }
    }
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
