// The program: what lib/engine/program.ts writes and one native call computes. Decoding and validation only; it plans
// and runs nothing. A program is a list of values in the order of computation; numbers (addresses, literals) travel
// apart from structure, so that a step which repeats has the same words and finds its plan in the cache.
//
//   words (int32): valueCount outputCount value* output*
//   value:         opcode  dtype|rank<<8  arity  attributeCount  dim*  operandIndex*  attribute*
//                  (where Form::sizes, attributes may take two words each, low and high: all or none)
//   output:        valueIndex  index of the input whose elements it replaces (and whose buffer it takes), or -1;
//                  only elementwise values and steps that check their data beforehand (StepKind::check_data) replace
//                  any
//   data (double): per value in order: input address | literal number | random key low, key high, offset;
//                  then per output of more than one element that replaces no input: address
//   results (double): per output of one element, in order: its number
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "steps/step.h"

namespace gradtape {

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

// Of every opcode, in order.
const std::vector<Form>& forms();

}  // namespace gradtape
