// The program: what lib/native.ts writes and one native call computes. Decoding and validation only; it plans and runs
// nothing. A program is a list of values in the order of computation; numbers (addresses, literals) travel apart from
// structure, so that a step which repeats has the same words and finds its plan in the cache.
//
//   words (int32): valueCount outputCount value* output*
//   value:         opcode  dtype|rank<<8  arity  attributeCount  dim*  operandIndex*  attribute*
//                  (sizes of reductions, gather and scatterAdd may take two words each, low and high: all or none)
//   output:        valueIndex  index of the input whose elements it replaces (and whose buffer it takes), or -1
//   data (double): per value in order: input address | literal number | random key low, key high, offset;
//                  then per output of more than one element that replaces no input: address
//   results (double): per output of one element, in order: its number
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels.h"

namespace gradtape {

enum Opcode : int32_t {
  kInput,       // a buffer of the caller
  kLiteral,     // one number, shape []
  kReshape,     // same elements, other shape
  kBroadcast,   // NumPy's rules
  kTranspose,   // attributes: axis of the operand that each axis of the result is
  kCast,        // to the value's dtype
  kMatmul,      // attributes: transposeA, transposeB; leading axes broadcast
  kSlice,       // attributes: begin, step per axis (step may be negative)
  kPlace,       // attributes: begin, step per axis: zeros with the operand written there; the transpose of slice
  kConcat,      // attribute: axis
  kGather,      // (params, indices); attributes: batch, outer, length, count, inner
  kScatterAdd,  // (updates, indices); the same attributes; the transpose of gather
  kArgmax,      // attribute: axis; int32
  kArgmin,
  kSoftmax,  // of rows along the last axis
  kLogSoftmax,
  kLogSumExp,  // one element of each row
  kRandomUniform,
  kRandomNormal,
  kRandomPermutation,    // of 0..n-1; int32
  kFirstReduction = 32,  // + Reduction; attributes: outer, length, inner
  kFirstWindow = 48,     // + WindowOp; attributes: rows' taps, stride, dilation, pads before, after; columns' the same
  kFirstElementwise = 64,  // + ElementwiseKernel
};

constexpr int kMaxRank = 16;
constexpr int64_t kMaxElements = int64_t{1} << 40;

// Every opcode with its name in JavaScript; elementwise kernels included.
struct OpcodeName {
  int32_t opcode;
  const char* name;
};
std::vector<OpcodeName> opcode_names();

struct Value {
  int32_t opcode;
  DType dtype;
  uint8_t rank;
  int32_t arity;
  int64_t size;
  const int32_t* dims;  // into Program::words
  const int32_t* operands;
  const int32_t* attributes;
  int32_t data;  // first of its doubles, or -1
  bool wide;     // two words an attribute
};

inline int64_t attribute(const Value& v, int i) {
  if (!v.wide) return v.attributes[i];
  return int64_t(uint64_t(uint32_t(v.attributes[2 * i])) | uint64_t(uint32_t(v.attributes[2 * i + 1])) << 32);
}

struct Program {
  std::vector<int32_t> words;  // owned copy: values point into it
  std::vector<Value> values;
  std::vector<int32_t> outputs;
  std::vector<int32_t> replaced;     // by output: the input that it replaces, or -1
  std::vector<int32_t> output_data;  // index of the address, or -1 for a one-element output
  int32_t data_count = 0;
  int32_t result_count = 0;
};

// Decodes and checks everything that the words promise: operands come before their use, shapes and dtypes agree,
// attributes stay inside the operands, sizes do not overflow. Returns an empty string, or what is wrong.
std::string decode(const int32_t* words, size_t count, const Kernels& kernels, Program& program);

inline bool is_elementwise(int32_t opcode) { return opcode >= kFirstElementwise || opcode == kCast; }
inline bool is_reduction(int32_t opcode) { return opcode >= kFirstReduction && opcode < kFirstReduction + kReductions; }
// Argmax, softmax and their like: each row (or column) for itself.
inline bool is_by_rows(int32_t opcode) { return opcode >= kArgmax && opcode <= kLogSumExp; }
inline bool is_window(int32_t opcode) { return opcode >= kFirstWindow && opcode < kFirstWindow + kWindowOps; }

// The window of a value for which is_window holds, over operands x and y. Returns null, or what does not fit.
const char* window_of(const Value& v, const Value& x, const Value& y, Window& window);

}  // namespace gradtape
