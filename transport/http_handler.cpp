#include "transport/http_handler.h"

#include <cassert>
#include <utility>

#include "transport/loop.h"

namespace transport {

void HttpReply::answer(HttpResponse response) const {
  assert(loop_ != nullptr);
  loop_->post([connection = connection_, response = std::move(response)](Loop& loop) mutable {
    loop.connections().http().answer(connection, std::move(response));
  });
}

void HttpReply::refuse(HttpRefusal refusal) const {
  assert(loop_ != nullptr);
  loop_->post([connection = connection_, refusal = std::move(refusal)](Loop& loop) {
    loop.connections().http().refuse(connection, refusal);
  });
}

void HttpReply::check_login(broker::LoginRequest request, broker::LoginDone done) const {
  assert(loop_ != nullptr);
  request.connection = connection_;
  loop_->login_checks().check_http(std::move(request), std::move(done));
}

void HttpReply::go_on() const {
  assert(loop_ != nullptr);
  loop_->post(
      [connection = connection_](Loop& loop) { loop.connections().http().go_on(connection); });
}

}  // namespace transport
