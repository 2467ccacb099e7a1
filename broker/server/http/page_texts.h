// broker/server/http/page_texts.h
#pragma once

#include <string_view>

/// The texts of the files in broker/server/http/page. The build makes their source from the files.
namespace server::page_texts {

extern const std::string_view index_html;
extern const std::string_view status_css;
extern const std::string_view status_js;
extern const std::string_view parts_js;
extern const std::string_view lists_js;
extern const std::string_view trace_js;
extern const std::string_view console_js;
extern const std::string_view backups_js;
extern const std::string_view mqtt_js;
extern const std::string_view favicon_svg;
extern const std::string_view openapi_json;

}  // namespace server::page_texts
