// The kernel table: what one ISA unit offers to the rest of the addon. Pointers and lengths only; no shapes, no
// programs, no allocation. Every ISA unit (kernels.cc compiled once per ISA) fills one constexpr Kernels.
#pragma once

#include "dtype.h"

namespace gradtape {

// Elementwise kernels, in the order of the lists: the position is the kernel's number in a program.
enum ElementwiseKernel : uint16_t {
#define UNARY(name, dtypes, expr) k_##name,
#define UNARY_TO_BOOL(name, dtypes, expr) k_##name,
#include "unary.def"
#undef UNARY
#undef UNARY_TO_BOOL
#define BINARY(name, dtypes, expr) k_##name,
#define BINARY_TO_BOOL(name, dtypes, expr) k_##name,
#include "binary.def"
#undef BINARY
#undef BINARY_TO_BOOL
#define TERNARY(name, dtypes, expr) k_##name,
#include "ternary.def"
#undef TERNARY
  kElementwiseKernels
};

// How many operands each has, by the same order.
#define UNARY(name, dtypes, expr) +1
#define UNARY_TO_BOOL(name, dtypes, expr) +1
constexpr unsigned kUnaryKernels = 0
#include "unary.def"
    ;
#undef UNARY
#undef UNARY_TO_BOOL
#define TERNARY(name, dtypes, expr) +1
constexpr unsigned kTernaryKernels = 0
#include "ternary.def"
    ;
#undef TERNARY
constexpr unsigned kBinaryKernels = kElementwiseKernels - kUnaryKernels - kTernaryKernels;

struct ElementwiseInfo {
  const char* name;
  uint8_t arity;
  bool to_bool;        // the result is bool, whatever the operands' dtype
  bool first_is_bool;  // ternary selection: operand 0 is bool, operands 1 and 2 have the kernel's dtype
};
extern const ElementwiseInfo kElementwiseInfo[kElementwiseKernels];

// out[i] = f(a[i], b[i], c[i]) for i < n. Bit k of the variant that the function was looked up with says that
// operand k is uniform: one element, read once. Unused operands are null. `out` may be the same pointer as a
// (non-uniform) operand of the same element size; any other overlap is a caller's bug. n >= 1. No alignment is
// assumed beyond the element's. The bits of out[i] do not depend on n, on i or on the variant.
using ElementwiseFn = void (*)(const void* a, const void* b, const void* c, void* out, size_t n);
// Those that there are; with all operands uniform it is computed with n = 1.
constexpr unsigned kUnaryVariants = 1, kBinaryVariants = 3, kTernaryVariants = 7;

enum Reduction : uint8_t { kSum, kProd, kMax, kMin, kReductions };
// The kernel that combines two partial results of a reduction.
constexpr ElementwiseKernel kCombine[kReductions] = {k_add, k_mul, k_maximum, k_minimum};

constexpr size_t kRowChunk = 1024;    // elements of one row that one call of `rows` reduces
constexpr size_t kColumnRun = 15;     // rows that one call of `columns` combines in order; more are folded
constexpr size_t kColumnFold = 4096;  // elements of those

struct ReduceFns {
  // out[r] = reduction of x[r * n .. r * n + n), r < rows; 1 <= n <= kRowChunk. The bits of out[r] depend on that row's
  // n elements only, not on rows.
  void (*rows)(const void* x, void* out, size_t rows, size_t n);
  // out[j] = reduction over r < rows of x[r * stride + j], j < n; stride in elements. The bits of out[j] depend on
  // column j's elements only; up to kColumnRun rows are combined in order, by the kernel kCombine; of more, stride is n
  // and rows * n <= kColumnFold. Never reads past x[(rows - 1) * stride + n - 1].
  void (*columns)(const void* x, size_t stride, void* out, size_t rows, size_t n);
};

// Computes something of each of the rows of n > 0 elements, whatever the other rows are.
using RowsFn = void (*)(const void* x, void* out, size_t rows, size_t n);

// Index (int32) of the first largest or smallest element; the first NaN counts as both.
struct ArgFns {
  RowsFn rows;  // out[r]: in row r
  // out[j]: over r < rows of x[r * stride + j], j < n; stride in elements
  void (*columns)(const void* x, size_t stride, int32_t* out, size_t rows, size_t n);
};

// dst[j * dst_stride + i] = src[i * src_stride + j], i < rows, j < columns; strides in elements; blocked.
using TransposeFn = void (*)(const void* src, size_t src_stride, void* dst, size_t dst_stride, size_t rows,
                             size_t columns);

// Whom a product tells how far it is; either function may be null.
struct GemmListener {
  void* context;
  // A block is finished, and in the cache: rows x columns of c.
  void (*done)(void* context, size_t row, size_t rows, size_t column, size_t columns) noexcept;
  // So many more multiply-adds are done.
  void (*progress)(void* context, size_t count) noexcept;
};

// c[m x n] (row stride rsc, column stride 1) = a[m x k] b[k x n] (+ c if accumulate); any strides, in elements, on a
// and b (also 0 and negative). k == 0 gives zeros. `workspace` holds gemm_workspace(m, n, k) bytes, 64-byte aligned.
// The bits of c do not depend on the strides of a and b. `listener` may be null.
struct GemmFns {
  void (*run)(size_t m, size_t n, size_t k, const void* a, ptrdiff_t rsa, ptrdiff_t csa, const void* b, ptrdiff_t rsb,
              ptrdiff_t csb, void* c, ptrdiff_t rsc, bool accumulate, void* workspace, const GemmListener* listener);
  size_t (*workspace)(size_t m, size_t n, size_t k);
};

// out[i] = the (offset + i)-th number of the stream `key` (Philox4x32-10, Salmon et al. 2011), i < n: the same numbers
// however the range is cut. Uniform: [0, 1); int32 uniform: all 2^32 bit patterns. Normal: Box-Muller.
using RandomFn = void (*)(uint64_t key, uint64_t offset, void* out, size_t n);

// A window that slides over one axis of an image: position i of the result and tap k meet at element i * stride + k *
// dilation - before of the image, if that exists; what does not exist counts as nothing.
struct WindowAxis {
  int64_t image, result, taps, stride, dilation, before;
};

// Images are [batch, rows, columns, channels], results [batch, rows, columns, results]; contiguous.
struct Window {
  int64_t batch, channels, results;
  WindowAxis rows, columns;
};

// What windows are computed for. The dense ones are the three derivatives of the sum over all i, k, c and o of
// image[i + k, c] filter[k, c, o] result[i, o] with respect to its last, first and second factor; the depthwise ones
// are the same with c = o.
enum WindowOp : uint8_t {
  kConv,        // (image, filter): a result
  kConvImage,   // (result, filter): an image
  kConvFilter,  // (image, result): a filter [row taps, column taps, channels, results]
  kDepthwise,
  kDepthwiseImage,
  kDepthwiseFilter,
  kMaxPool,       // (image, keys: an image): of each window the element where the keys are largest, the first of equals
  kMaxPoolImage,  // (result, keys): zeros with the elements of the result added there
  kWindowOps
};
constexpr bool makes_image(WindowOp op) { return op == kConvImage || op == kDepthwiseImage || op == kMaxPoolImage; }
constexpr bool makes_filter(WindowOp op) { return op == kConvFilter || op == kDepthwiseFilter; }
constexpr bool is_pool(WindowOp op) { return op == kMaxPool || op == kMaxPoolImage; }
constexpr bool is_dense(WindowOp op) { return op == kConv || op == kConvImage || op == kConvFilter; }

// The work comes in units that write different elements; any thread may do any of them, with the same bits.
struct WindowFns {
  int64_t (*units)(const Window& w);
  // Bytes that `prepare` fills, once, before any unit; null: nothing to prepare.
  size_t (*prepared_bytes)(const Window& w);
  void (*prepare)(const Window& w, const void* x, const void* y, void* prepared);
  // Bytes that each thread has for itself.
  size_t (*own_bytes)(const Window& w);
  // Units from .. to - 1. Writes every element of theirs. `prepared` and `own` are 64-byte aligned.
  void (*run)(const Window& w, const void* x, const void* y, void* out, int64_t from, int64_t to, const void* prepared,
              void* own);
};

// Running sums along an axis of n > 0 elements, added one after the other: out[i] = x[0] + .. + x[i]; exclusive:
// without x[i], from 0; reverse: from the other end.
struct ScanFns {
  void (*rows)(const void* x, void* out, size_t rows, size_t n, bool exclusive, bool reverse);
  // Over r < rows of x[r * stride + j], j < n; out likewise.
  void (*columns)(const void* x, void* out, size_t stride, size_t rows, size_t n, bool exclusive, bool reverse);
};

struct SortOrder {
  bool floats, descending;
};
// Sorts n elements of x into `to`, and overwrites a room for as many; x is either of these or neither. Both zeros are
// equal, and which of them stands where is not said. Returns false where floats of an x that is neither have NaN among
// them, which nothing else may have; then `to` has nothing.
using SortFn = bool (*)(const void* x, void* to, void* room, size_t n, SortOrder order);

// Rotates neighbouring rows of kRotated columns: `count` times, row and the row `step` elements behind it become
// c row + s next and c next - s row, and next is the row of the following rotation. turns: c and s of each.
constexpr size_t kRotated = 16;
using RotateFn = void (*)(double* row, ptrdiff_t step, const double* turns, size_t count);

// Copies n bytes past the caches. Other threads see them after stream_fence (run/stream.h).
using CopyFn = void (*)(void* to, const void* from, size_t n);

constexpr size_t kWidestVector = 64;  // bytes

struct Kernels {
  const char* isa;
  size_t vector_bytes;
  ElementwiseFn unary[kUnaryKernels][kDTypes][kUnaryVariants];  // null: not defined for that dtype
  ElementwiseFn binary[kBinaryKernels][kDTypes][kBinaryVariants];
  ElementwiseFn ternary[kTernaryKernels][kDTypes][kTernaryVariants];
  ElementwiseFn cast[kDTypes][kDTypes];    // [from][to]; unary
  ReduceFns reduce[kReductions][kDTypes];  // bool: max is any, min is all; sum and prod: null without sums
  ArgFns argmax[kDTypes];
  ArgFns argmin[kDTypes];
  RowsFn softmax[kDTypes];  // floating; others null
  RowsFn log_softmax[kDTypes];
  RowsFn log_sum_exp[kDTypes];            // one element a row
  TransposeFn transpose[4];               // by log2 of the element size; [1] null
  GemmFns gemm[kDTypes];                  // those with sums (integers wrap); others null
  WindowFns window[kWindowOps][kDTypes];  // floating; others null
  RandomFn random_uniform[kDTypes];       // those with sums; others null
  RandomFn random_normal[kDTypes];        // floating; others null
  ScanFns cumsum[kDTypes];                // those with sums; others null
  SortFn sort_integers;                   // int32; null: none by vectors
  SortFn sort_reals;                      // float64; likewise
  RotateFn rotate;
  CopyFn stream_copy;

  // The variants of a kernel for a dtype.
  const ElementwiseFn* elementwise(unsigned kernel, unsigned dtype) const {
    if (kernel < kUnaryKernels) return unary[kernel][dtype];
    kernel -= kUnaryKernels;
    return kernel < kBinaryKernels ? binary[kernel][dtype] : ternary[kernel - kBinaryKernels][dtype];
  }
};

}  // namespace gradtape
