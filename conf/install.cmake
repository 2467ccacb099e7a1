# `cmake --install`: every file where Debian expects it. The prefix is /usr unless another is given
# when the build is configured (-DCMAKE_INSTALL_PREFIX=/opt/darter): units, logrotate and the sample
# name paths below it. As GNUInstallDirs has it, the configuration then belongs to /etc.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "Where cmake --install puts files" FORCE)
endif()
include(GNUInstallDirs)

set(programs darter darter-passwd darter-pub darter-sub darter-rr darter-bench)
set(etc ${CMAKE_INSTALL_FULL_SYSCONFDIR})
set(doc ${CMAKE_INSTALL_DATADIR}/doc/darter)
set(generated ${PROJECT_BINARY_DIR}/install)
set(conf ${PROJECT_SOURCE_DIR}/conf)

install(TARGETS darter RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS darter-passwd darter-pub darter-sub darter-rr darter-bench
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Files that name the broker or its folders: as the prefix has them.
set(sbin_darter ${CMAKE_INSTALL_FULL_SBINDIR}/darter)
function(install_with_paths source destination name)
  file(READ ${conf}/${source} text)
  string(REPLACE "/usr/sbin/darter" "${sbin_darter}" text "${text}")
  string(REPLACE "/etc/darter" "${etc}/darter" text "${text}")
  string(REPLACE "/usr/share/darter" "${CMAKE_INSTALL_FULL_DATADIR}/darter" text "${text}")
  file(CONFIGURE OUTPUT ${generated}/${source} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${conf}/${source})
  install(FILES ${generated}/${source} DESTINATION ${destination} RENAME ${name})
endfunction()
install_with_paths(system/darter.toml ${etc}/darter darter.toml)
install_with_paths(darter.service lib/systemd/system darter.service)
install_with_paths(darter.socket lib/systemd/system darter.socket)
install_with_paths(system/logrotate ${etc}/logrotate.d darter)
install_with_paths(system/apparmor ${etc}/apparmor.d usr.sbin.darter)
install_with_paths(system/nginx/darter-site.conf ${doc}/examples/nginx darter-site.conf)
install_with_paths(system/nginx/darter-stream.conf ${doc}/examples/nginx darter-stream.conf)

install(FILES ${conf}/system/sysusers.conf DESTINATION lib/sysusers.d RENAME darter.conf)
install(FILES ${conf}/system/fail2ban/darter.conf DESTINATION ${etc}/fail2ban/filter.d)
install(FILES ${conf}/system/sysctl.conf DESTINATION ${doc}/examples RENAME 30-darter.conf)
install(FILES ${conf}/mosquitto.conf ${conf}/darter.toml ${conf}/prometheus/darter.rules.yml
        DESTINATION ${doc}/examples)
install(FILES ${conf}/grafana/darter.json DESTINATION ${doc}/examples RENAME grafana-dashboard.json)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/broker/SYS.md
        DESTINATION ${doc})
install(FILES ${conf}/demo/index.html ${conf}/demo/demo.css ${conf}/demo/demo.js
              ${conf}/demo/README.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/darter/demo)

install(FILES ${conf}/darter.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${conf}/darter.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${PROJECT_SOURCE_DIR}/tools/darter-passwd/darter-passwd.1
              ${PROJECT_SOURCE_DIR}/tools/darter-client/darter-pub.1
              ${PROJECT_SOURCE_DIR}/tools/darter-client/darter-sub.1
              ${PROJECT_SOURCE_DIR}/tools/darter-client/darter-rr.1
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# Made from --help of the programs, which comes from their tables of options. Not where sanitizers
# are: nobody installs such a build, and it is slow.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT DARTER_SANITIZE)
  set(tool ${PROJECT_SOURCE_DIR}/tools/from-help)
  set(files)
  set(binaries)
  foreach(program IN LISTS programs)
    list(APPEND binaries $<TARGET_FILE:${program}>)
    list(APPEND files ${generated}/bash/${program} ${generated}/zsh/_${program}
         ${generated}/fish/${program}.fish)
  endforeach()
  list(APPEND files ${generated}/darter-bench.1)
  add_custom_command(OUTPUT ${files}
    COMMAND ${Python3_EXECUTABLE} ${tool} completions --into ${generated} ${binaries}
    COMMAND ${Python3_EXECUTABLE} ${tool} manual --into ${generated} $<TARGET_FILE:darter-bench>
    DEPENDS ${tool} ${programs} COMMENT "Writing completions" VERBATIM)
  add_custom_target(completions ALL DEPENDS ${files})
  set(data ${CMAKE_INSTALL_DATADIR})
  install(DIRECTORY ${generated}/bash/ DESTINATION ${data}/bash-completion/completions)
  install(DIRECTORY ${generated}/zsh/ DESTINATION ${data}/zsh/vendor-completions)
  install(DIRECTORY ${generated}/fish/ DESTINATION ${data}/fish/vendor_completions.d)
  install(FILES ${generated}/darter-bench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
