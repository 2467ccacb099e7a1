#include <string_view>
#include <vector>

#include "broker/server/program.h"

int main(int argc, char** argv) {
  return server::run(std::vector<std::string_view>(argv + 1, argv + argc));
}
