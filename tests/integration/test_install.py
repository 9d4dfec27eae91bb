# SPDX-License-Identifier: MPL-2.0
"""Programs outside the tree, built against an installed copy of the library and run."""
import os
import re
import subprocess

import pytest

import harness

C_PROGRAM = r"""
#include <rentbus/rentbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct rentbus_options options;
    struct rentbus_client *client = NULL;
    struct rentbus_rental_get_args args;
    struct rentbus_batch_builder *builder = NULL;
    int status;
    memset(&options, 0, sizeof(options));
    memset(&args, 0, sizeof(args));
    options.api = argc > 1 ? argv[1] : "ipc:///nowhere/at/all";
    options.timeout_ms = argc > 1 ? 60000 : 50;
    if (rentbus_client_open(&options, &client) != 0)
        return 1;
    status = rentbus_rental_get(client, NULL, &args, NULL);
    printf("%s %s\n", rentbus_word_text(&rentbus_error_code_words, status),
           rentbus_client_fault(client)->field);
    status = rentbus_hello(client, NULL, NULL, NULL);
    printf("%s\n", status == 0 ? "hello" : status == -ETIMEDOUT ? "timeout" : "error");
    printf("%s\n", rentbus_version());
    if (rentbus_batch_open(client, &builder) != 0)
        return 1;
    status = rentbus_batch_add(builder, RENTBUS_OP_policy_put, NULL, NULL);
    printf("%d of %d\n", status, (int)rentbus_batch_commands(builder).count);
    rentbus_batch_close(&builder);
    rentbus_client_close(&client);
    return 0;
}
"""

CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C CXX)
find_package(rentbus REQUIRED)
add_executable(outside_c program.c)
target_link_libraries(outside_c PRIVATE rentbus::rentbus)
add_executable(outside_cxx program.cpp)
target_link_libraries(outside_cxx PRIVATE rentbus::rentbus)
"""

STRICT = ["-Wall", "-Wextra", "-Werror"]


def command(*argv, **more):
    done = subprocess.run(
        [str(arg) for arg in argv], capture_output=True, encoding="utf-8", timeout=120, **more
    )
    assert done.returncode == 0, f"{argv}:\n{done.stdout}{done.stderr}"
    return done.stdout


def cache(name):
    """A value of the build tree's CMake cache; "" when it has none."""
    text = (harness.build_dir() / "CMakeCache.txt").read_text("utf-8")
    found = re.search(rf"^{name}:\w+=(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""


# A library with sanitizers wants programs with sanitizers.
def sanitizer_flags():
    return ["-fsanitize=address,undefined"] if cache("RENTBUS_SANITIZE") == "ON" else []


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installed copy, in a place that the build knew nothing of."""
    directory = tmp_path_factory.mktemp("prefix")
    command("cmake", "--install", harness.build_dir(), "--prefix", directory, "--component", "sdk")
    return directory


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "program.c").write_text(C_PROGRAM, "utf-8")
    (tmp_path / "program.cpp").write_text(C_PROGRAM, "utf-8")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_PROJECT, "utf-8")
    return tmp_path


def library_directory(prefix):
    return next(prefix.glob("lib/**/librentbus.so")).parent


def run(prefix, program, *args):
    env = dict(os.environ, LD_LIBRARY_PATH=str(library_directory(prefix)))
    return command(program, *args, env=env).splitlines()


def expect_program(prefix, program):
    version = cache("CMAKE_PROJECT_VERSION")
    lines = run(prefix, program)
    assert lines == ["INVALID_ARGUMENT rental_id", "timeout", version, "0 of 1"]


def pkg_config(prefix, *flags):
    env = dict(os.environ, PKG_CONFIG_PATH=str(library_directory(prefix) / "pkgconfig"))
    return command("pkg-config", *flags, "rentbus", env=env).split()


@pytest.mark.parametrize("language, compiler", [("c", "gcc"), ("cpp", "g++")])
def test_pkg_config(prefix, sources, language, compiler):
    flags = pkg_config(prefix, "--cflags", "--libs")
    program = sources / "outside"
    command(
        compiler, *STRICT, *sanitizer_flags(), sources / f"program.{language}", "-o", program, *flags
    )
    expect_program(prefix, program)


def test_pkg_config_knows_the_version(prefix):
    assert pkg_config(prefix, "--modversion") == [cache("CMAKE_PROJECT_VERSION")]


def test_cmake_package(prefix, sources):
    build = sources / "build"
    flags = " ".join(STRICT + sanitizer_flags())
    command(
        "cmake", "-G", "Ninja", "-S", sources, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}",
    )
    command("cmake", "--build", build)
    expect_program(prefix, build / "outside_c")
    expect_program(prefix, build / "outside_cxx")


def test_header_stands_alone(prefix, sources):
    """Each installed header compiles as the first one, in C and in C++."""
    include = prefix / "include"
    for header in sorted(include.glob("rentbus/*.h")):
        for language in ("c", "c++"):
            standard = "c11" if language == "c" else "c++17"
            command(
                "gcc", *STRICT, "-fsyntax-only", f"-std={standard}", "-x", language,
                "-I", include, header,
            )


def test_library_names_its_major_version(prefix):
    major = cache("CMAKE_PROJECT_VERSION").split(".")[0]
    library = library_directory(prefix) / "librentbus.so"
    assert f"[librentbus.so.{major}]" in command("readelf", "-d", library)


def test_installed_program_talks_to_the_daemon(prefix, sources, daemon):
    program = sources / "outside"
    command(
        "gcc", *sanitizer_flags(), sources / "program.c", "-o", program,
        *pkg_config(prefix, "--cflags", "--libs"),
    )
    lines = run(prefix, program, daemon.api)
    assert lines[:2] == ["INVALID_ARGUMENT rental_id", "hello"]
