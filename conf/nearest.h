// conf/nearest.h
#pragma once

#include <span>
#include <string_view>

namespace conf {

/// The one of `names` that looks most like `name`, for "did you mean". Empty if none is near.
[[nodiscard]] std::string_view nearest(std::string_view name,
                                       std::span<const std::string_view> names);

}  // namespace conf
