// A list of objects of JavaScript that it does not keep alive. (A WeakRef does, until the end of the turn of the event
// loop in which it was made.)
#pragma once

#include <napi.h>

#include <cstddef>
#include <vector>

namespace gradtape {

class WeakList {
 public:
  explicit WeakList(Napi::Env env) : env_(env) {}
  ~WeakList();
  WeakList(const WeakList&) = delete;
  WeakList& operator=(const WeakList&) = delete;

  void add(Napi::Value object);
  // Those that are alive, in the order in which they came; the list is empty afterwards.
  Napi::Array take();

 private:
  void forget_dead();

  Napi::Env env_;
  std::vector<napi_ref> objects_;
  size_t look_at_ = 1024;  // at this length the dead are forgotten
};

}  // namespace gradtape
