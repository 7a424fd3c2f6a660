// Sixteen bytes at once. The compiler makes one instruction of each operation where the machine has it.
#pragma once

#include <cstdint>
#include <cstring>

#include "target.hpp"

namespace hartonomous {

typedef std::uint8_t Bytes16 __attribute__((vector_size(16)));

HART_INLINE Bytes16 loadBytes16(const void* from) noexcept {
  Bytes16 bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// table[index[i]] for indexes below 16.
HART_INLINE Bytes16 pick(const Bytes16 table, const Bytes16 index) noexcept {
#if defined(__clang__)
  Bytes16 picked;
  for (int i = 0; i < 16; i++) picked[i] = table[index[i]];
  return picked;
#else
  return __builtin_shuffle(table, index);
#endif
}

// 16 where bit i of `bits` is set, 0 elsewhere: the fifth bit of weight i.
HART_INLINE Bytes16 fifthBits(std::uint32_t bits) noexcept {
  const std::uint8_t low = static_cast<std::uint8_t>(bits);
  const std::uint8_t high = static_cast<std::uint8_t>(bits >> 8);
  const Bytes16 spread = {low, low, low, low, low, low, low, low, high, high, high, high, high, high, high, high};
  const Bytes16 mask = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return ((spread & mask) == mask) & Bytes16{16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16};
}

// Puts the bytes into memory, where plain loops can take them up. The empty assembly is what the compiler cannot look
// through: else it would take sixteen single bytes out of the register (GCC 12), at a third of the speed.
HART_INLINE void spill(const Bytes16 bytes, std::uint8_t* to) noexcept {
  std::memcpy(to, &bytes, sizeof bytes);
  __asm__("" : "+m"(*reinterpret_cast<std::uint8_t(*)[16]>(to)));
}

// to[i] = scale * (bytes[i] - bias). The bias is never zero: a difference is an int, whose conversion to float becomes a
// vector, where that of a bare byte does not.
HART_INLINE void scaleBiased(const Bytes16 bytes, int bias, float scale, float* to) noexcept {
  std::uint8_t weights[16];
  spill(bytes, weights);
  for (int i = 0; i < 16; i++) to[i] = scale * static_cast<float>(weights[i] - bias);
}

// to[i] = scale * (bytes[i] - bias) + min
HART_INLINE void scaleBiasedAndShift(const Bytes16 bytes, int bias, float scale, float min, float* to) noexcept {
  std::uint8_t weights[16];
  spill(bytes, weights);
  for (int i = 0; i < 16; i++) to[i] = scale * static_cast<float>(weights[i] - bias) + min;
}

}  // namespace hartonomous
