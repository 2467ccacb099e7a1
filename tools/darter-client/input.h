#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace shell {

/// Most bytes of a payload (section 2.1.4).
inline constexpr std::size_t payload_bytes_max = 268'435'455;

/// Reads a descriptor to its end.
///
/// Errors    A sentence: it cannot be read, or has more than `most` bytes.
[[nodiscard]] std::expected<std::string, std::string> read_descriptor(int descriptor,
                                                                      std::size_t most);

/// Reads a whole file.
///
/// Errors    As read_descriptor(); "No such file or directory" and the like.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::string& path,
                                                                std::size_t most);

/// Reads a password: the first line of a file, or of a descriptor that the caller's shell opened.
///
/// Errors    A sentence. A file that others than its owner can read is none; it is for the user to
///           protect.
[[nodiscard]] std::expected<std::string, std::string> read_password_file(const std::string& path);
[[nodiscard]] std::expected<std::string, std::string> read_password_descriptor(int descriptor);

}  // namespace shell
