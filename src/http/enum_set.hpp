// A set of the values of an enumeration, which count from 0 to 63.
#pragma once
#include <cstdint>
#include <initializer_list>

namespace caas::http {

template <typename Enum>
class EnumSet {
public:
    constexpr EnumSet() = default;
    constexpr EnumSet(std::initializer_list<Enum> values) {
        for (const Enum value : values) add(value);
    }
    constexpr void add(Enum value) { bits_ |= bit(value); }
    constexpr void add(EnumSet values) { bits_ |= values.bits_; }
    constexpr bool has(Enum value) const { return (bits_ & bit(value)) != 0; }

private:
    static constexpr std::uint64_t bit(Enum value) { return std::uint64_t{1} << static_cast<unsigned>(value); }

    std::uint64_t bits_ = 0;
};

}  // namespace caas::http
