// The buffers of one copy of the library: made and freed by V8, counted through weak references, which are empty once
// the collector has taken the owner.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradtape {

class Buffers {
 public:
  explicit Buffers(Napi::Env env) : env_(env) {}
  ~Buffers();
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  // Counts so many bytes for as long as the owner lives. `block`: of the caller's, to be told of then; negative for
  // none.
  void track(Napi::Value owner, double bytes, int32_t block);
  // Blocks whose owners are dead. Looks for them only if the collector has been at work since the last time, and not at
  // very many live ones for the sake of a little.
  std::vector<int32_t> take_released();
  // Forgets all whose owners are dead.
  void sweep();

  size_t count() const { return small_.size() + blocks_.size(); }
  double bytes() const { return bytes_; }

 private:
  static constexpr size_t kLookBytes = 256;  // in new blocks, for a look at a live one (10 ns)

  struct Tracked {
    napi_ref owner;  // weak
    double bytes;
    int32_t block;
  };

  bool collected();
  void sweep(std::vector<Tracked>& list);

  Napi::Env env_;
  std::vector<Tracked> small_, blocks_;
  std::vector<int32_t> released_;
  napi_ref canary_ = nullptr;  // of an object that nobody has: empty once the collector was at work
  bool unseen_ = true;         // the collector has been at work since the last look at blocks_
  size_t sweep_at_ = 1024;
  double bytes_ = 0, new_bytes_ = 0;
};

// Asks for huge pages where whole ones fit; a hint, without effect on contents.
void ask_for_huge_pages(void* address, size_t bytes);

}  // namespace gradtape
