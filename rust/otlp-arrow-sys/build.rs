// SPDX-License-Identifier: Apache-2.0

//! Finds the C library, or builds it from the sources in c/.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Versions of the C library that have all that this crate calls.
const VERSIONS: std::ops::Range<&str> = "0.1.0".."0.2.0";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBOTLP_ARROW_STATIC");
    println!("cargo:rerun-if-changed=build.rs");
    let wanted = env::var("LIBOTLP_ARROW_STATIC").is_ok_and(|v| !matches!(&*v, "" | "0"));
    if env::var_os("DOCS_RS").is_some() || (!wanted && installed()) {
        return;
    }
    let source = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("c");
    for part in ["src", "include", "cmake", "CMakeLists.txt"] {
        println!("cargo:rerun-if-changed={}", source.join(part).display());
    }
    let built = build(&source);
    println!("cargo:rustc-link-search=native={}", built.display());
    println!("cargo:rustc-link-lib=static=otlp_arrow");
    println!("cargo:include={}", source.join("include").display());
    for module in needed(&built.join("otlp-arrow.pc")) {
        let (name, version) = module.split_once(">=").unwrap_or((&module, "0"));
        pkg_config::Config::new()
            .atleast_version(version.trim())
            .probe(name.trim())
            .unwrap_or_else(|error| panic!("otlp-arrow needs {module}: {error}"));
    }
    println!("cargo:rustc-link-lib=pthread");
}

fn installed() -> bool {
    pkg_config::Config::new()
        .range_version(VERSIONS)
        .probe("otlp-arrow")
        .is_ok()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Builds the static library and gives the folder that has it.
fn build(source: &Path) -> PathBuf {
    let target = PathBuf::from(variable("OUT_DIR")).join("build");
    // CMake refuses to build other sources where it has built before, as when a
    // checkout was moved.
    let cache = fs::read_to_string(target.join("CMakeCache.txt")).unwrap_or_default();
    let home = format!("CMAKE_HOME_DIRECTORY:INTERNAL={}", source.display());
    if !cache.is_empty() && !cache.lines().any(|line| line == home) {
        fs::remove_dir_all(&target).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
    }
    let mut configure = Command::new("cmake");
    configure
        .arg("-S")
        .arg(source)
        .arg("-B")
        .arg(&target)
        .args([
            "-DCMAKE_BUILD_TYPE=Release",
            "-DOA_TESTS=OFF",
            "-DOA_FUZZ=OFF",
        ]);
    if let Some(compiler) = env::var_os("TARGET_CC").or_else(|| env::var_os("CC")) {
        let mut option = std::ffi::OsString::from("-DCMAKE_C_COMPILER=");
        option.push(compiler);
        configure.arg(option);
    }
    run(&mut configure);
    run(Command::new("cmake").arg("--build").arg(&target).args([
        "--target",
        "otlp_arrow_static",
        "-j",
        &variable("NUM_JOBS"),
    ]));
    target
}

fn run(command: &mut Command) {
    // A make that runs cargo must not lend its jobs to another one.
    command.env_remove("MAKEFLAGS").env_remove("MFLAGS");
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{command:?} ended with {status}"),
        Err(error) => panic!("otlp-arrow is built with CMake 3.25 or newer: cmake: {error}"),
    }
}

/// The modules that our own pkg-config file names.
fn needed(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Requires.private:"))
        .unwrap_or_else(|| panic!("{} names no modules", file.display()));
    line.split(',').map(|m| m.trim().to_owned()).collect()
}
