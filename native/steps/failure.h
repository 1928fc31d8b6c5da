// Failures: those of a program's data, which are reported, and those of this code, which are loud.
#pragma once

#include <cstdint>

namespace gradtape {

// A value-dependent fault, found while a program runs.
struct Failure {
  enum Code {
    kNone,
#define FAILURE(name) k_##name,
#include "failures.def"
#undef FAILURE
    kCodes
  } code = kNone;
  int32_t value = -1;  // of the program
  int64_t index = 0;   // as failures.def says
  int64_t length = 0;
};

// By code; the first is empty.
extern const char* const kFailureNames[Failure::kCodes];

// Aborts in builds that check (sanitizers, the fuzzer); throws std::logic_error in others, which becomes the failure of
// a call, never a wrong value.
[[noreturn]] void unreachable(const char* file, int line);

}  // namespace gradtape

// Stands where no value leads: the default of a switch.
#define GRADTAPE_UNREACHABLE() ::gradtape::unreachable(__FILE__, __LINE__)
