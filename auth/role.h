// auth/role.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace auth {

/// The rights of an administrator.
enum class Role : std::uint8_t {
  read_only,  ///< sees everything, changes nothing
  admin,      ///< sees and changes everything
};

/// "read-only" or "admin".
[[nodiscard]] constexpr std::string_view name_of(Role role) noexcept {
  return role == Role::admin ? "admin" : "read-only";
}
/// The role of that name. Nothing: there is none.
[[nodiscard]] constexpr std::optional<Role> role_of(std::string_view name) noexcept {
  for (const Role each : {Role::read_only, Role::admin}) {
    if (name == name_of(each)) return each;
  }
  return std::nullopt;
}

}  // namespace auth
