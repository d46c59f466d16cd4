# find_package(ragcore) gives the targets ragcore::ragcore (shared) and ragcore::static.

get_filename_component(_ragcore_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET ragcore::ragcore)
  add_library(ragcore::ragcore SHARED IMPORTED)
  set_target_properties(ragcore::ragcore PROPERTIES
    IMPORTED_LOCATION "${_ragcore_prefix}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}ragcore${CMAKE_SHARED_LIBRARY_SUFFIX}"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${_ragcore_prefix}/include")

  add_library(ragcore::static STATIC IMPORTED)
  set_target_properties(ragcore::static PROPERTIES
    IMPORTED_LOCATION "${_ragcore_prefix}/lib/${CMAKE_STATIC_LIBRARY_PREFIX}ragcore${CMAKE_STATIC_LIBRARY_SUFFIX}"
    INTERFACE_INCLUDE_DIRECTORIES "${_ragcore_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;pthread;m;dl")
endif()

unset(_ragcore_prefix)
