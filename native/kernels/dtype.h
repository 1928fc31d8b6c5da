// Element types, as rows of dtype.def. Who wants to know something of a dtype asks its row, never its name or number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradtape {

enum DType : uint8_t {
#define DTYPE(id, name, lane, kind, bytes, sums) k##id,
#include "dtype.def"
#undef DTYPE
  kDTypes
};

enum class DTypeKind : uint8_t { k_floating, k_integer, k_boolean };

struct DTypeInfo {
  const char *name, *kind_name;
  DTypeKind kind;
  bool sums;
};
constexpr DTypeInfo kDTypeInfo[kDTypes] = {
#define DTYPE(id, name, lane, kind, bytes, sums) {#name, #kind, DTypeKind::k_##kind, sums},
#include "dtype.def"
#undef DTYPE
};

// Of an element, in bytes.
constexpr size_t kDTypeSize[kDTypes] = {
#define DTYPE(id, name, lane, kind, bytes, sums) bytes,
#include "dtype.def"
#undef DTYPE
};

constexpr bool is_floating(DType dtype) { return kDTypeInfo[dtype].kind == DTypeKind::k_floating; }
constexpr bool is_integer(DType dtype) { return kDTypeInfo[dtype].kind == DTypeKind::k_integer; }
constexpr bool is_boolean(DType dtype) { return kDTypeInfo[dtype].kind == DTypeKind::k_boolean; }
constexpr bool has_sums(DType dtype) { return kDTypeInfo[dtype].sums; }

}  // namespace gradtape
