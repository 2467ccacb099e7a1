#include "tools/darter-client/run.h"

int main(int argc, char** argv) { return shell::run_tool(shell::Tool::rr, argc, argv); }
