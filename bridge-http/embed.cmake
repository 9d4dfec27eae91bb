# SPDX-License-Identifier: MPL-2.0
# Writes the file INPUT as the C source OUTPUT.
file(READ "${INPUT}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR length "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(
  WRITE "${OUTPUT}"
  "#include \"bridge-http/openapi.h\"\n\nconst char http_openapi[] = {\n${bytes}};\nconst size_t http_openapi_length = ${length};\n"
)
