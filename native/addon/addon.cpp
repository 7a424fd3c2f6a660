// The contract of ../binding.ts as a Node-API module: checks arguments, then calls a kernel. It keeps no pointer after a
// call, starts no thread and throws no C++ exception. What fails is a RangeError with a code, or a TypeError where an
// argument is of another kind.
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <napi.h>

#include "../kernels/block-layout.hpp"
#include "../kernels/sums.hpp"

namespace {

using namespace hartonomous;

constexpr int bindingVersion = 1;
constexpr double safeIntegerMax = 9007199254740991.0;
constexpr std::size_t histogramBinsMax = 65536;


// A view of memory that JavaScript owns, for the time of one call.
template <typename T>
struct View {
  T* data = nullptr;
  std::size_t length = 0;
};

struct Span {
  const void* data;
  std::size_t bytes;
};

// Reads the arguments of one call in order; the first problem stays, and later reads give empty values.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  template <typename T>
  View<T> view(napi_typedarray_type kind, const char* kindName) {
    const Napi::Value value = info_[next_++];
    if (wrongKind_.empty()) {
      if (value.IsTypedArray()) {
        const Napi::TypedArray array = value.As<Napi::TypedArray>();
        napi_typedarray_type actual;
        std::size_t length = 0;
        void* data = nullptr;
        if (napi_get_typedarray_info(info_.Env(), array, &actual, &length, &data, nullptr, nullptr) == napi_ok &&
            actual == kind)
          return {static_cast<T*>(data), data == nullptr ? 0 : length};
      }
      wrongKind_ = "argument " + std::to_string(next_) + " must be a " + kindName;
    }
    return {};
  }

  View<std::uint8_t> bytes() { return view<std::uint8_t>(napi_uint8_array, "Uint8Array"); }
  View<float> floats() { return view<float>(napi_float32_array, "Float32Array"); }
  View<double> doubles() { return view<double>(napi_float64_array, "Float64Array"); }

  double number() {
    const Napi::Value value = info_[next_++];
    if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
    if (wrongKind_.empty()) wrongKind_ = "argument " + std::to_string(next_) + " must be a number";
    return 0;
  }

  // True where every argument had its kind; else the TypeError is pending.
  bool areOfTheirKind() const {
    if (wrongKind_.empty()) return true;
    Napi::TypeError::New(info_.Env(), wrongKind_).ThrowAsJavaScriptException();
    return false;
  }

  bool refuse(const char* code, const std::string& message) const {
    napi_throw_range_error(info_.Env(), code, message.c_str());
    return false;
  }

  bool areApart(std::initializer_list<Span> spans) const {
    for (auto a = spans.begin(); a != spans.end(); a++) {
      for (auto b = a + 1; b != spans.end(); b++) {
        const auto from = reinterpret_cast<std::uintptr_t>(a->data);
        const auto other = reinterpret_cast<std::uintptr_t>(b->data);
        if (a->bytes > 0 && b->bytes > 0 && from < other + b->bytes && other < from + a->bytes)
          return refuse("ERR_NATIVE_OVERLAP", "arguments share memory");
      }
    }
    return true;
  }

 private:
  const Napi::CallbackInfo& info_;
  std::size_t next_ = 0;
  std::string wrongKind_;
};

template <typename T>
Span spanOf(const View<T>& view) {
  return {view.data, view.length * sizeof(T)};
}

bool isWholeNumber(double value) {
  return value >= 0 && value <= safeIntegerMax && value == std::floor(value);
}

bool isState(const Arguments& arguments, const View<double>& state, std::size_t length) {
  if (state.length != length)
    return arguments.refuse("ERR_NATIVE_SIZE", "a state of " + std::to_string(state.length) + " numbers; it must have " +
                                                   std::to_string(length));
  if (!isWholeNumber(state.data[0])) return arguments.refuse("ERR_NATIVE_ARGUMENT", "a state without a count");
  return true;
}

void dequantizeCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const double typeId = arguments.number();
  const auto source = arguments.bytes();
  const auto target = arguments.floats();
  if (!arguments.areOfTheirKind()) return;
  const bool isId = typeId >= 0 && typeId <= 65535 && typeId == std::floor(typeId);
  const BlockLayout* layout = isId ? findBlockLayout(static_cast<std::uint32_t>(typeId)) : nullptr;
  if (layout == nullptr) {
    arguments.refuse("ERR_NATIVE_TYPE", "tensor type " + info[0].ToString().Utf8Value() + " cannot be decoded");
    return;
  }
  const std::size_t blocks = source.length / layout->blockBytes;
  // No overflow: a block has at most 8 elements per byte, and a view at most 2^53 bytes.
  if (source.length % layout->blockBytes != 0 || target.length != blocks * layout->blockElements) {
    arguments.refuse("ERR_NATIVE_SIZE", std::to_string(source.length) + " bytes of " + layout->name + " are no " +
                                            std::to_string(target.length) + " elements");
    return;
  }
  if (!arguments.areApart({spanOf(source), spanOf(target)})) return;
  layout->decode(source.data, blocks, target.data);
}

void accumulateMomentsCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto state = arguments.doubles();
  const auto values = arguments.floats();
  if (!arguments.areOfTheirKind() || !isState(arguments, state, momentStateLength)) return;
  if (!arguments.areApart({spanOf(state), spanOf(values)})) return;
  accumulateMoments(state.data, values.data, values.length);
}

void accumulateProductsCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto state = arguments.doubles();
  const auto a = arguments.floats();
  const auto b = arguments.floats();
  if (!arguments.areOfTheirKind() || !isState(arguments, state, productStateLength)) return;
  if (a.length != b.length) {
    arguments.refuse("ERR_NATIVE_SIZE",
                     std::to_string(a.length) + " elements and " + std::to_string(b.length) + " are no pairs");
    return;
  }
  // A tensor may be compared with itself: both are only read.
  if (!arguments.areApart({spanOf(state), spanOf(a)}) || !arguments.areApart({spanOf(state), spanOf(b)})) return;
  accumulateProducts(state.data, a.data, b.data, a.length);
}

void accumulateSketchCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto state = arguments.doubles();
  const auto values = arguments.floats();
  const double firstIndex = arguments.number();
  const double seed = arguments.number();
  if (!arguments.areOfTheirKind()) return;
  const std::size_t width = state.length / 2;
  if (state.length % 2 != 0 || (width != 64 && width != 128 && width != 256)) {
    arguments.refuse("ERR_NATIVE_SIZE", "a sketch state of " + std::to_string(state.length) + " numbers");
    return;
  }
  if (!isWholeNumber(firstIndex) || static_cast<std::uint64_t>(firstIndex) % width != 0) {
    arguments.refuse("ERR_NATIVE_ARGUMENT", "the first index must be a multiple of " + std::to_string(width));
    return;
  }
  if (!isWholeNumber(seed)) {
    arguments.refuse("ERR_NATIVE_ARGUMENT", "the seed must be a whole number");
    return;
  }
  if (!arguments.areApart({spanOf(state), spanOf(values)})) return;
  accumulateSketch(state.data, width, values.data, values.length, static_cast<std::uint64_t>(firstIndex),
                   static_cast<std::uint64_t>(seed));
}

void accumulateHistogramCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto counts = arguments.doubles();
  const auto values = arguments.floats();
  const double low = arguments.number();
  const double high = arguments.number();
  if (!arguments.areOfTheirKind()) return;
  if (counts.length < 1 || counts.length > histogramBinsMax) {
    arguments.refuse("ERR_NATIVE_SIZE", "a histogram of " + std::to_string(counts.length) + " bins");
    return;
  }
  const double binsPerUnit = static_cast<double>(counts.length) / (high - low);
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high) || !std::isfinite(binsPerUnit)) {
    arguments.refuse("ERR_NATIVE_ARGUMENT", "not a range of finite numbers");
    return;
  }
  if (!arguments.areApart({spanOf(counts), spanOf(values)})) return;
  accumulateHistogram(counts.data, counts.length, values.data, values.length, low, binsPerUnit);
}

// `rows` and `columns` are lengths of views of 8 bytes each, so their product cannot overflow 2^64 unless one lies.
bool isMatrix(const Arguments& arguments, const View<float>& matrix, std::size_t rows, std::size_t columns) {
  const bool fits = columns == 0 ? matrix.length == 0 : matrix.length % columns == 0 && matrix.length / columns == rows;
  if (fits) return true;
  return arguments.refuse("ERR_NATIVE_SIZE", "a matrix of " + std::to_string(matrix.length) + " elements is not " +
                                                 std::to_string(rows) + " x " + std::to_string(columns));
}

void multiplyCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto matrix = arguments.floats();
  const auto x = arguments.doubles();
  const auto out = arguments.doubles();
  if (!arguments.areOfTheirKind() || !isMatrix(arguments, matrix, out.length, x.length)) return;
  if (!arguments.areApart({spanOf(matrix), spanOf(x), spanOf(out)})) return;
  multiply(matrix.data, out.length, x.length, x.data, out.data);
}

void multiplyTransposedCall(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto matrix = arguments.floats();
  const auto y = arguments.doubles();
  const auto out = arguments.doubles();
  if (!arguments.areOfTheirKind() || !isMatrix(arguments, matrix, y.length, out.length)) return;
  if (!arguments.areApart({spanOf(matrix), spanOf(y), spanOf(out)})) return;
  multiplyTransposed(matrix.data, y.length, out.length, y.data, out.data);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("version", Napi::Number::New(env, bindingVersion));
  exports.Set("dequantize", Napi::Function::New(env, dequantizeCall));
  exports.Set("accumulateMoments", Napi::Function::New(env, accumulateMomentsCall));
  exports.Set("accumulateProducts", Napi::Function::New(env, accumulateProductsCall));
  exports.Set("accumulateSketch", Napi::Function::New(env, accumulateSketchCall));
  exports.Set("accumulateHistogram", Napi::Function::New(env, accumulateHistogramCall));
  exports.Set("multiply", Napi::Function::New(env, multiplyCall));
  exports.Set("multiplyTransposed", Napi::Function::New(env, multiplyTransposedCall));
  return exports;
}

}  // namespace

NODE_API_MODULE(hartonomous, init)
