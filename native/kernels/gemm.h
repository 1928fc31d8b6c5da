// Matrix product c = a b (+ c), for any strides of a and b.
//
// Every element of c is one chain of multiply-adds over k, from zero, cut into blocks that depend on k alone; the
// block sums are added to c in order. So the bits of c[i][j] depend on row i of a, column j of b and k only (but for
// which NaN a NaN is): not on strides, packing, tile shapes, m or n. Ranges of rows or columns may be computed by
// separate calls, at the same time too if each has a workspace: a call touches no c but its own.
#pragma once

#include "../kernels.h"
#include "../simd.h"

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {

template <class T>
struct Gemm {
  using V = Vec<T>;
  static constexpr size_t L = kLanes<T>;

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
  static constexpr size_t kDepth = 384;                       // most of k in one block: decides bits
  static constexpr size_t kSteps = 4;                         // along k, of a tile over packed operands
  static constexpr size_t kLine = 64 / sizeof(T);             // of a cache
  static constexpr size_t kAhead = 8 * kLine;                 // how far ahead rows are fetched
  static constexpr size_t kRows = 768 / sizeof(T);            // most rows of a in one block
  static constexpr size_t kColumnsReused = 8192 / sizeof(T);  // most columns of b, if several blocks of rows use them
  static constexpr size_t kPackedOnce = (192 << 10) / sizeof(T);  // else: so much of b, which stays in L2
  static constexpr size_t kShallow = 64;  // blocks with k up to this are computed row by row, for the sake of c
  static constexpr size_t kTold = 32768 / sizeof(T);        // so much of c is finished before it is told of
  static constexpr size_t kStrip = 8192 / sizeof(T);        // sums of a product with a vector that stay in L1
  static constexpr size_t kCached = (4 << 20) / sizeof(T);  // larger operands come from memory
  static constexpr double kSmall = 64.0 * 64 * 80;          // products this small are computed without packing

  static GRADTAPE_INLINE V mul_add(V x, V y, V z) {
    if constexpr (std::is_integral_v<T>) {
      return x * y + z;
    } else {
      return fma(x, y, z);
    }
  }

  // n cut into so few even parts that none is longer than `most`; a part is base or base + 1 long, the longer ones
  // first.
  struct Cut {
    size_t parts = 1, base, longer = 0;
    Cut(size_t n, size_t most) : base(n) {
      if (n <= most) return;  // no divisions: they are what small products would spend their time in
      parts = (n - 1) / most + 1;
      base = n / parts;
      longer = n % parts;
    }
    size_t operator[](size_t part) const { return base + (part < longer); }
    size_t longest() const { return base + (longer > 0); }
  };

  struct Plan {
    size_t vectors, rows;        // the tile
    size_t block_rows, columns;  // a block of a, a block of b
  };

  static Plan plan(size_t m, size_t n, size_t k) {
    Plan p;
    p.vectors = n <= L ? 1 : n <= 2 * L || m <= 42 ? 2 : kVectors;
    p.rows = max_rows(p.vectors);
    p.block_rows = Cut(m, kRows).longest();
    size_t most = kColumnsReused;
    if (m <= kRows) most = n <= kPackedOnce / kDepth ? n : kPackedOnce / Cut(k, kDepth).longest();
    const size_t width = p.vectors * L;  // a power of two
    p.columns = ((n < most ? n : most) + width - 1) & ~(width - 1);
    return p;
  }

  static constexpr size_t aligned(size_t elements) { return (elements * sizeof(T) + 63) / 64 * 64 / sizeof(T); }

  static size_t workspace(size_t m, size_t n, size_t k) {
    if (m == 0 || n == 0 || k == 0) return 0;
    const Plan p = plan(m, n, k);
    const size_t depth = Cut(k, kDepth).longest();
    const size_t packed = aligned(p.columns * depth) + aligned(p.block_rows * depth + 2 * L);
    const size_t strip = m == 1 || n == 1 ? kStrip + L : 0;
    return (packed > strip ? packed : strip) * sizeof(T);
  }

  static void run(size_t m, size_t n, size_t k, const void* a_, ptrdiff_t rsa, ptrdiff_t csa, const void* b_,
                  ptrdiff_t rsb, ptrdiff_t csb, void* c_, ptrdiff_t rsc, bool accumulate, void* workspace,
                  const GemmDone* done) {
    if (m == 0 || n == 0) return;
    const T *a = static_cast<const T*>(a_), *b = static_cast<const T*>(b_);
    T *c = static_cast<T*>(c_), *room = static_cast<T*>(workspace);
    if (k == 0) {
      for (size_t i = 0; i < m && !accumulate; i++)
        __builtin_memset(c + static_cast<ptrdiff_t>(i) * rsc, 0, n * sizeof(T));
    }
    if (k == 0 || (n == 1 && matrix_vector(m, k, a, rsa, csa, b, rsb, c, rsc, accumulate, room)) ||
        (m == 1 && matrix_vector(n, k, b, csb, rsb, a, csa, c, 1, accumulate, room))) {
      if (done) done->fn(done->context, 0, m, 0, n);
      return;
    }

    const Plan p = plan(m, n, k);
    const Cut blocks(k, kDepth);
    const double a_size = static_cast<double>(m) * static_cast<double>(k);
    const bool small = a_size * static_cast<double>(n) <= kSmall;
    const bool pack_b = n < L || csb != 1 || !(small || m <= p.rows);
    const bool pack_a = !small && (csa != 1 ? n > p.vectors * L : n >= 256);
    T *packed_b = room, *packed_a = room + aligned(p.columns * blocks.longest());
    size_t p0 = 0;
    for (size_t block = 0; block < blocks.parts; block++) {
      const size_t depth = blocks[block];
      const T *ad = a + static_cast<ptrdiff_t>(p0) * csa, *bd = b + static_cast<ptrdiff_t>(p0) * rsb;
      if (pack_a && m == p.block_rows) pack_rows(m, m, depth, ad, rsa, csa, p.rows, packed_a);
      for (size_t j0 = 0; j0 < n; j0 += p.columns) {
        const size_t columns = n - j0 < p.columns ? n - j0 : p.columns;
        if (pack_b) pack_columns(j0, columns, n, depth, bd, rsb, csb, p.vectors, packed_b);
        for (size_t i0 = 0; i0 < m; i0 += p.block_rows) {
          const size_t rows = m - i0 < p.block_rows ? m - i0 : p.block_rows;
          const T* ai = ad + static_cast<ptrdiff_t>(i0) * rsa;
          if (pack_a && m != p.block_rows) pack_rows(rows, m - i0, depth, ai, rsa, csa, p.rows, packed_a);
          const Finished finished{block + 1 == blocks.parts ? done : nullptr, i0};
          block_product(p, rows, j0, columns, n, depth, pack_a ? packed_a : nullptr, ai, rsa, csa,
                        pack_b ? packed_b : nullptr, bd, rsb, c + static_cast<ptrdiff_t>(i0) * rsc, rsc,
                        accumulate || block > 0, a_size > kCached, !small && depth <= kShallow, finished);
        }
      }
      p0 += depth;
    }
  }

  // One step of a tile along k. Strides in bytes: then gcc makes no second version of the loop for stride one.
  template <size_t R, size_t N>
  static GRADTAPE_INLINE void step(const char* a, ptrdiff_t rsa, const char* b, ptrdiff_t last_b, V (&acc)[R][N]) {
    V row[N];
#pragma GCC unroll 4
    for (size_t j = 0; j < N; j++)
      row[j] =
          load<T>(reinterpret_cast<const T*>(b + (j + 1 < N ? static_cast<ptrdiff_t>(j * L * sizeof(T)) : last_b)));
#pragma GCC unroll 16
    for (size_t i = 0; i < R; i++) {
      const V x = splat<V>(*reinterpret_cast<const T*>(a + static_cast<ptrdiff_t>(i) * rsa));
#pragma GCC unroll 4
      for (size_t j = 0; j < N; j++) acc[i][j] = mul_add(x, row[j], acc[i][j]);
      hold(x);
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < N; j++) hold(row[j]);
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
    bool packed;    // both operands are
    const T* next;  // rows of a (row-major, from memory) to fetch meanwhile: those of the next tile; or null
  };
  using Tile = void (*)(const Panel&);

  // A vector from mask + L - s has its first s lanes off.
  struct LaneMasks {
    Lane<MaskOf<V>> mask[2 * L];
    constexpr LaneMasks() : mask() {
      for (size_t i = L; i < 2 * L; i++) mask[i] = -1;
    }
  };
  static constexpr LaneMasks kLaneMasks{};

  template <size_t R, size_t N>
  [[gnu::noinline]] static void tile(const Panel& panel) {
    constexpr ptrdiff_t kSize = sizeof(T);
    const char *a = reinterpret_cast<const char*>(panel.a), *b = reinterpret_cast<const char*>(panel.b);
    const ptrdiff_t rsa = panel.rsa * kSize, csa = panel.csa * kSize, rsb = panel.rsb * kSize;
    const ptrdiff_t last_b = panel.last_b * kSize;
    V acc[R][N];
#pragma GCC unroll 16
    for (size_t i = 0; i < R; i++) {
      __builtin_prefetch(panel.c + static_cast<ptrdiff_t>(i) * panel.rsc, 1);
#pragma GCC unroll 4
      for (size_t j = 0; j < N; j++) acc[i][j] = V{};
    }
    const char* next = reinterpret_cast<const char*>(panel.next);
    size_t p = panel.depth;
    // Constant strides, 21 instructions a step for 25: they count when another thread shares the core.
    for (; panel.packed && p >= kSteps; p -= kSteps, a += kSteps * R * kSize, b += kSteps * N * L * kSize) {
#pragma GCC unroll 4
      for (size_t q = 0; q < kSteps; q++)
        step<R, N>(a + q * R * kSize, kSize, b + q * N * L * kSize, (N - 1) * L * kSize, acc);
      asm("" : "+r"(a), "+r"(b));
    }
    while (p > 0) {
      if (next) {
#pragma GCC unroll 16
        for (size_t i = 0; i < R; i++) __builtin_prefetch(next + static_cast<ptrdiff_t>(i) * rsa);
        next += 64;
      }
      size_t steps = p < kLine ? p : kLine;
      p -= steps;
      for (; steps > 0; steps--, a += csa, b += rsb) {
        step<R, N>(a, rsa, b, last_b, acc);
        asm("" : "+r"(a), "+r"(b));  // else gcc makes a second loop for stride one and keeps the pointers in memory
      }
    }
    T* c = panel.c;
    const ptrdiff_t rsc = panel.rsc, last_c = panel.last_c;
    const bool add = panel.add;
    if (panel.narrow > 0) {
      T lanes[R * L];
#pragma GCC unroll 16
      for (size_t i = 0; i < R; i++) store(lanes + i * L, acc[i][0]);
      put_narrow(R, panel.narrow, lanes, c, rsc, add);
    } else if (panel.shift > 0) {
      const MaskOf<V> mine = load<Lane<MaskOf<V>>>(kLaneMasks.mask + L - panel.shift);
#pragma GCC unroll 16
      for (size_t i = 0; i < R; i++, c += rsc) {
#pragma GCC unroll 4
        for (size_t j = 0; j + 1 < N; j++) store(c + j * L, add ? load<T>(c + j * L) + acc[i][j] : acc[i][j]);
        const V old = load<T>(c + last_c);
        store(c + last_c, select(mine, add ? old + acc[i][N - 1] : acc[i][N - 1], old));
      }
    } else if (add) {
#pragma GCC unroll 16
      for (size_t i = 0; i < R; i++, c += rsc) {
#pragma GCC unroll 4
        for (size_t j = 0; j < N; j++) store(c + j * L, load<T>(c + j * L) + acc[i][j]);
      }
    } else {
#pragma GCC unroll 16
      for (size_t i = 0; i < R; i++, c += rsc) {
#pragma GCC unroll 4
        for (size_t j = 0; j < N; j++) store(c + j * L, acc[i][j]);
      }
    }
  }

  [[gnu::noinline]] static void put_narrow(size_t rows, size_t columns, const T* lanes, T* c, ptrdiff_t rsc, bool add) {
    for (size_t i = 0; i < rows; i++, lanes += L, c += rsc) {
      for (size_t j = 0; j < columns; j++) c[j] = add ? c[j] + lanes[j] : lanes[j];
    }
  }

  template <size_t N, size_t R = max_rows(N)>
  static Tile tile_of(size_t rows) {
    if constexpr (R == 1) {
      return tile<1, N>;
    } else {
      return rows == R ? tile<R, N> : tile_of<N, R - 1>(rows);
    }
  }
  static Tile tile_of(size_t rows, size_t vectors) {
    if constexpr (kVectors > 2) {
      if (vectors == 4) return tile_of<4>(rows);
      if (vectors == 3) return tile_of<3>(rows);
    }
    return vectors == 2 ? tile_of<2>(rows) : tile_of<1>(rows);
  }

  // What there is to tell of a block of rows that starts at row `first` of c.
  struct Finished {
    const GemmDone* done;
    size_t first;
    void tell(size_t row, size_t rows, size_t column, size_t columns) const {
      if (done) done->fn(done->context, first + row, rows, column, columns);
    }
  };

  // The product of a block of rows of a and a block of columns of b. A null packed_* says that the operand is used
  // where it is.
  static void block_product(const Plan& plan, size_t rows, size_t j0, size_t columns, size_t n, size_t depth,
                            const T* packed_a, const T* a, ptrdiff_t rsa, ptrdiff_t csa, const T* packed_b, const T* b,
                            ptrdiff_t rsb, T* c, ptrdiff_t rsc, bool add, bool from_memory, bool by_rows,
                            const Finished& finished) {
    const Cut panels(rows, plan.rows);
    const size_t width = plan.vectors * L;
    const bool fetch = !packed_a && csa == 1 && from_memory;
    Panel panel;
    panel.depth = depth;
    panel.rsc = rsc;
    panel.narrow = n < L ? n : 0;
    panel.add = add;
    panel.packed = packed_a && packed_b;
    const auto set_columns = [&](size_t j) {
      const size_t here = columns - j < width ? columns - j : width, vectors = (here - 1) / L + 1;
      panel.shift = n < L ? 0 : vectors * L - here;
      panel.last_c = static_cast<ptrdiff_t>((vectors - 1) * L) - static_cast<ptrdiff_t>(panel.shift);
      if (packed_b) {
        panel.b = packed_b + j * depth;
        panel.rsb = static_cast<ptrdiff_t>(vectors * L);
        panel.last_b = static_cast<ptrdiff_t>((vectors - 1) * L);
      } else {
        panel.b = b + j0 + j;
        panel.rsb = rsb;
        panel.last_b = panel.last_c;
      }
      return vectors;
    };
    const auto set_rows = [&](size_t i, size_t r) {
      if (packed_a) {
        panel.a = packed_a + i * depth;
        panel.rsa = 1;
        panel.csa = static_cast<ptrdiff_t>(r);
      } else {
        panel.a = a + static_cast<ptrdiff_t>(i) * rsa;
        panel.rsa = rsa;
        panel.csa = csa;
      }
      panel.next = fetch ? panel.a + static_cast<ptrdiff_t>(r) * rsa : nullptr;
    };
    if (by_rows) {
      for (size_t q = 0, i = 0, told = 0; q < panels.parts; q++) {
        const size_t r = panels[q];
        set_rows(i, r);
        const Tile wide = tile_of(r, plan.vectors);
        for (size_t j = 0; j < columns; j += width) {
          const size_t vectors = set_columns(j);
          panel.c = c + static_cast<ptrdiff_t>(i) * rsc + j0 + j;
          if (vectors == plan.vectors) {
            wide(panel);
          } else {
            tile_of(r, vectors)(panel);
          }
        }
        i += r;
        if ((i - told) * columns >= kTold || q + 1 == panels.parts) {
          finished.tell(told, i - told, j0, columns);
          told = i;
        }
      }
      return;
    }
    for (size_t j = 0; j < columns; j += width) {
      const size_t vectors = set_columns(j);
      for (size_t q = 0, i = 0; q < panels.parts;) {
        const size_t r = panels[q], end = q < panels.longer ? panels.longer : panels.parts;
        const Tile run_tile = tile_of(r, vectors);
        for (; q < end; q++, i += r) {
          set_rows(i, r);
          panel.c = c + static_cast<ptrdiff_t>(i) * rsc + j0 + j;
          run_tile(panel);
        }
      }
    }
    finished.tell(0, rows, j0, columns);
  }

  static constexpr size_t E = 16 / sizeof(T);     // lanes that a shuffle reaches cheaply
  static constexpr size_t kTurn = L < 8 ? L : 8;  // of rows and of steps that are packed at once

  template <class W, size_t... I>
  static GRADTAPE_INLINE W interleave_low(W x, W y, std::index_sequence<I...>) {
    return __builtin_shufflevector(x, y, (I / E * E + I % E / 2 + I % 2 * kLanesOf<W>)...);
  }
  template <class W, size_t... I>
  static GRADTAPE_INLINE W interleave_high(W x, W y, std::index_sequence<I...>) {
    return __builtin_shufflevector(x, y, (I / E * E + I % E / 2 + E / 2 + I % 2 * kLanesOf<W>)...);
  }
  template <size_t N>
  static GRADTAPE_INLINE Vec<T, N> load_apart(const T* from, ptrdiff_t stride) {
    if constexpr (N == E) {
      return load<T, E>(from);
    } else {
      return join(load_apart<N / 2>(from, stride),
                  load_apart<N / 2>(from + static_cast<ptrdiff_t>(N / 2) * stride, stride));
    }
  }

  // out[p] lane i = from[i * stride + p], i, p < N. Loads 16 bytes at a time, so that no shuffle crosses them.
  template <size_t N>
  static GRADTAPE_INLINE void load_transposed(const T* from, ptrdiff_t stride, Vec<T, N> (&out)[N]) {
    constexpr auto all = std::make_index_sequence<N>();
#pragma GCC unroll 4
    for (size_t q = 0; q < N; q += E) {
      Vec<T, N> x[E];
#pragma GCC unroll 4
      for (size_t e = 0; e < E; e++) x[e] = load_apart<N>(from + static_cast<ptrdiff_t>(e) * stride + q, stride);
      if constexpr (E == 4) {
        const Vec<T, N> a = interleave_low(x[0], x[2], all), b = interleave_low(x[1], x[3], all);
        const Vec<T, N> c = interleave_high(x[0], x[2], all), d = interleave_high(x[1], x[3], all);
        out[q] = interleave_low(a, b, all);
        out[q + 1] = interleave_high(a, b, all);
        out[q + 2] = interleave_low(c, d, all);
        out[q + 3] = interleave_high(c, d, all);
      } else {
        out[q] = interleave_low(x[0], x[1], all);
        out[q + 1] = interleave_high(x[0], x[1], all);
      }
    }
  }

  // One panel of r rows that are contiguous along k, kTurn of them at a time, the last first: what it writes past its
  // rows is overwritten. As many whole kTurn rows may be read, and depth >= kTurn.
  static void turn_rows(size_t r, size_t depth, const T* from, ptrdiff_t rsa, T* to) {
    for (size_t v = (r + kTurn - 1) / kTurn; v-- > 0;) {
      const T* in = from + static_cast<ptrdiff_t>(v * kTurn) * rsa;
      for (size_t p = 0;;) {
        Vec<T, kTurn> x[kTurn];
        load_transposed(in + p, rsa, x);
#pragma GCC unroll 8
        for (size_t l = 0; l < kTurn; l++) store(to + (p + l) * r + v * kTurn, x[l]);
        if (p + kTurn == depth) break;
        p = p + 2 * kTurn <= depth ? p + kTurn : depth - kTurn;
      }
    }
  }

  // Packs rows x depth of a into panels of as many rows as a tile has: element (i, p) of a panel is at p * its rows +
  // i. `readable` is how many rows may be read.
  static void pack_rows(size_t rows, size_t readable, size_t depth, const T* a, ptrdiff_t rsa, ptrdiff_t csa,
                        size_t most, T* to) {
    const Cut panels(rows, most);
    const size_t step = csa == 1 ? depth : 8;
    for (size_t p0 = 0; p0 < depth; p0 += step) {
      const size_t p1 = depth - p0 < step ? depth : p0 + step;
      size_t i = 0;
      for (size_t q = 0; q < panels.parts; i += panels[q++]) {
        const size_t r = panels[q], whole = (r - 1) / L + 1;
        const bool vectors = rsa == 1 && i + whole * L <= readable;
        T* out = to + i * depth;
        if (csa == 1 && depth >= kTurn && i + (r + kTurn - 1) / kTurn * kTurn <= readable) {
          turn_rows(r, depth, a + static_cast<ptrdiff_t>(i) * rsa, rsa, out);
          continue;
        }
        for (size_t p = p0; p < p1; p++) {
          const T* in = a + static_cast<ptrdiff_t>(i) * rsa + static_cast<ptrdiff_t>(p) * csa;
          if (vectors && (depth - p) * r >= whole * L) {  // writes past its r elements what later ones overwrite
            T* at = out + p * r;
            store(at, load<T>(in));
            for (size_t v = 1; v < whole; v++) store(at + v * L, load<T>(in + v * L));
          } else {
            for (size_t l = 0; l < r; l++) out[p * r + l] = in[static_cast<ptrdiff_t>(l) * rsa];
          }
        }
      }
    }
  }

  // Packs depth x columns of b, from column j0, into panels as wide as a tile. The last vector of the last panel is
  // shifted to end at column n, so it holds columns of its neighbour too; if n < L it is padded with zeros.
  static void pack_columns(size_t j0, size_t columns, size_t n, size_t depth, const T* b, ptrdiff_t rsb, ptrdiff_t csb,
                           size_t most, T* to) {
    const size_t width = most * L;
    if (n < L) {
      for (size_t p = 0; p < depth; p++)
        for (size_t l = 0; l < L; l++)
          to[p * L + l] = l < n ? b[static_cast<ptrdiff_t>(p) * rsb + static_cast<ptrdiff_t>(l) * csb] : T(0);
      return;
    }
    if (csb == 1) {
      constexpr size_t kStep = 8;
      for (size_t p0 = 0; p0 < depth; p0 += kStep) {
        const size_t p1 = depth - p0 < kStep ? depth : p0 + kStep;
        for (size_t p = p0 + kStep; p < p0 + 2 * kStep && p < depth; p++) {
          for (size_t j = 0; j < columns; j += kLine) __builtin_prefetch(b + static_cast<ptrdiff_t>(p) * rsb + j0 + j);
        }
        for (size_t j = 0; j < columns; j += width) {
          const size_t here = columns - j < width ? columns - j : width, vectors = (here - 1) / L + 1;
          const size_t last = here - L;  // wraps when here < L: only ever added to j0 + j
          for (size_t p = p0; p < p1; p++) {
            const T* in = b + static_cast<ptrdiff_t>(p) * rsb;
            T* out = to + j * depth + p * vectors * L;
            for (size_t v = 0; v + 1 < vectors; v++) store(out + v * L, load<T>(in + j0 + j + v * L));
            store(out + (vectors - 1) * L, load<T>(in + (j0 + j + last)));
          }
        }
      }
      return;
    }
    for (size_t j = 0; j < columns; j += width) {
      const size_t here = columns - j < width ? columns - j : width, vectors = (here - 1) / L + 1;
      for (size_t v = 0; v < vectors; v++) {
        const size_t column = v + 1 < vectors ? j0 + j + v * L : j0 + j + here - L;
        const T* in = b + static_cast<ptrdiff_t>(column) * csb;
        T* out = to + j * depth + v * L;
        const size_t stride = vectors * L;
        if (rsb == 1 && depth >= L) {
          for (size_t p0 = 0;;) {
            V x[L];
            if (p0 % kLine < L) {
              const T* next =
                  p0 + kAhead < depth ? in + p0 + kAhead : in + static_cast<ptrdiff_t>(L) * csb + (p0 + kAhead - depth);
              for (size_t l = 0; l < L; l++) __builtin_prefetch(next + static_cast<ptrdiff_t>(l) * csb);
            }
            load_transposed(in + p0, csb, x);
#pragma GCC unroll 16
            for (size_t l = 0; l < L; l++) store(out + (p0 + l) * stride, x[l]);
            if (p0 + L == depth) break;
            p0 = p0 + 2 * L <= depth ? p0 + L : depth - L;
          }
        } else {
          for (size_t p = 0; p < depth; p++)
            for (size_t l = 0; l < L; l++)
              out[p * stride + l] = in[static_cast<ptrdiff_t>(p) * rsb + static_cast<ptrdiff_t>(l) * csb];
        }
      }
    }
  }

  // c[i * sc] = sum over p of x[p * sx] mat[i * so + p * sk], i < length. False: these strides are not for this path.
  static bool matrix_vector(size_t length, size_t k, const T* mat, ptrdiff_t so, ptrdiff_t sk, const T* x, ptrdiff_t sx,
                            T* c, ptrdiff_t sc, bool accumulate, T* strip) {
    if (length < L) {
      dots(length, k, mat, so, sk, x, sx, c, sc, accumulate);
    } else if (so == 1) {
      for (size_t i = 0; i < length; i += kStrip)
        add_columns(length - i < kStrip ? length - i : kStrip, k, mat + i, sk, x, sx,
                    c + static_cast<ptrdiff_t>(i) * sc, sc, accumulate, strip);
    } else if (sk == 1) {
      // Rows side by side hide each other's latency in cache; from memory more than eight streams are slower.
      constexpr size_t kFew = L < 8 ? 8 / L : 1, kMore = L < 8 ? 8 / L : 2;
      size_t i = 0;
      const bool fetch = k > kCached / length;
      if (!fetch) {
        for (; i + kMore * L <= length; i += kMore * L)
          dot_rows<kMore>(k, mat + static_cast<ptrdiff_t>(i) * so, so, x, sx, c + static_cast<ptrdiff_t>(i) * sc, sc,
                          accumulate, 0, false);
      }
      for (; i + kFew * L <= length; i += kFew * L)
        dot_rows<kFew>(k, mat + static_cast<ptrdiff_t>(i) * so, so, x, sx, c + static_cast<ptrdiff_t>(i) * sc, sc,
                       accumulate, 0, fetch);
      for (size_t next; i < length; i = next + L) {
        next = i + L <= length ? i : length - L;
        dot_rows<1>(k, mat + static_cast<ptrdiff_t>(next) * so, so, x, sx, c + static_cast<ptrdiff_t>(next) * sc, sc,
                    accumulate, i - next, fetch);
      }
    } else {
      return false;
    }
    return true;
  }

  // c[l * sc] (+)= sum[l] for the lanes from keep.
  static GRADTAPE_INLINE void put(T* c, ptrdiff_t sc, V sum, bool add, size_t keep) {
    if (keep == 0 && sc == 1) {
      store(c, add ? load<T>(c) + sum : sum);
      return;
    }
    T lanes[L];
    store(lanes, sum);
    for (size_t l = keep; l < L; l++) {
      T* at = c + static_cast<ptrdiff_t>(l) * sc;
      *at = add ? *at + lanes[l] : lanes[l];
    }
  }

  // N chains at once, of depth multiply-adds each.
  template <size_t N>
  static GRADTAPE_INLINE void chains(size_t depth, const T* const* mat, ptrdiff_t sk, const T* const* x, ptrdiff_t sx,
                                     T* sums) {
    const T *m[N], *v[N];
    V acc[N];
#pragma GCC unroll 16
    for (size_t i = 0; i < N; i++) m[i] = mat[i], v[i] = x[i], acc[i] = V{};
    for (size_t p = 0; p < depth; p++) {
#pragma GCC unroll 16
      for (size_t i = 0; i < N; i++) {
        acc[i] = mul_add(splat<V>(*v[i]), splat<V>(*m[i]), acc[i]);
        m[i] += sk;
        v[i] += sx;
      }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < N; i++) sums[i] = acc[i][0];
  }

  static void dots(size_t length, size_t k, const T* mat, ptrdiff_t so, ptrdiff_t sk, const T* x, ptrdiff_t sx, T* c,
                   ptrdiff_t sc, bool accumulate) {
    const Cut blocks(k, kDepth);
    for (size_t i = 0; i < length; i++) {
      const T* row = mat + static_cast<ptrdiff_t>(i) * so;
      T* at = c + static_cast<ptrdiff_t>(i) * sc;
      size_t p = 0;
      for (size_t block = 0; block < blocks.parts;) {
        const size_t depth = blocks[block], end = block < blocks.longer ? blocks.longer : blocks.parts;
        T sums[8];
        const T *m[8], *v[8];
        const size_t together = end - block < 8 ? 1 : 8;
        for (size_t q = 0; q < together; q++, p += depth) {
          m[q] = row + static_cast<ptrdiff_t>(p) * sk;
          v[q] = x + static_cast<ptrdiff_t>(p) * sx;
        }
        if (together == 8) {
          chains<8>(depth, m, sk, v, sx, sums);
        } else {
          chains<1>(depth, m, sk, v, sx, sums);
        }
        for (size_t q = 0; q < together; q++, block++) *at = accumulate || block > 0 ? *at + sums[q] : sums[q];
      }
    }
  }

  // The rows of the matrix are contiguous along the result: adds R of them at a time, each times its x, to a strip of
  // sums.
  template <size_t R>
  static GRADTAPE_INLINE void add_rows(size_t vectors, ptrdiff_t last, const T* mat, ptrdiff_t sk, const T* x,
                                       ptrdiff_t sx, bool first, T* strip) {
    V xs[R];
#pragma GCC unroll 8
    for (size_t r = 0; r < R; r++) xs[r] = splat<V>(x[static_cast<ptrdiff_t>(r) * sx]);
    for (size_t v = 0; v < vectors; v++) {
      const T* in = mat + (v + 1 < vectors ? static_cast<ptrdiff_t>(v * L) : last);
      V sum = first ? V{} : load<T>(strip + v * L);
#pragma GCC unroll 8
      for (size_t r = 0; r < R; r++) sum = mul_add(xs[r], load<T>(in + static_cast<ptrdiff_t>(r) * sk), sum);
      store(strip + v * L, sum);
    }
  }

  static void add_columns(size_t length, size_t k, const T* mat, ptrdiff_t sk, const T* x, ptrdiff_t sx, T* c,
                          ptrdiff_t sc, bool accumulate, T* strip) {
    const size_t vectors = (length - 1) / L + 1, shift = vectors * L - length;
    const ptrdiff_t last = static_cast<ptrdiff_t>(length) - static_cast<ptrdiff_t>(L);
    const Cut blocks(k, kDepth);
    for (size_t block = 0; block < blocks.parts; block++) {
      const size_t depth = blocks[block];
      size_t p = 0;
      for (; p + 8 <= depth; p += 8, mat += 8 * sk, x += 8 * sx)
        add_rows<8>(vectors, last, mat, sk, x, sx, p == 0, strip);
      for (; p < depth; p++, mat += sk, x += sx) add_rows<1>(vectors, last, mat, sk, x, sx, p == 0, strip);
      const bool add = accumulate || block > 0;
      for (size_t v = 0; v + 1 < vectors; v++)
        put(c + static_cast<ptrdiff_t>(v * L) * sc, sc, load<T>(strip + v * L), add, 0);
      put(c + last * sc, sc, load<T>(strip + (vectors - 1) * L), add, shift);
    }
  }

  static GRADTAPE_INLINE V gather(const T* from, ptrdiff_t stride) {
    T lanes[L];
    for (size_t l = 0; l < L; l++) lanes[l] = from[static_cast<ptrdiff_t>(l) * stride];
    return load<T>(lanes);
  }

  // The rows of the matrix are contiguous along k: L of them are turned in registers, so that a lane is a row; G such
  // groups side by side.
  template <size_t G>
  static void dot_rows(size_t k, const T* mat, ptrdiff_t so, const T* x, ptrdiff_t sx, T* c, ptrdiff_t sc,
                       bool accumulate, size_t keep, bool fetch) {
    const Cut blocks(k, kDepth);
    V total[G];
#pragma GCC unroll 4
    for (size_t g = 0; g < G; g++) total[g] = accumulate ? gather(c + static_cast<ptrdiff_t>(g * L) * sc, sc) : V{};
    for (size_t block = 0; block < blocks.parts; block++) {
      const size_t depth = blocks[block];
      V sum[G];
#pragma GCC unroll 4
      for (size_t g = 0; g < G; g++) sum[g] = V{};
      size_t p = 0;
      for (; p + L <= depth; p += L) {
        if (fetch && p % kLine == 0) {
          for (size_t l = 0; l < G * L; l++) __builtin_prefetch(mat + static_cast<ptrdiff_t>(l) * so + p + kAhead);
        }
#pragma GCC unroll 4
        for (size_t g = 0; g < G; g++) {
          V rows[L];
          load_transposed(mat + static_cast<ptrdiff_t>(g * L) * so + p, so, rows);
#pragma GCC unroll 16
          for (size_t l = 0; l < L; l++)
            sum[g] = mul_add(splat<V>(x[static_cast<ptrdiff_t>(p + l) * sx]), rows[l], sum[g]);
        }
      }
      for (; p < depth; p++) {
        const V xs = splat<V>(x[static_cast<ptrdiff_t>(p) * sx]);
#pragma GCC unroll 4
        for (size_t g = 0; g < G; g++)
          sum[g] = mul_add(xs, gather(mat + static_cast<ptrdiff_t>(g * L) * so + p, so), sum[g]);
      }
#pragma GCC unroll 4
      for (size_t g = 0; g < G; g++) total[g] = accumulate || block > 0 ? total[g] + sum[g] : sum[g];
      mat += depth;
      x += static_cast<ptrdiff_t>(depth) * sx;
    }
#pragma GCC unroll 4
    for (size_t g = 0; g < G; g++)
      put(c + static_cast<ptrdiff_t>(g * L) * sc, sc, total[g], false, g + 1 < G ? 0 : keep);
  }
};

}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
