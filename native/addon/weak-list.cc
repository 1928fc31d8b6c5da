#include "weak-list.h"

#include <algorithm>

namespace gradtape {

WeakList::~WeakList() {
  for (napi_ref object : objects_) napi_delete_reference(env_, object);
}

void WeakList::add(Napi::Value object) {
  if (objects_.size() >= look_at_) {
    forget_dead();
    look_at_ = std::max<size_t>(1024, objects_.size() * 2);
  }
  objects_.push_back(nullptr);
  if (napi_create_reference(env_, object, 0, &objects_.back()) != napi_ok) {
    objects_.pop_back();
    throw Napi::Error::New(env_);
  }
}

Napi::Array WeakList::take() {
  Napi::Array alive = Napi::Array::New(env_);
  uint32_t count = 0;
  for (napi_ref object : objects_) {
    Napi::HandleScope scope(env_);
    napi_value value = nullptr;
    if (napi_get_reference_value(env_, object, &value) == napi_ok && value) alive[count++] = value;
    napi_delete_reference(env_, object);
  }
  objects_.clear();
  return alive;
}

void WeakList::forget_dead() {
  size_t kept = 0;
  for (napi_ref object : objects_) {
    Napi::HandleScope scope(env_);
    napi_value value = nullptr;
    if (napi_get_reference_value(env_, object, &value) == napi_ok && value)
      objects_[kept++] = object;
    else
      napi_delete_reference(env_, object);
  }
  objects_.resize(kept);
}

}  // namespace gradtape
