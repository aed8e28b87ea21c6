//! Compiles the init that every container runs first: a static program, embedded into the worker.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=init");
    let target = env::var("TARGET").unwrap_or_default();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("slipway-init");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .args(["--edition", "2024", "--crate-name", "slipway_init", "--crate-type", "bin", "--target", &target])
        .args(["-C", "target-feature=+crt-static", "-C", "opt-level=s", "-C", "panic=abort"])
        .args(["-C", "strip=symbols", "-C", "codegen-units=1", "init/init.rs", "-o"])
        .arg(&out);
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            eprintln!("the init did not compile ({status}); linking it needs the static C library (libc6-dev)");
            std::process::exit(1);
        }
        Err(error) => {
            eprintln!("rustc did not start: {error}");
            std::process::exit(1);
        }
    }
}
