// test/vectors/session_images.h
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vectors {

/// Sessions as bytes, each named and well-formed, made by hand: see broker/session_wire.h.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> session_images();

/// The one that has everything: a client that is connected, of 5.0, with messages in every state.
[[nodiscard]] std::string full_session();

}  // namespace vectors
