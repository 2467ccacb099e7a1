#include "transport/openssl.h"

#include <openssl/err.h>

namespace transport {

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "";
  if (text.empty() && code != 0) text = "error " + std::to_string(ERR_GET_REASON(code));
  ERR_clear_error();
  return text;
}

}  // namespace transport
