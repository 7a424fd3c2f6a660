// One decoder per type; see `BlockLayout`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hartonomous {

void decodeF32(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeF16(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeBf16(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ40(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ41(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ50(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ51(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ80(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeIq4Nl(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeMxfp4(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ2K(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ3K(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ4K(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ5K(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;
void decodeQ6K(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;

}  // namespace hartonomous
