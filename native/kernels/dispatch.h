// Chooses the ISA unit once, from cpuid (or as told), and hands out its kernel table.
#pragma once

#include <string>
#include <vector>

#include "kernels.h"

namespace gradtape {

// The ISAs that this build has and this CPU can run, best first: "avx512", "avx2", "sse2" or "neon".
std::vector<std::string> available_isas();

// The table of an available ISA, by name; the best one for an empty name; null for any other name.
const Kernels* kernels_for(const std::string& isa);

}  // namespace gradtape
