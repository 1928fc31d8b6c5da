#include "buffers.h"

#include <algorithm>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gradtape {

Buffers::~Buffers() {
  for (const auto* list : {&small_, &blocks_}) {
    for (const Tracked& t : *list) napi_delete_reference(env_, t.owner);
  }
  if (canary_) napi_delete_reference(env_, canary_);
}

void Buffers::track(Napi::Value owner, double bytes, int32_t block) {
  if (small_.size() >= sweep_at_) {
    sweep(small_);
    sweep_at_ = std::max<size_t>(1024, small_.size() * 2);
  }
  std::vector<Tracked>& list = block < 0 ? small_ : blocks_;
  list.push_back({nullptr, bytes, block});
  if (napi_create_reference(env_, owner, 0, &list.back().owner) != napi_ok) {
    list.pop_back();
    throw Napi::Error::New(env_);
  }
  bytes_ += bytes;
  if (block >= 0) new_bytes_ += bytes;
}

std::vector<int32_t> Buffers::take_released() {
  unseen_ = collected() || unseen_;
  if (unseen_ && new_bytes_ >= kLookBytes * blocks_.size()) {
    sweep(blocks_);
    unseen_ = false;
    new_bytes_ = 0;
  }
  return std::move(released_);
}

bool Buffers::collected() {
  Napi::HandleScope scope(env_);
  if (canary_) {
    napi_value value = nullptr;
    if (napi_get_reference_value(env_, canary_, &value) == napi_ok && value) return false;
    napi_delete_reference(env_, canary_);
    canary_ = nullptr;
  }
  napi_value object;
  if (napi_create_object(env_, &object) == napi_ok) napi_create_reference(env_, object, 0, &canary_);
  return true;
}

void Buffers::sweep() {
  sweep(small_);
  sweep(blocks_);
}

void Buffers::sweep(std::vector<Tracked>& list) {
  size_t kept = 0;
  released_.reserve(released_.size() + list.size());  // so that nothing throws half-way
  for (size_t i = 0; i < list.size(); ++i) {
    Napi::HandleScope scope(env_);
    napi_value value = nullptr;
    if (napi_get_reference_value(env_, list[i].owner, &value) == napi_ok && value) {
      list[kept++] = list[i];
    } else {
      napi_delete_reference(env_, list[i].owner);
      bytes_ -= list[i].bytes;
      if (list[i].block >= 0) released_.push_back(list[i].block);
    }
  }
  list.resize(kept);
}

void ask_for_huge_pages(void* address, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(address) + kHuge - 1) / kHuge * kHuge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(address) + bytes) / kHuge * kHuge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)address, (void)bytes;
#endif
}

}  // namespace gradtape
