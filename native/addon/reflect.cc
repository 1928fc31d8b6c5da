#include "reflect.h"

#include <string>

#include "kernels/dispatch.h"
#include "outcome.h"
#include "program/program.h"
#include "steps/special.h"

namespace gradtape {
namespace {

Napi::Array isas(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  for (const std::string& name : available_isas()) list[list.Length()] = Napi::String::New(env, name);
  return list;
}

Napi::Array dtypes(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  for (const DTypeInfo& dtype : kDTypeInfo) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = dtype.name;
    o["kind"] = dtype.kind_name;
    o["bytes"] = double(kDTypeSize[list.Length()]);
    list[list.Length()] = o;
  }
  return list;
}

// By status; the first is no failure. What is no fault of the data goes with the text of lastError.
Napi::Array statuses(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  const auto push = [&](const FailureInfo& info) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = info.name;
    o["code"] = info.error;
    o["message"] = info.message;
    list[list.Length()] = o;
  };
  push({"ok", "", ""});
  push({"badProgram", "ERR_INTERNAL", "a malformed program"});
  push({"inside", "ERR_INTERNAL", "the addon failed"});
  for (int code = Failure::kNone + 1; code < Failure::kCodes; ++code) push(kFailureInfo[code]);
  return list;
}

Napi::Array opcodes(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  for (const Form& form : forms()) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = form.name;
    o["numbers"] = form.numbers;
    o["sizes"] = form.sizes;
    o["cheap"] = form.cheap;
    o["elementwise"] = is_elementwise(int32_t(list.Length()));
    list[list.Length()] = o;
  }
  return list;
}

// The numbers of the dtypes for which this holds.
template <class Holds>
Napi::Array dtypes_of(Napi::Env env, Holds holds) {
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t d = 0; d < kDTypes; ++d) {
    if (holds(d)) list[list.Length()] = Napi::Number::New(env, d);
  }
  return list;
}

Napi::Array elementwise(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  const Kernels& kernels = *kernels_for("");
  for (const ElementwiseInfo& k : kElementwiseInfo) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = k.name;
    o["arity"] = int(k.arity);
    o["toBool"] = k.to_bool;
    o["dtypes"] = dtypes_of(env, [&](uint32_t d) { return kernels.elementwise(list.Length(), d)[0] != nullptr; });
    list[list.Length()] = o;
  }
  return list;
}

// Functions of the step `special`, by number.
Napi::Array specials(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  for (const SpecialInfo& info : kSpecialInfo) {
    Napi::Object o = Napi::Object::New(env);
    o["name"] = info.name;
    o["arity"] = info.arity;
    o["dtypes"] = dtypes_of(env, [&](uint32_t d) { return (info.dtypes >> d & 1) != 0; });
    list[list.Length()] = o;
  }
  return list;
}

}  // namespace

void reflect(Napi::Env env, Napi::Object out) {
  out["isas"] = isas(env);
  out["dtypes"] = dtypes(env);
  out["statuses"] = statuses(env);
  out["opcodes"] = opcodes(env);
  out["elementwise"] = elementwise(env);
  out["specials"] = specials(env);
}

}  // namespace gradtape
